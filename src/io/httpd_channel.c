/* io/httpd_channel.c: two queues, two eventfds, one lock. */
#include "io/httpd_channel.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

typedef struct text {
  struct text *next;
  size_t len;
  char bytes[];
} text;

typedef struct {
  text *first, *last;               /* sent to this side */
  int fd;
  int is_finished;                  /* the other side has finished */
} half;

struct tcb_channel {
  pthread_mutex_t lock;
  int refs;
  half half[2];
};

tcb_status tcb_channel_open(tcb_channel **out, tcb_err *err) {
  tcb_channel *c = calloc(1, sizeof *c);
  *out = NULL;
  if (c == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory for a thread");
  pthread_mutex_init(&c->lock, NULL);
  c->refs = 2;
  for (int i = 0; i < 2; i++) c->half[i].fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (c->half[0].fd < 0 || c->half[1].fd < 0) {
    tcb_fail(err, TCB_E_NET, "cannot start a thread: %s", strerror(errno));
    c->refs = 1;
    tcb_channel_release(c);
    return TCB_E_NET;
  }
  *out = c;
  return TCB_OK;
}

void tcb_channel_release(tcb_channel *c) {
  if (c == NULL) return;
  pthread_mutex_lock(&c->lock);
  int refs = --c->refs;
  pthread_mutex_unlock(&c->lock);
  if (refs > 0) return;
  for (int i = 0; i < 2; i++) {
    for (text *t = c->half[i].first, *next; t; t = next) {
      next = t->next;
      free(t);
    }
    if (c->half[i].fd >= 0) close(c->half[i].fd);
  }
  pthread_mutex_destroy(&c->lock);
  free(c);
}

static void signal_fd(int fd) {
  uint64_t one = 1;
  ssize_t n = write(fd, &one, sizeof one);
  (void)n;                          /* full: it is readable already */
}

tcb_status tcb_channel_send(tcb_channel *c, tcb_channel_side from, const char *bytes, size_t len, tcb_err *err) {
  half *to = &c->half[!from];
  text *t = malloc(sizeof *t + len + 1);
  if (t == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory for a message of %zu bytes", len);
  t->next = NULL;
  t->len = len;
  memcpy(t->bytes, bytes, len);
  pthread_mutex_lock(&c->lock);
  if (to->last) to->last->next = t; else to->first = t;
  to->last = t;
  signal_fd(to->fd);
  pthread_mutex_unlock(&c->lock);
  return TCB_OK;
}

static text *pop(tcb_channel *c, half *h, int *is_finished) {
  uint64_t waste;
  pthread_mutex_lock(&c->lock);
  text *t = h->first;
  if (t) h->first = t->next;
  if (h->first == NULL) h->last = NULL;
  if (h->first == NULL && !h->is_finished) {
    ssize_t n = read(h->fd, &waste, sizeof waste);
    (void)n;
  }
  *is_finished = h->is_finished;
  pthread_mutex_unlock(&c->lock);
  return t;
}

char *tcb_channel_receive(tcb_channel *c, tcb_channel_side side, int timeout_ms, size_t *len) {
  half *h = &c->half[side];
  struct pollfd p = { .fd = h->fd, .events = POLLIN };
  int is_finished;
  text *t = pop(c, h, &is_finished);
  while (t == NULL && !is_finished && timeout_ms != 0) {
    if (poll(&p, 1, timeout_ms) <= 0) break;             /* the time is over, or a signal asks for attention */
    t = pop(c, h, &is_finished);
  }
  if (t == NULL) return NULL;
  *len = t->len;
  memmove(t, t->bytes, t->len);                          /* the block becomes the text */
  return (char *)t;
}

int tcb_channel_fd(const tcb_channel *c, tcb_channel_side side) {
  return c->half[side].fd;
}

void tcb_channel_finish(tcb_channel *c, tcb_channel_side side) {
  half *to = &c->half[!side];
  pthread_mutex_lock(&c->lock);
  to->is_finished = 1;
  signal_fd(to->fd);
  pthread_mutex_unlock(&c->lock);
}

int tcb_channel_is_finished(tcb_channel *c, tcb_channel_side side) {
  pthread_mutex_lock(&c->lock);
  int is_finished = c->half[side].is_finished;
  pthread_mutex_unlock(&c->lock);
  return is_finished;
}
