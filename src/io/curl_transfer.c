/* io/curl_transfer.c: one request and its answer on libcurl. Callbacks only fill C buffers; what libcurl 7.88 does behind one's
   back, and how it is undone here, is told where it happens. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/curl_priv.h"

#define HEAD_MAX_BYTES (128 * 1024)
#define HEAD_MAX_LINES 256
#define IO_BUFFER_BYTES (256L * 1024)
#define SMALL_BUFFER_BYTES (16L * 1024)
#define IDLE_MAX_S 20L               /* well under the keep-alive time of common gateways (60 s) */

int tcb_transfer_has_sent(const tcb_transfer *t) {
  long bytes = 0;
  if (t->sends == 0 || t->state < T_RUNNING) return 0;
  curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &bytes);
  return bytes > 0;
}

/* Runs before every send. A kept-alive connection that dies before an answer makes libcurl send the request again on a new one,
   silently: the second send is refused here. */
static int on_send(void *ud, char *ip, char *local_ip, int port, int local_port) {
  tcb_transfer *t = ud;
  (void)ip, (void)local_ip, (void)port, (void)local_port;
  if (t->sends++ > 0) return CURL_PREREQFUNC_ABORT;
  t->sent_us = tcb_clock_mono_us(&t->ctx->clock);
  if (t->tell_sent) tcb_engine_note_sent(t->engine, t);
  return CURL_PREREQFUNC_OK;
}

static void start_head(tcb_transfer *t) {
  t->head.len = 0;
  t->header_count = t->head_complete = 0;
}

static int keep_header(tcb_transfer *t, const char *line, size_t len) {
  const char *colon = memchr(line, ':', len);
  if (colon == NULL || colon == line) return 1;             /* not a header: the body decides whether the answer is good */
  const char *value = colon + 1, *end = line + len;
  while (value < end && (*value == ' ' || *value == '\t')) value++;
  while (end > value && (end[-1] == ' ' || end[-1] == '\t')) end--;
  size_t name_len = (size_t)(colon - line);
  if (tcb_buf_reserve(&t->head, len + 2, NULL) != TCB_OK) return 0;
  char *to = t->head.data + t->head.len;
  for (size_t i = 0; i < name_len; i++) *to++ = (char)tolower((unsigned char)line[i]);
  *to++ = '\0';
  memcpy(to, value, (size_t)(end - value));
  to += end - value;
  *to++ = '\0';
  t->head.len = (size_t)(to - t->head.data);
  t->header_count++;
  return 1;
}

static size_t on_header(char *line, size_t size, size_t n, void *ud) {
  tcb_transfer *t = ud;
  size_t len = n * size, all = len;
  t->head_bytes += (int)len;
  if (t->head_bytes > HEAD_MAX_BYTES || t->header_count >= HEAD_MAX_LINES) {
    t->head_too_long = 1;
    return 0;
  }
  while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r')) len--;
  if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) start_head(t);   /* 100 and 103 heads come before the final one */
  else if (len == 0) t->head_complete = line[all - 1] == '\n';
  else if (!keep_header(t, line, len)) {
    t->no_memory = 1;
    return 0;
  }
  return all;
}

int tcb_transfer_open_file(tcb_transfer *t) {
  long status = 0;
  if (t->part == NULL || t->fd >= 0) return 1;
  curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
  if (status / 100 != 2) return 1;
  t->fd = open(t->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (t->fd < 0) t->write_errno = errno;
  return t->fd >= 0;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *ud) {
  tcb_transfer *t = ud;
  size_t len = size * n;
  t->received += len;
  if (t->received > t->max_body_bytes) {
    t->too_long = 1;
    return 0;
  }
  if (!tcb_transfer_open_file(t)) return 0;
  for (size_t at = 0; t->fd >= 0 && at < len;) {
    ssize_t written = write(t->fd, bytes + at, len - at);
    if (written < 0 && errno != EINTR) {
      t->write_errno = errno;
      return 0;
    }
    if (written > 0) at += (size_t)written;
  }
  if (t->fd < 0 && tcb_buf_add(t->body, bytes, len, NULL) != TCB_OK) {
    t->no_memory = 1;
    return 0;
  }
  return len;
}

static int on_new_socket(void *ud, curl_socket_t fd, curlsocktype purpose) {
  (void)ud, (void)purpose;
  fcntl(fd, F_SETFD, FD_CLOEXEC);                            /* programs started meanwhile must not keep a connection open */
  return CURL_SOCKOPT_OK;
}

tcb_status tcb_transfer_init(tcb_transfer *t, tcb_engine *e, tcb_ctx *ctx, tcb_err *err) {
  *t = (tcb_transfer){ .ctx = ctx, .engine = e, .fd = -1 };
  tcb_buf_init(&t->head, ctx);
  CURL *c = t->easy = curl_easy_init();
  if (c == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory for a request");
  curl_easy_setopt(c, CURLOPT_PRIVATE, t);
  curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L);               /* else a timeout during a name lookup joins the resolver's thread */
  curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, "gzip");
  curl_easy_setopt(c, CURLOPT_UPLOAD_BUFFERSIZE, IO_BUFFER_BYTES);
  curl_easy_setopt(c, CURLOPT_PREREQFUNCTION, on_send);
  curl_easy_setopt(c, CURLOPT_PREREQDATA, t);
  curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(c, CURLOPT_HEADERDATA, t);
  curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
  curl_easy_setopt(c, CURLOPT_SOCKOPTFUNCTION, on_new_socket);
  curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->text);
  return TCB_OK;
}

static int is_loopback(const char *host) {
  unsigned char v4[4];
  if (strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 || strcmp(host, "::1") == 0) return 1;
  return inet_pton(AF_INET, host, v4) == 1 && v4[0] == 127;
}

/* Reads the URL: fills t->host; http only to loopback, so that no token ever leaves unencrypted. */
static tcb_status read_url(tcb_transfer *t, const char *url, int *loopback, tcb_err *err) {
  CURLU *u = curl_url();
  char *host = NULL, *port = NULL, *scheme = NULL;
  tcb_status status = TCB_OK;
  if (u == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory for a request");
  if (curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK
      || curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK
      || curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
    status = tcb_fail(err, TCB_E_CONFIG, "the URL is malformed");
  else {
    curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
    *loopback = is_loopback(host);
    snprintf(t->host, sizeof t->host, "%s:%s", host, port ? port : "?");
    if (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0)
      status = tcb_fail(err, TCB_E_CONFIG, "the URL's scheme '%.20s' is not https", scheme);
    else if (strcmp(scheme, "http") == 0 && !*loopback)
      status = tcb_fail(err, TCB_E_CONFIG, "http:// is for loopback only, and %s is not: use https://", t->host);
  }
  curl_free(host), curl_free(port), curl_free(scheme);
  curl_url_cleanup(u);
  return status;
}

/* The system's hashed directory rather than its bundle: libcurl parses the bundle (16 ms) for every new connection. */
static tcb_status set_ca(tcb_transfer *t, const char *ca, tcb_err *err) {
  struct stat st;
  const char *file = NULL, *dir = NULL;
  if (ca && stat(ca, &st) != 0) return tcb_fail(err, TCB_E_CONFIG, "cannot read the CA file '%s': %s", ca, strerror(errno));
  if (ca && S_ISDIR(st.st_mode)) dir = ca;
  else if (ca) file = ca;
  else {
    const curl_version_info_data *v = curl_version_info(CURLVERSION_NOW);
    file = getenv("SSL_CERT_FILE"), dir = getenv("SSL_CERT_DIR");
    if (file && !*file) file = NULL;
    if (dir && !*dir) dir = NULL;
    if (file == NULL && dir == NULL && v->capath && stat(v->capath, &st) == 0 && S_ISDIR(st.st_mode)) dir = v->capath;
    if (file == NULL && dir == NULL) file = v->cainfo;
  }
  curl_easy_setopt(t->easy, CURLOPT_CAINFO, file);
  curl_easy_setopt(t->easy, CURLOPT_CAPATH, dir);
  return TCB_OK;
}

static int has_header(const tcb_http_request *r, const char *name) {
  size_t len = strlen(name);
  for (int i = 0; i < r->header_count; i++)
    if (strncasecmp(r->headers[i], name, len) == 0 && r->headers[i][len] == ':') return 1;
  return 0;
}

/* The caller's headers, and none of libcurl's own: no Expect, no form content type, no Accept of any kind. */
static tcb_status set_headers(tcb_transfer *t, const tcb_http_request *r, tcb_err *err) {
  static const char *const unwanted[] = { "Expect", "Accept", "Content-Type", "User-Agent" };
  struct curl_slist *list = NULL, *more;
  for (int i = 0; i < r->header_count; i++) {
    if (strpbrk(r->headers[i], "\r\n")) {
      curl_slist_free_all(list);
      return tcb_fail(err, TCB_E_CONFIG, "a header holds a line break");
    }
    if ((more = curl_slist_append(list, r->headers[i])) == NULL) goto no_memory;
    list = more;
  }
  for (size_t i = 0; i < sizeof unwanted / sizeof *unwanted; i++) {
    char line[32];
    if (has_header(r, unwanted[i])) continue;
    snprintf(line, sizeof line, "%s:", unwanted[i]);
    if ((more = curl_slist_append(list, line)) == NULL) goto no_memory;
    list = more;
  }
  t->headers = list;
  curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, list);
  return TCB_OK;
no_memory:
  curl_slist_free_all(list);
  return tcb_fail(err, TCB_E_MEMORY, "not enough memory for a request");
}

static void set_method(tcb_transfer *t, const tcb_http_request *r) {
  CURL *c = t->easy;
  int is_get = strcmp(r->method, "GET") == 0, is_head = strcmp(r->method, "HEAD") == 0;
  curl_easy_setopt(c, CURLOPT_NOBODY, 0L);
  if (r->body == NULL && (is_get || is_head)) {
    curl_easy_setopt(c, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, NULL);
    if (is_head) curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
    return;
  }
  curl_easy_setopt(c, CURLOPT_POST, 1L);
  curl_easy_setopt(c, CURLOPT_POSTFIELDS, r->body ? r->body : "");
  curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
  curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, strcmp(r->method, "POST") == 0 ? NULL : r->method);
}

static tcb_status set_file(tcb_transfer *t, const char *file, tcb_err *err) {
  t->file_bytes = strlen(file) + sizeof ".part";
  t->file = tcb_malloc(t->ctx, t->file_bytes);
  t->part = tcb_malloc(t->ctx, t->file_bytes);
  if (t->file == NULL || t->part == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory for a request");
  snprintf(t->file, t->file_bytes, "%s", file);
  snprintf(t->part, t->file_bytes, "%s.part", file);
  return TCB_OK;
}

tcb_status tcb_transfer_setup(tcb_transfer *t, const tcb_http_request *r, tcb_buf *body, tcb_err *err) {
  int loopback = 0;
  CURL *c = t->easy;
  t->body = body;
  t->max_body_bytes = r->max_body_bytes;
  t->tell_sent = r->tell_sent;
  t->sent_us = t->done_us = -1;
  tcb_err_clear(&t->err);
  tcb_status status = read_url(t, r->url, &loopback, err);
  if (status == TCB_OK) status = set_ca(t, r->ca, err);
  if (status == TCB_OK) status = set_headers(t, r, err);
  if (status == TCB_OK && r->file) status = set_file(t, r->file, err);
  if (status != TCB_OK) return status;
  if (curl_easy_setopt(c, CURLOPT_URL, r->url) != CURLE_OK
      || curl_easy_setopt(c, CURLOPT_PROXY, loopback ? "" : r->proxy) != CURLE_OK)
    return tcb_fail(err, TCB_E_MEMORY, "not enough memory for a request");
  /* Answers to a POST are small; a buffer is allocated and freed for each request, and costs page faults by its size. */
  curl_easy_setopt(c, CURLOPT_BUFFERSIZE, r->body ? SMALL_BUFFER_BYTES : IO_BUFFER_BYTES);
  set_method(t, r);
  curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)r->connect_timeout_ms);
  curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)r->timeout_ms);
  curl_easy_setopt(c, CURLOPT_MAXAGE_CONN, r->repeatable ? 118L : IDLE_MAX_S);
  return TCB_OK;
}

void tcb_transfer_reset(tcb_transfer *t) {
  curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, NULL);
  curl_slist_free_all(t->headers);
  t->headers = NULL;
  if (t->fd >= 0) {
    close(t->fd);
    unlink(t->part);
  }
  t->fd = -1;
  tcb_free(t->ctx, t->file, t->file_bytes);
  tcb_free(t->ctx, t->part, t->file_bytes);
  t->file = t->part = NULL;
  t->received = 0;
  t->status = t->header_count = t->head_complete = t->head_bytes = t->sends = 0;
  t->head.len = 0;
  t->head_too_long = t->too_long = t->no_memory = t->write_errno = 0;
  t->text[0] = '\0';
  t->body = NULL;
}

void tcb_transfer_free(tcb_transfer *t) {
  tcb_transfer_reset(t);
  curl_easy_cleanup(t->easy);
  tcb_buf_free(&t->head);
}
