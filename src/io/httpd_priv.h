/* io/httpd_priv.h: what the server's files share. A connection is libmicrohttpd's; `conn` is our note of it. A request belongs to
   its connection and to whoever took it: the last of the two frees it. */
#ifndef TCB_HTTPD_PRIV_H
#define TCB_HTTPD_PRIV_H

#include <microhttpd.h>

#include "io/httpd_server.h"

#define LISTENERS 2                 /* TCP, unix */
#define LINGERS 64

typedef struct conn {
  struct conn *prev, *next;         /* the server's list, the longest idle first */
  tcb_httpd *server;
  struct MHD_Connection *mhd;
  int fd, is_tls, is_dropped;
  int64_t due_ms;                   /* monotonic; when it is given up; INT64_MAX while a request of it waits for its answer */
  tcb_httpd_req *req;               /* the one that is being received or waits */
} conn;

typedef enum { REQ_RECEIVING, REQ_REFUSED, REQ_OPEN, REQ_ANSWERED, REQ_STALLED, REQ_CUT, REQ_GONE } req_state;

typedef struct { char *name, *value; } req_header;

struct tcb_httpd_req {
  tcb_ctx *ctx;
  tcb_httpd *server;                /* NULL once it closed */
  conn *conn;                       /* NULL once the connection is done with it */
  tcb_httpd_req *next;              /* in the queue */
  int refs;
  req_state state;
  int refused_status;               /* over a bound while its body arrives over TLS: answered at its end */
  tcb_httpd_head head;
  size_t max_body_bytes;
  int is_seen;                      /* headers were looked at */
  struct MHD_Response *response;
  int status;
  tcb_buf body, text;               /* text: method, path, query, headers, NUL-terminated one after another */
  size_t method_at, path_at, query_at, headers_at, header_count;
  char peer[64];
};

typedef struct { int fd; int64_t due_ms; size_t drained; } linger;

struct tcb_httpd {
  tcb_ctx *ctx;
  tcb_httpd_options options;
  tcb_httpd_route routes[TCB_HTTPD_ROUTES_MAX];
  tcb_buf text;                     /* the strings of options and routes */
  struct MHD_Daemon *daemon[LISTENERS];
  int daemon_is_tls[LISTENERS];
  int epoll_fd, wake_fd, port;
  int is_closing;
  int has_resumed;                  /* libmicrohttpd does not say that a resumed connection wants a turn */
  conn *first, *last;
  tcb_httpd_req *queue_first, *queue_last;
  int64_t next_due_ms;
  linger lingers[LINGERS];
  unsigned linger_at;
  uint64_t next_id;
  tcb_httpd_stats stats;
  char mhd_message[200];            /* libmicrohttpd's own words while it starts */
};

/* httpd_listen.c: a listening socket, or -1. */
int tcb_httpd_listen_tcp(const char *host, int port, int *bound_port, tcb_err *err);
int tcb_httpd_listen_unix(const char *path, int mode, tcb_err *err);

/* httpd_conn.c: connections, their deadlines, and sockets that linger so that the other side can read a refusal. */
void tcb_httpd_on_connection(void *cls, struct MHD_Connection *c, void **socket_context, enum MHD_ConnectionNotificationCode code);
void tcb_httpd_conn_touch(conn *c, int64_t due_ms);
void tcb_httpd_conn_drop(conn *c);
void tcb_httpd_linger_add(tcb_httpd *s, int fd);
void tcb_httpd_linger_clear(tcb_httpd *s);
/* Does what is due at `now_ms` and sets next_due_ms. */
void tcb_httpd_conn_sweep(tcb_httpd *s, int64_t now_ms);
int64_t tcb_httpd_now_ms(const tcb_httpd *s);

/* httpd_request.c: libmicrohttpd's view of a request. */
void *tcb_httpd_on_uri(void *cls, const char *uri, struct MHD_Connection *c);
enum MHD_Result tcb_httpd_on_request(void *cls, struct MHD_Connection *c, const char *url, const char *method, const char *version,
                                     const char *data, size_t *size, void **req_cls);
void tcb_httpd_on_completed(void *cls, struct MHD_Connection *c, void **req_cls, enum MHD_RequestTerminationCode code);
/* Writes an answer on the bare socket and closes behind it: libmicrohttpd cannot answer in the middle of a request. */
void tcb_httpd_raw_answer(conn *c, int status);
void tcb_httpd_req_detach(tcb_httpd_req *req);

/* httpd_route.c: 0, or the status that refuses a request whose headers are `req`'s; cuts a key out of its query. */
int tcb_httpd_route_check(tcb_httpd *s, tcb_httpd_req *req, int has_body, uint64_t announced_bytes, const char **allow);

#endif
