/* io/httpd_server.c: the server: libmicrohttpd daemons (one a listening socket) behind one epoll descriptor. */
#define _GNU_SOURCE
#include "io/httpd_priv.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *keep(tcb_httpd *s, size_t *at, const char *text) {
  if (text == NULL) return NULL;
  char *copy = s->text.data + *at;
  strcpy(copy, text);
  *at += strlen(text) + 1;
  return copy;
}

static size_t bytes_of(const char *text) {
  return text ? strlen(text) + 1 : 0;
}

static tcb_status copy_options(tcb_httpd *s, const tcb_httpd_options *o, tcb_err *err) {
  size_t need = 1 + bytes_of(o->unix_path), at = 0;
  if (o->route_count > TCB_HTTPD_ROUTES_MAX) return tcb_fail(err, TCB_E_INPUT, "at most %d routes", TCB_HTTPD_ROUTES_MAX);
  for (size_t i = 0; i < o->route_count; i++) {
    const tcb_httpd_route *r = &o->routes[i];
    need += bytes_of(r->path) + bytes_of(r->methods) + bytes_of(r->key_name) + bytes_of(r->key) + bytes_of(r->content_type);
  }
  tcb_status status = tcb_buf_reserve(&s->text, need, err);
  if (status != TCB_OK) return status;
  s->options = *o;
  s->options.routes = s->routes;
  s->options.unix_path = keep(s, &at, o->unix_path);
  s->options.host = s->options.cert_pem = s->options.key_pem = NULL;
  for (size_t i = 0; i < o->route_count; i++) {
    s->routes[i] = o->routes[i];
    s->routes[i].path = keep(s, &at, o->routes[i].path);
    s->routes[i].methods = keep(s, &at, o->routes[i].methods);
    s->routes[i].key_name = keep(s, &at, o->routes[i].key_name);
    s->routes[i].key = keep(s, &at, o->routes[i].key);
    s->routes[i].content_type = keep(s, &at, o->routes[i].content_type);
  }
  s->text.len = at;
  return TCB_OK;
}

static void on_message(void *cls, const char *format, va_list args) {
  tcb_httpd *s = cls;
  if (s->stats.connections == 0) vsnprintf(s->mhd_message, sizeof s->mhd_message, format, args);
}

static tcb_status start(tcb_httpd *s, int slot, int fd, const char *cert, const char *key, tcb_err *err) {
  const tcb_httpd_options *o = &s->options;
  unsigned idle_s = (unsigned)((o->idle_timeout_ms + o->read_timeout_ms) / 1000 + 2);   /* the sweep comes first */
  unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | (cert ? MHD_USE_TLS : 0);
  struct MHD_OptionItem tls[] = {
    { MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)cert }, { MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)key },
    { MHD_OPTION_END, 0, NULL }
  };
  if (cert && MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES) {
    close(fd);
    return tcb_fail(err, TCB_E_CONFIG, "cannot serve TLS: this libmicrohttpd was built without it");
  }
  s->mhd_message[0] = '\0';
  struct MHD_Daemon *d = MHD_start_daemon(flags, 0, NULL, NULL, tcb_httpd_on_request, s,
    MHD_OPTION_EXTERNAL_LOGGER, on_message, s, MHD_OPTION_LISTEN_SOCKET, fd,
    MHD_OPTION_URI_LOG_CALLBACK, tcb_httpd_on_uri, s, MHD_OPTION_NOTIFY_COMPLETED, tcb_httpd_on_completed, s,
    MHD_OPTION_NOTIFY_CONNECTION, tcb_httpd_on_connection, s, MHD_OPTION_CONNECTION_MEMORY_LIMIT, o->max_header_bytes,
    MHD_OPTION_CONNECTION_LIMIT, o->max_connections, MHD_OPTION_CONNECTION_TIMEOUT, idle_s, MHD_OPTION_STRICT_FOR_CLIENT, 1,
    MHD_OPTION_ARRAY, cert ? tls : &tls[2], MHD_OPTION_END);
  if (d == NULL) {
    close(fd);
    size_t n = strcspn(s->mhd_message, "\n");
    return tcb_fail(err, TCB_E_CONFIG, "cannot start the HTTP server: %.*s", n ? (int)n : 20, n ? s->mhd_message : "libmicrohttpd fails");
  }
  s->daemon[slot] = d;
  s->daemon_is_tls[slot] = cert != NULL;
  struct epoll_event e = { .events = EPOLLIN };
  e.data.fd = MHD_get_daemon_info(d, MHD_DAEMON_INFO_EPOLL_FD)->listen_fd;
  if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, e.data.fd, &e) != 0)
    return tcb_fail(err, TCB_E_NET, "cannot watch a socket: %s", strerror(errno));
  return TCB_OK;
}

static tcb_status open_all(tcb_httpd *s, const tcb_httpd_options *o, tcb_err *err) {
  struct epoll_event e = { .events = EPOLLIN };
  tcb_status status = copy_options(s, o, err);
  if (status != TCB_OK) return status;
  s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  e.data.fd = s->wake_fd;
  if (s->epoll_fd < 0 || s->wake_fd < 0 || epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->wake_fd, &e) != 0)
    return tcb_fail(err, TCB_E_NET, "cannot start the HTTP server: %s", strerror(errno));
  if (o->host) {
    int fd = tcb_httpd_listen_tcp(o->host, o->port, &s->port, err);
    if (fd < 0) return err->status;
    if ((status = start(s, 0, fd, o->cert_pem, o->key_pem, err)) != TCB_OK) return status;
  }
  if (o->unix_path) {
    s->options.unix_path = NULL;     /* not ours to remove while listening fails */
    int fd = tcb_httpd_listen_unix(o->unix_path, o->unix_mode, err);
    if (fd < 0) return err->status;
    s->options.unix_path = s->text.data;
    if ((status = start(s, 1, fd, NULL, NULL, err)) != TCB_OK) return status;
  }
  return TCB_OK;
}

tcb_status tcb_httpd_open(tcb_httpd **out, tcb_ctx *ctx, const tcb_httpd_options *options, tcb_err *err) {
  tcb_httpd *s = tcb_calloc(ctx, sizeof *s);
  *out = NULL;
  if (s == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory for a server");
  s->ctx = ctx;
  s->epoll_fd = s->wake_fd = -1;
  s->next_due_ms = INT64_MAX;
  for (int i = 0; i < LINGERS; i++) s->lingers[i].fd = -1;
  tcb_buf_init(&s->text, ctx);
  tcb_status status = open_all(s, options, err);
  if (status != TCB_OK) tcb_httpd_close(s);
  else *out = s;
  return status;
}

void tcb_httpd_close(tcb_httpd *s) {
  if (s == NULL) return;
  s->is_closing = 1;
  /* libmicrohttpd must not be stopped over suspended connections. */
  for (conn *c = s->first; c; c = c->next)
    if (c->req && (c->req->state == REQ_OPEN || c->req->state == REQ_STALLED)) {
      c->req->state = REQ_CUT;
      MHD_resume_connection(c->mhd);
    }
  for (int i = 0; i < LISTENERS; i++)
    if (s->daemon[i]) {
      MHD_run(s->daemon[i]);
      MHD_stop_daemon(s->daemon[i]);
    }
  for (tcb_httpd_req *req = s->queue_first, *next; req; req = next) {
    next = req->next;
    tcb_httpd_req_release(req);
  }
  tcb_httpd_linger_clear(s);
  if (s->options.unix_path) unlink(s->options.unix_path);
  if (s->wake_fd >= 0) close(s->wake_fd);
  if (s->epoll_fd >= 0) close(s->epoll_fd);
  if (s->text.data) memset(s->text.data, 0, s->text.cap);        /* holds the routes' keys */
  tcb_buf_free(&s->text);
  tcb_free(s->ctx, s, sizeof *s);
}

int tcb_httpd_port(const tcb_httpd *s) {
  return s->port;
}

int tcb_httpd_fd(const tcb_httpd *s) {
  return s->epoll_fd;
}

int tcb_httpd_wake_fd(const tcb_httpd *s) {
  return s->wake_fd;
}

void tcb_httpd_wake(int wake_fd) {
  uint64_t one = 1;
  ssize_t n = write(wake_fd, &one, sizeof one);
  (void)n;                           /* full: a wake-up is pending already */
}

int64_t tcb_httpd_timeout_ms(tcb_httpd *s) {
  int64_t wait = -1;
  MHD_UNSIGNED_LONG_LONG ms;
  if (s->queue_first || s->has_resumed) return 0;
  for (int i = 0; i < LISTENERS; i++)
    if (s->daemon[i] && MHD_get_timeout(s->daemon[i], &ms) == MHD_YES && (wait < 0 || (int64_t)ms < wait)) wait = (int64_t)ms;
  if (s->next_due_ms != INT64_MAX) {
    int64_t due = s->next_due_ms - tcb_httpd_now_ms(s);
    if (due < 0) due = 0;
    if (wait < 0 || due < wait) wait = due;
  }
  return wait;
}

tcb_status tcb_httpd_step(tcb_httpd *s, int64_t timeout_ms, tcb_err *err) {
  struct epoll_event events[8];
  int64_t own = tcb_httpd_timeout_ms(s);
  uint64_t waste;
  if (own >= 0 && (timeout_ms < 0 || own < timeout_ms)) timeout_ms = own;
  if (timeout_ms > INT32_MAX) timeout_ms = INT32_MAX;
  int n = epoll_wait(s->epoll_fd, events, 8, (int)timeout_ms);
  if (n < 0 && errno != EINTR) return tcb_fail(err, TCB_E_NET, "cannot wait for connections: %s", strerror(errno));
  for (int i = 0; i < n; i++)
    if (events[i].data.fd == s->wake_fd) {
      ssize_t got = read(s->wake_fd, &waste, sizeof waste);
      (void)got;
    }
  s->has_resumed = 0;
  for (int i = 0; i < LISTENERS; i++)
    if (s->daemon[i] && MHD_run(s->daemon[i]) != MHD_YES) return tcb_fail(err, TCB_E_NET, "cannot serve: libmicrohttpd fails");
  tcb_httpd_conn_sweep(s, tcb_httpd_now_ms(s));
  return TCB_OK;
}

tcb_httpd_req *tcb_httpd_take(tcb_httpd *s) {
  tcb_httpd_req *req = s->queue_first;
  if (req == NULL) return NULL;
  s->queue_first = req->next;
  if (s->queue_first == NULL) s->queue_last = NULL;
  req->next = NULL;
  return req;
}

tcb_status tcb_httpd_watch(tcb_httpd *s, int fd, tcb_err *err) {
  struct epoll_event e = { .events = EPOLLIN };
  e.data.fd = fd;
  if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &e) == 0 || errno == EEXIST) return TCB_OK;
  return tcb_fail(err, TCB_E_NET, "cannot watch descriptor %d: %s", fd, strerror(errno));
}

void tcb_httpd_stats_get(const tcb_httpd *s, tcb_httpd_stats *out) {
  *out = s->stats;
}
