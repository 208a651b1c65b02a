/* io/httpd_conn.c: connections in order of idleness, their deadlines, and sockets kept a moment so that a refusal can be read. */
#define _GNU_SOURCE
#include "io/httpd_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINGER_MS 2000
#define LINGER_BYTES (64u << 20)    /* a sender that goes on behind a refusal is listened to for so long */
#define HEADROOM 16                 /* connections kept free for the next deliveries */
#define NEVER INT64_MAX

int64_t tcb_httpd_now_ms(const tcb_httpd *s) {
  return tcb_clock_mono_us(&s->ctx->clock) / 1000;
}

static void unlink_conn(tcb_httpd *s, conn *c) {
  if (c->prev) c->prev->next = c->next; else s->first = c->next;
  if (c->next) c->next->prev = c->prev; else s->last = c->prev;
}

static void append_conn(tcb_httpd *s, conn *c) {
  c->prev = s->last;
  c->next = NULL;
  if (s->last) s->last->next = c; else s->first = c;
  s->last = c;
}

void tcb_httpd_conn_touch(conn *c, int64_t due_ms) {
  tcb_httpd *s = c->server;
  unlink_conn(s, c);
  append_conn(s, c);
  c->due_ms = due_ms;
  if (due_ms < s->next_due_ms) s->next_due_ms = due_ms;
}

/* libmicrohttpd sees the end of the stream at its next turn and cleans up. */
void tcb_httpd_conn_drop(conn *c) {
  c->is_dropped = 1;
  c->due_ms = NEVER;
  shutdown(c->fd, SHUT_RDWR);
}

static void make_room(tcb_httpd *s) {
  unsigned limit = s->options.max_connections - HEADROOM;
  for (conn *c = s->first; c && s->stats.connections > limit; c = c->next)
    if (c->req == NULL && !c->is_dropped) {
      tcb_httpd_conn_drop(c);
      return;
    }
}

void tcb_httpd_on_connection(void *cls, struct MHD_Connection *mhd, void **context, enum MHD_ConnectionNotificationCode code) {
  tcb_httpd *s = cls;
  conn *c = *context;
  if (code == MHD_CONNECTION_NOTIFY_STARTED) {
    const union MHD_ConnectionInfo *fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    const union MHD_ConnectionInfo *of = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_DAEMON);
    c = tcb_calloc(s->ctx, sizeof *c);
    if (c == NULL) return;           /* its requests are refused for want of a note */
    c->server = s;
    c->mhd = mhd;
    c->fd = fd->connect_fd;
    for (int i = 0; i < LISTENERS; i++)
      if (of->daemon == s->daemon[i]) c->is_tls = s->daemon_is_tls[i];
    append_conn(s, c);
    s->stats.connections++;
    tcb_httpd_conn_touch(c, tcb_httpd_now_ms(s) + s->options.idle_timeout_ms);
    *context = c;
    make_room(s);
  } else if (c) {
    unlink_conn(s, c);
    s->stats.connections--;
    tcb_free(s->ctx, c, sizeof *c);
    *context = NULL;
  }
}

static void close_linger(tcb_httpd *s, linger *l) {
  if (l->fd < 0) return;
  epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, l->fd, NULL);
  close(l->fd);
  l->fd = -1;
}

/* Closing a socket that holds unread bytes sends RST, which can destroy the refusal before it is read. A copy of the descriptor
   keeps the socket; libmicrohttpd closes its own for writing. */
void tcb_httpd_linger_add(tcb_httpd *s, int fd) {
  linger *l = &s->lingers[s->linger_at++ % LINGERS];
  struct epoll_event e = { .events = EPOLLIN };
  close_linger(s, l);
  l->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (l->fd < 0) return;
  l->due_ms = tcb_httpd_now_ms(s) + LINGER_MS;
  l->drained = 0;
  if (l->due_ms < s->next_due_ms) s->next_due_ms = l->due_ms;
  e.data.fd = l->fd;
  epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, l->fd, &e);
}

void tcb_httpd_linger_clear(tcb_httpd *s) {
  for (unsigned i = 0; i < LINGERS; i++) close_linger(s, &s->lingers[i]);
}

static void drain(tcb_httpd *s, linger *l, int64_t now_ms) {
  char waste[16384];
  for (int turn = 0; turn < 64; turn++) {
    ssize_t n = recv(l->fd, waste, sizeof waste, MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (n > 0) l->drained += (size_t)n;
    if (n <= 0 || l->drained > LINGER_BYTES) {
      close_linger(s, l);
      return;
    }
  }
  if (now_ms >= l->due_ms) close_linger(s, l);
}

static void give_up(conn *c) {
  tcb_httpd *s = c->server;
  if (c->req) {
    s->stats.cut_short++;
    if (!c->is_tls) tcb_httpd_raw_answer(c, MHD_HTTP_REQUEST_TIMEOUT);
  }
  if (!c->is_dropped) tcb_httpd_conn_drop(c);
}

void tcb_httpd_conn_sweep(tcb_httpd *s, int64_t now_ms) {
  for (unsigned i = 0; i < LINGERS; i++)
    if (s->lingers[i].fd >= 0) drain(s, &s->lingers[i], now_ms);
  if (now_ms < s->next_due_ms) return;
  s->next_due_ms = NEVER;
  for (conn *c = s->first; c; c = c->next) {
    if (c->due_ms <= now_ms) give_up(c);
    if (c->due_ms < s->next_due_ms) s->next_due_ms = c->due_ms;
  }
  for (unsigned i = 0; i < LINGERS; i++)
    if (s->lingers[i].fd >= 0 && s->lingers[i].due_ms < s->next_due_ms) s->next_due_ms = s->lingers[i].due_ms;
}
