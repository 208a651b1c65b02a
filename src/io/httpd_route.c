/* io/httpd_route.c: what a server takes at all, decided from a request's head. */
#include "io/httpd_priv.h"

#include <ctype.h>
#include <strings.h>

static int path_fits(const char *pattern, const char *path) {
  size_t n = strlen(pattern);
  if (n && pattern[n - 1] == '*') return strncmp(pattern, path, n - 1) == 0;
  return strcmp(pattern, path) == 0;
}

static int method_fits(const char *list, const char *method) {
  size_t n = strlen(method);
  for (const char *at = list; (at = strstr(at, method)) != NULL; at += n)
    if ((at == list || at[-1] == ',') && (at[n] == '\0' || at[n] == ',')) return 1;
  return 0;
}

static int hex(int c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 32;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Compares a percent-encoded value with the secret; its time depends on the value alone, not on how much of it is right. */
static int key_equal(const char *value, size_t len, const char *key) {
  size_t n = strlen(key), at = 0;
  unsigned difference = 0;
  for (size_t i = 0; i < len; i++, at++) {
    int c = (unsigned char)value[i];
    if (c == '%' && i + 2 < len && hex(value[i + 1]) >= 0 && hex(value[i + 2]) >= 0) {
      c = hex(value[i + 1]) * 16 + hex(value[i + 2]);
      i += 2;
    }
    difference |= (unsigned)(c ^ (unsigned char)key[at % (n + 1)]);
  }
  return ((unsigned)(at ^ n) | difference) == 0;
}

/* Finds `name=` among the query's parameters, cuts every such pair out of the text, and tells whether the first one was the key. */
static int take_key(char *query, const char *name, const char *key) {
  size_t n = strlen(name);
  int seen = 0, is_right = 0;
  char *from = query, *to = query;
  while (*from) {
    size_t len = strcspn(from, "&");
    int is_key = len > n && strncmp(from, name, n) == 0 && from[n] == '=';
    if (is_key && !seen) {
      seen = 1;
      is_right = key_equal(from + n + 1, len - n - 1, key);
    }
    size_t whole = from[len] == '&' ? len + 1 : len;
    if (!is_key) {
      memmove(to, from, whole);
      to += whole;
    }
    from += whole;
  }
  if (to > query && to[-1] == '&') to--;
  *to = '\0';
  return is_right;
}

static const char *header_of(const tcb_httpd_req *req, const char *wanted) {
  const char *name, *value;
  for (size_t i = 0; tcb_httpd_req_header(req, i, &name, &value); i++)
    if (strcmp(name, wanted) == 0) return value;
  return NULL;
}

static int type_fits(const char *wanted, const char *value) {
  size_t n = strlen(wanted);
  if (value == NULL || strncasecmp(value, wanted, n) != 0) return 0;
  value += n;
  while (*value == ' ' || *value == '\t') value++;
  return *value == '\0' || *value == ';';
}

int tcb_httpd_route_check(tcb_httpd *s, tcb_httpd_req *req, int has_body, uint64_t announced_bytes, const char **allow) {
  const tcb_httpd_route *route = NULL;
  req->max_body_bytes = s->options.max_body_bytes;
  for (size_t i = 0; i < s->options.route_count && route == NULL; i++)
    if (path_fits(s->routes[i].path, req->head.path)) route = &s->routes[i];
  if (s->options.route_count && route == NULL) return MHD_HTTP_NOT_FOUND;
  if (route) {
    /* The key first: who does not have it learns nothing else about the server. */
    if (route->key && !take_key((char *)(uintptr_t)req->head.query, route->key_name, route->key)) return MHD_HTTP_FORBIDDEN;
    if (route->methods && !method_fits(route->methods, req->head.method)) {
      *allow = route->methods;
      return MHD_HTTP_METHOD_NOT_ALLOWED;
    }
    if (route->max_body_bytes) req->max_body_bytes = route->max_body_bytes;
    if (route->content_type && has_body && !type_fits(route->content_type, header_of(req, "content-type")))
      return MHD_HTTP_UNSUPPORTED_MEDIA_TYPE;
  }
  return announced_bytes > req->max_body_bytes ? MHD_HTTP_CONTENT_TOO_LARGE : 0;
}
