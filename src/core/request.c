/* core/request.c: base URL, path template, query. */
#include "core/request.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define URL_MAX_BYTES 8000          /* under the 8 KB that common servers accept for a request line */

static int is_unreserved(unsigned char c) {
  return (c < 0x80 && isalnum(c)) || c == '-' || c == '.' || c == '_' || c == '~';
}

static tcb_status encode(const char *bytes, size_t len, const char *kept, tcb_buf *out, tcb_err *err) {
  static const char hex[] = "0123456789ABCDEF";
  tcb_status status = tcb_buf_reserve(out, len * 3, err);
  if (status != TCB_OK) return status;
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)bytes[i];
    if (is_unreserved(c) || (c && strchr(kept, c))) out->data[out->len++] = (char)c;
    else {
      out->data[out->len++] = '%';
      out->data[out->len++] = hex[c >> 4];
      out->data[out->len++] = hex[c & 15];
    }
  }
  return TCB_OK;
}

tcb_status tcb_percent_encode(const char *bytes, size_t len, tcb_buf *out, tcb_err *err) {
  return encode(bytes, len, "", out, err);
}

/* 127.a.b.c in full, [::1] or localhost: names that merely begin like these are other hosts, and a leading 0 is octal to some. */
static int host_is_loopback(const char *host, size_t len) {
  if (len == 9 && strncasecmp(host, "localhost", 9) == 0) return 1;
  if (len == 5 && memcmp(host, "[::1]", 5) == 0) return 1;
  int parts = 0;
  for (size_t i = 0; i < len; parts++) {
    int n = 0, digits = 0, zero = host[i] == '0';
    while (i < len && isdigit((unsigned char)host[i]) && digits < 4) n = n * 10 + (host[i++] - '0'), digits++;
    if (digits == 0 || (zero && digits > 1) || n > 255 || (parts == 0 && n != 127)) return 0;
    if (i < len && (host[i++] != '.' || i == len)) return 0;
  }
  return parts == 4;
}

static int host_is_valid(const char *host, size_t len) {
  size_t i = 0;
  if (len > 253 || len == 0) return 0;
  if (host[0] == '[') {
    for (i = 1; i < len && (isxdigit((unsigned char)host[i]) || host[i] == ':' || host[i] == '.'); i++) continue;
    return i == len - 1 && host[i] == ']' && len > 3;
  }
  for (; i < len; i++) {
    unsigned char c = (unsigned char)host[i];
    if (!((c < 0x80 && isalnum(c)) || c == '.' || c == '-' || c == '_')) return 0;
  }
  return host[0] != '.' && host[0] != '-';
}

static tcb_status wrong_base(tcb_err *err, const char *why) {
  return tcb_fail_field(err, TCB_E_CONFIG, "base_url", "base_url %s", why);
}

tcb_status tcb_base_url(const char *url, size_t len, tcb_buf *out, int *is_loopback, tcb_err *err) {
  int is_https = len > 8 && strncasecmp(url, "https://", 8) == 0;
  int is_http = len > 7 && strncasecmp(url, "http://", 7) == 0;
  if (!is_http && !is_https) return wrong_base(err, "must begin with https:// and name a host");
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)url[i];
    if (c <= ' ' || c >= 0x7f || strchr("\"<>\\^`{|}", c)) return wrong_base(err, "holds a character that no URL may hold");
    if (c == '?' || c == '#') return wrong_base(err, "must not have a query or a fragment");
    if (c == '@') return wrong_base(err, "must not hold a user name or password");
  }
  size_t at = is_https ? 8 : 7, host = at;
  while (at < len && url[at] != '/' && (url[at] != ':' || url[host] == '[')) {
    if (url[at++] == ']') break;
  }
  size_t host_len = at - host;
  if (!host_is_valid(url + host, host_len)) return wrong_base(err, "must name a host");
  if (at < len && url[at] == ':') {
    long port = 0;
    size_t first = ++at;
    for (; at < len && isdigit((unsigned char)url[at]) && at - first < 6; at++) port = port * 10 + (url[at] - '0');
    if (port < 1 || port > 65535) return wrong_base(err, "has a port that is not 1..65535");
  }
  if (at < len && url[at] != '/') return wrong_base(err, "must be https://host, perhaps with :port and /path");
  int loopback = host_is_loopback(url + host, host_len);
  if (is_loopback) *is_loopback = loopback;
  if (is_http && !loopback) return wrong_base(err, "must begin with https://: http:// is for loopback only");
  while (len > at && url[len - 1] == '/') len--;
  tcb_status status = tcb_buf_add(out, is_https ? "https://" : "http://", is_https ? 8 : 7, err);
  return status == TCB_OK ? tcb_buf_add(out, url + host, len - host, err) : status;
}

/* One {placeholder} of a path. An id is one segment: "." and ".." would climb out of it on the way. */
static tcb_status add_id(const tcb_request *r, const char *name, size_t name_len, tcb_buf *out, tcb_err *err) {
  char shown[32] = "id";
  int is_account = name_len == 6 && memcmp(name, "client", 6) == 0;
  if (is_account) strcpy(shown, "account");
  else if (name_len < sizeof shown) memcpy(shown, name, name_len), shown[name_len] = '\0';
  tcb_status kind = is_account ? TCB_E_CONFIG : TCB_E_INPUT;
  for (size_t i = 0; i < r->id_count; i++) {
    const tcb_param *p = &r->ids[i];
    if (strlen(p->name) != name_len || memcmp(p->name, name, name_len) != 0) continue;
    if (p->len == 0) break;
    if (p->len > 256) return tcb_fail_field(err, kind, shown, "%s is longer than 256 bytes", shown);
    if ((p->len == 1 && p->value[0] == '.') || (p->len == 2 && memcmp(p->value, "..", 2) == 0))
      return tcb_fail_field(err, kind, shown, "%s must not be '%.*s'", shown, (int)p->len, p->value);
    return tcb_percent_encode(p->value, p->len, out, err);
  }
  return tcb_fail_field(err, kind, shown, "%s is missing", shown);
}

static tcb_status add_path(const tcb_request *r, const char *path, int is_free, tcb_buf *out, tcb_err *err) {
  tcb_status status = TCB_OK;
  if (path[0] != '/') return tcb_fail_field(err, TCB_E_INPUT, "path", "path must begin with '/'");
  while (*path && status == TCB_OK) {
    size_t plain = strcspn(path, "{");
    /* In a path of the user's own, escapes and the characters of RFC 3986's pchar stay as written. */
    status = encode(path, plain, is_free ? "/%:@!$&'()*+,;=" : "/", out, err);
    path += plain;
    if (*path != '{' || status != TCB_OK) continue;
    size_t name_len = strcspn(++path, "}");
    if (path[name_len] != '}') return tcb_fail_field(err, TCB_E_INPUT, "path", "path has a '{' without its '}'");
    status = add_id(r, path, name_len, out, err);
    path += name_len + 1;
  }
  return status;
}

tcb_status tcb_request_url(tcb_call call, const tcb_request *r, tcb_buf *out, tcb_err *err) {
  const tcb_endpoint *e = &tcb_endpoints[call];
  const char *path = e->path ? (r->use_fallback && e->fallback ? e->fallback : e->path) : r->path;
  tcb_status status = tcb_base_url(r->base_url, r->base_url_len, out, NULL, err);
  if (status == TCB_OK) status = add_path(r, path, e->path == NULL, out, err);
  for (size_t i = 0; i < r->query_count && status == TCB_OK; i++) {
    status = tcb_buf_add(out, i ? "&" : "?", 1, err);
    if (status == TCB_OK) status = tcb_percent_encode(r->query[i].name, strlen(r->query[i].name), out, err);
    if (status == TCB_OK) status = tcb_buf_add(out, "=", 1, err);
    if (status == TCB_OK) status = tcb_percent_encode(r->query[i].value, r->query[i].len, out, err);
  }
  if (status == TCB_OK && out->len > URL_MAX_BYTES)
    return tcb_fail(err, TCB_E_INPUT, "the request's URL would be longer than %d bytes", URL_MAX_BYTES);
  return status;
}
