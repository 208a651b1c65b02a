/* io/curl_outcome.c: what libcurl's result codes mean for us. */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/curl_priv.h"

/* libcurl's own text, made to fit the end of a sentence: no OpenSSL code in front, no capital, no full stop. */
static const char *reason(const tcb_transfer *t, CURLcode code, char out[200]) {
  const char *text = t->text[0] ? t->text : curl_easy_strerror(code), *last = strstr(text, "routines::");
  if (last) text = last + strlen("routines::");
  snprintf(out, 200, "%.199s", text);
  size_t len = strlen(out);
  while (len > 0 && (out[len - 1] == '.' || isspace((unsigned char)out[len - 1]))) out[--len] = '\0';
  if (len > 1 && islower((unsigned char)out[1])) out[0] = (char)tolower((unsigned char)out[0]);
  return out;
}

static tcb_status fail(tcb_transfer *t, CURLcode code, int sent) {
  char why[200];
  long os = 0;
  tcb_err *e = &t->err;
  const char *host = t->host;
  reason(t, code, why);
  if (t->no_memory) return tcb_fail(e, TCB_E_MEMORY, "not enough memory for the answer of %s", host);
  if (t->write_errno) return tcb_fail(e, TCB_E_STORE, "cannot write '%.120s': %s", t->part, strerror(t->write_errno));
  if (t->too_long) return tcb_fail(e, TCB_E_PROTO, "the answer of %s is larger than %zu bytes", host, t->max_body_bytes);
  if (t->head_too_long) return tcb_fail(e, TCB_E_PROTO, "the headers of %s's answer are too long", host);
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      if (t->sends == 0) return tcb_fail(e, TCB_E_TIMEOUT, "no connection to %s in time", host);
      return tcb_fail(e, TCB_E_TIMEOUT, "no complete answer from %s in time", host);
    case CURLE_COULDNT_RESOLVE_HOST: return tcb_fail(e, TCB_E_NET, "the name of %s cannot be resolved", host);
    case CURLE_COULDNT_RESOLVE_PROXY: return tcb_fail(e, TCB_E_NET, "the proxy's name cannot be resolved");
    case CURLE_COULDNT_CONNECT:
      curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &os);
      return tcb_fail(e, TCB_E_NET, "cannot connect to %s: %s", host, os ? strerror((int)os) : why);
    case CURLE_SSL_CACERT_BADFILE: return tcb_fail(e, TCB_E_CONFIG, "the CA file cannot be used: %s", why);
    case CURLE_PEER_FAILED_VERIFICATION:
      return tcb_fail(e, TCB_E_NET, "the TLS certificate of %s is not good: %s", host, why);
    case CURLE_SSL_CONNECT_ERROR: return tcb_fail(e, TCB_E_NET, "no TLS connection to %s: %s", host, why);
    case CURLE_ABORTED_BY_CALLBACK:   /* the second send was refused */
      if (sent) return tcb_fail(e, TCB_E_NET, "%s closed the connection before it answered", host);
      return tcb_fail(e, TCB_E_NET, "%s closed the connection before the request was sent", host);
    case CURLE_GOT_NOTHING: return tcb_fail(e, TCB_E_NET, "%s closed the connection before it answered", host);
    case CURLE_PARTIAL_FILE: return tcb_fail(e, TCB_E_PROTO, "the answer of %s ended early", host);
    case CURLE_OUT_OF_MEMORY:         /* a header line above 100 KB is reported as this */
      if (sent) return tcb_fail(e, TCB_E_PROTO, "a header of %s's answer is too long", host);
      return tcb_fail(e, TCB_E_MEMORY, "not enough memory for a request to %s", host);
    case CURLE_UNSUPPORTED_PROTOCOL:  /* an answer without a status line is reported as this */
    case CURLE_WEIRD_SERVER_REPLY:
      return tcb_fail(e, TCB_E_PROTO, "the answer of %s is not HTTP", host);
    case CURLE_BAD_CONTENT_ENCODING: case CURLE_WRITE_ERROR:
      return tcb_fail(e, TCB_E_PROTO, "the answer of %s is badly encoded", host);
    case CURLE_URL_MALFORMAT: return tcb_fail(e, TCB_E_CONFIG, "the URL is malformed");
    default: break;
  }
  if (sent) return tcb_fail(e, TCB_E_NET, "the connection to %s broke: %s", host, why);
  return tcb_fail(e, TCB_E_NET, "cannot reach %s: %s", host, why);
}

static void close_file(tcb_transfer *t) {
  if (t->fd < 0) return;
  int failed = close(t->fd) != 0 || (t->err.status == TCB_OK && rename(t->part, t->file) != 0) ? errno : 0;
  t->fd = -1;
  if (failed) tcb_fail(&t->err, TCB_E_STORE, "cannot write '%.120s': %s", t->file, strerror(failed));
  if (t->err.status != TCB_OK) unlink(t->part);
}

void tcb_transfer_finish(tcb_transfer *t, CURLcode code) {
  long status = 0;
  int sent = tcb_transfer_has_sent(t);
  t->done_us = tcb_clock_mono_us(&t->ctx->clock);
  curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
  t->status = (int)status;
  /* A head that ends in the middle is result 0 for libcurl. */
  if (code == CURLE_OK && !t->head_complete) tcb_fail(&t->err, TCB_E_PROTO, "the head of %s's answer ended early", t->host);
  else if (code != CURLE_OK || !tcb_transfer_open_file(t)) fail(t, code, sent);   /* an empty answer makes an empty file */
  t->err.sent = sent;
  close_file(t);
  t->err.sent = sent;
}
