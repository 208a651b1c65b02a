/* io/httpd_server.h: an HTTP/1.1 server that is polled from outside, on libmicrohttpd. Requests are collected whole, queued, and
   answered whenever the caller likes; what a small table of routes refuses is answered here, without reading its body. One thread
   at a time, but for tcb_httpd_wake. */
#ifndef TCB_HTTPD_SERVER_H
#define TCB_HTTPD_SERVER_H

#include "core/buf.h"
#include "core/ctx.h"

#define TCB_HTTPD_ROUTES_MAX 8

typedef struct tcb_httpd tcb_httpd;
typedef struct tcb_httpd_req tcb_httpd_req;

/* What a path accepts. NULL fields are not checked. */
typedef struct {
  const char *path;                 /* raw, without the query; a final `*` stands for any rest */
  const char *methods;              /* "POST" or "GET,POST"; any other: 405 */
  const char *key_name, *key;       /* a query parameter that must hold this secret, else 403; it is cut out of `query` */
  const char *content_type;         /* the media type a body must have, else 415 */
  size_t max_body_bytes;            /* 0: the server's */
} tcb_httpd_route;

typedef struct {
  const char *host;                 /* an address or a name of this machine; NULL with `unix_path`: no TCP */
  int port;                         /* 0: any free one */
  const char *unix_path;            /* a socket file to listen on (too), NULL: none */
  int unix_mode;                    /* its permissions */
  const char *cert_pem, *key_pem;   /* both: TLS on the TCP port; PEM text */
  size_t max_body_bytes;            /* a longer one: 413 */
  size_t max_header_bytes;          /* request line and headers; more: 431 or 414 */
  int64_t idle_timeout_ms;          /* a connection without a request is closed after this */
  int64_t read_timeout_ms;          /* from a request's first line to its last byte; slower: 408 */
  unsigned max_connections;         /* when they run out, the one that is idle longest is closed */
  const tcb_httpd_route *routes;    /* NULL: everything is taken; else other paths: 404 */
  size_t route_count;
} tcb_httpd_options;

typedef struct {
  uint64_t requests, refused, cut_short;   /* queued; answered by the routes or bounds; too slow or broken off */
  unsigned connections, open_requests;
} tcb_httpd_stats;

/* Listens. On TCB_OK the caller owns *out. Strings are copied. TCB_E_CONFIG: bad host, TLS files; TCB_E_NET: the port is taken. */
tcb_status tcb_httpd_open(tcb_httpd **out, tcb_ctx *ctx, const tcb_httpd_options *options, tcb_err *err);
/* Cuts every connection; requests that are still held answer nothing from here on. Accepts NULL. */
void tcb_httpd_close(tcb_httpd *server);
int tcb_httpd_port(const tcb_httpd *server);
/* Readable when a step has work to do; for poll and epoll, level-triggered. */
int tcb_httpd_fd(const tcb_httpd *server);
/* Milliseconds until a step is due even if the descriptor stays silent; -1: no need. */
int64_t tcb_httpd_timeout_ms(tcb_httpd *server);
/* Waits up to `timeout_ms` (0: not at all, -1: until something happens) and does what is to be done. Returns early on a signal, and
   as soon as a request is queued or tcb_httpd_wake was called. */
tcb_status tcb_httpd_step(tcb_httpd *server, int64_t timeout_ms, tcb_err *err);
/* The next whole request, in order of arrival, or NULL. The caller holds a reference: tcb_httpd_req_release. */
tcb_httpd_req *tcb_httpd_take(tcb_httpd *server);
/* An eventfd that ends the wait of a step; any thread may write 8 bytes to it while the server is open. */
int tcb_httpd_wake_fd(const tcb_httpd *server);
void tcb_httpd_wake(int wake_fd);
/* The wait of a step also ends while `fd` is readable; whoever owns it reads it. It must stay open as long as the server. */
tcb_status tcb_httpd_watch(tcb_httpd *server, int fd, tcb_err *err);
void tcb_httpd_stats_get(const tcb_httpd *server, tcb_httpd_stats *out);

/* A request. Text lives as long as the reference. */
typedef struct {
  uint64_t id;                      /* 1, 2, ... in order of arrival at this server */
  const char *method, *path, *query, *peer;     /* raw; query "" when there is none; peer "127.0.0.1:5000" or "unix" */
} tcb_httpd_head;
const tcb_httpd_head *tcb_httpd_req_head(const tcb_httpd_req *req);
tcb_buf *tcb_httpd_req_body(tcb_httpd_req *req);
/* Header number `i` (0, 1, ...) with its name in lower case; 0 when there are no more. */
int tcb_httpd_req_header(const tcb_httpd_req *req, size_t i, const char **name, const char **value);

typedef struct { const char *name, *value; } tcb_httpd_header;
typedef enum { TCB_CUT_EMPTY, TCB_CUT_TRUNCATE, TCB_CUT_RESET, TCB_CUT_STALL } tcb_httpd_cut;
/* Answers; the bytes leave in the next steps. Copies everything. TCB_NOT_FOUND: the other side or the server is gone, or it was
   answered before. TCB_E_INPUT: a header that HTTP forbids. */
tcb_status tcb_httpd_respond(tcb_httpd_req *req, int status, const tcb_httpd_header *headers, size_t count, const char *body,
                             size_t len, tcb_err *err);
/* Ends the connection without a proper answer. EMPTY: closes it. RESET: the peer sees RST. STALL: says nothing until another cut or
   the server's end. TRUNCATE: after tcb_httpd_respond's arguments were given with half of `len` bytes. Results as above. */
tcb_status tcb_httpd_req_cut(tcb_httpd_req *req, tcb_httpd_cut mode, int status, const tcb_httpd_header *headers, size_t count,
                             const char *body, size_t len, tcb_err *err);
/* A request released without an answer is answered 500; a stalled one stays so. Accepts NULL. */
void tcb_httpd_req_release(tcb_httpd_req *req);

#endif
