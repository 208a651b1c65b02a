/* core/request.h: from a call and its arguments to a URL. */
#ifndef TCB_REQUEST_H
#define TCB_REQUEST_H

#include "core/buf.h"
#include "core/endpoints.h"

typedef struct {
  const char *name;                 /* of a {placeholder} or a query parameter */
  const char *value;
  size_t len;
} tcb_param;

typedef struct {
  const char *base_url;             /* as the user gave it: a path and a trailing slash are allowed */
  size_t base_url_len;
  const tcb_param *ids;             /* for the placeholders of the path: client, feature_set, survey */
  size_t id_count;
  const tcb_param *query;           /* only those to be sent, in the order to be sent */
  size_t query_count;
  int use_fallback;                 /* the endpoint's fallback path */
  const char *path;                 /* TCB_CALL_OTHER: the path, with {client} allowed */
} tcb_request;

/* Appends the base URL without its trailing slashes to `out`. TCB_E_CONFIG when it is not http(s)://host[:port][/path], or
   is http to a host that is not loopback. `is_loopback` may be NULL. */
tcb_status tcb_base_url(const char *url, size_t len, tcb_buf *out, int *is_loopback, tcb_err *err);
/* Appends the whole URL. Values are percent-encoded; TCB_E_CONFIG for the base URL and the account, TCB_E_INPUT for ids. */
tcb_status tcb_request_url(tcb_call call, const tcb_request *request, tcb_buf *out, tcb_err *err);
/* Appends `bytes` with everything but the unreserved characters of RFC 3986 percent-encoded. */
tcb_status tcb_percent_encode(const char *bytes, size_t len, tcb_buf *out, tcb_err *err);

#endif
