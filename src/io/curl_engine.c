/* io/curl_engine.c: many transfers on one libcurl multi handle, driven through one epoll descriptor. */
#define _GNU_SOURCE                 /* epoll_pwait2: waits below a millisecond */
#include "io/curl_engine.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "io/curl_priv.h"

#define SLOTS_MAX 4096
#define SLOT_BITS 16
#define EVENTS 64
#define IDLE_CONNECTIONS 256L

typedef struct {                    /* ids in the order in which something happened to them */
  int64_t *ids;
  unsigned from, to, size;          /* size: a power of two, never less than the slots */
} id_queue;

struct tcb_engine {
  tcb_ctx *ctx;
  CURLM *multi;
  int epoll, bell;                  /* bell: an eventfd, made when first rung; -1 before */
  int waits_ms;                     /* this kernel has no epoll_pwait2 */
  int64_t timer_at_us;              /* when libcurl wants a step; -1: never. On the engine's own real clock */
  struct slot { tcb_transfer *t; int free; } *slots;   /* free: a stack of slot numbers, slots[0..free_count) */
  int slot_count, slot_cap, free_count, active;
  int64_t generation;
  tcb_transfer *taken;              /* forgotten with the next call */
  id_queue done, sent;
};

static int64_t real_us(void) {      /* libcurl's timers run on this one, also while tcb's clock is virtual */
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void queue_push(id_queue *q, int64_t id) {
  q->ids[q->to++ & (q->size - 1)] = id;
}

static tcb_transfer *find(tcb_engine *e, int64_t id) {
  int64_t slot = (id & ((1 << SLOT_BITS) - 1)) - 1;
  if (slot < 0 || slot >= e->slot_count || e->slots[slot].t->id != id || e->slots[slot].t->state == T_FREE) return NULL;
  return e->slots[slot].t;
}

static int64_t queue_next(tcb_engine *e, id_queue *q) {
  while (q->from != q->to) {
    int64_t id = q->ids[q->from++ & (q->size - 1)];
    if (find(e, id)) return id;
  }
  return 0;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ud, void *known) {
  tcb_engine *e = ud;
  (void)easy;
  if (what == CURL_POLL_REMOVE) {
    epoll_ctl(e->epoll, EPOLL_CTL_DEL, fd, NULL);
    return 0;
  }
  struct epoll_event ev = { .data.fd = fd };
  ev.events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
  if (epoll_ctl(e->epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &ev) != 0)
    epoll_ctl(e->epoll, known ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &ev);
  if (!known) curl_multi_assign(e->multi, fd, e);
  return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *ud) {
  tcb_engine *e = ud;
  (void)multi;
  e->timer_at_us = timeout_ms < 0 ? -1 : real_us() + (int64_t)timeout_ms * 1000;
  return 0;
}

tcb_status tcb_engine_open(tcb_engine **out, tcb_ctx *ctx, tcb_err *err) {
  *out = NULL;
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return tcb_fail(err, TCB_E_CONFIG, "libcurl cannot be initialised");
  tcb_engine *e = tcb_calloc(ctx, sizeof *e);
  if (e == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory for the HTTP engine");
  e->ctx = ctx;
  e->timer_at_us = e->bell = -1;
  e->epoll = epoll_create1(EPOLL_CLOEXEC);
  e->multi = curl_multi_init();
  if (e->epoll < 0 || e->multi == NULL) {
    tcb_fail(err, e->epoll < 0 ? TCB_E_CONFIG : TCB_E_MEMORY, "cannot open the HTTP engine: %s", strerror(errno));
    tcb_engine_close(e);
    return err ? err->status : TCB_E_CONFIG;
  }
  curl_multi_setopt(e->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(e->multi, CURLMOPT_SOCKETDATA, e);
  curl_multi_setopt(e->multi, CURLMOPT_TIMERFUNCTION, on_timer);
  curl_multi_setopt(e->multi, CURLMOPT_TIMERDATA, e);
  curl_multi_setopt(e->multi, CURLMOPT_MAXCONNECTS, IDLE_CONNECTIONS);
  *out = e;
  return TCB_OK;
}

void tcb_engine_close(tcb_engine *e) {
  if (e == NULL) return;
  for (int i = 0; i < e->slot_count; i++) {
    tcb_transfer *t = e->slots[i].t;
    if (t->state == T_RUNNING) curl_multi_remove_handle(e->multi, t->easy);
    tcb_transfer_free(t);
    tcb_free(e->ctx, t, sizeof *t);
  }
  if (e->multi) curl_multi_cleanup(e->multi);
  if (e->epoll >= 0) close(e->epoll);
  if (e->bell >= 0) close(e->bell);
  tcb_free(e->ctx, e->slots, (size_t)e->slot_cap * sizeof *e->slots);
  tcb_free(e->ctx, e->done.ids, e->done.size * sizeof *e->done.ids);
  tcb_free(e->ctx, e->sent.ids, e->sent.size * sizeof *e->sent.ids);
  tcb_free(e->ctx, e, sizeof *e);
}

static void release(tcb_engine *e, tcb_transfer *t) {
  int slot = (int)(t->id & ((1 << SLOT_BITS) - 1)) - 1;
  tcb_transfer_reset(t);
  t->state = T_FREE;
  e->slots[e->free_count++].free = slot;
}

static void forget_taken(tcb_engine *e) {
  if (e->taken) release(e, e->taken);
  e->taken = NULL;
}

static tcb_status grow(tcb_engine *e, tcb_err *err) {
  int cap = e->slot_cap ? e->slot_cap * 2 : 16;
  if (e->slot_count >= SLOTS_MAX) return tcb_fail(err, TCB_E_CONFIG, "more than %d requests at once", SLOTS_MAX);
  struct slot *slots = tcb_realloc(e->ctx, e->slots, (size_t)e->slot_cap * sizeof *slots, (size_t)cap * sizeof *slots);
  if (slots == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory for %d requests at once", cap);
  e->slots = slots;
  e->slot_cap = cap;
  return TCB_OK;
}

static tcb_status new_slot(tcb_engine *e, tcb_err *err) {
  tcb_status status = e->slot_count == e->slot_cap ? grow(e, err) : TCB_OK;
  if (status != TCB_OK) return status;
  tcb_transfer *t = tcb_calloc(e->ctx, sizeof *t);
  if (t == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory for a request");
  status = tcb_transfer_init(t, e, e->ctx, err);
  if (status != TCB_OK) {
    tcb_free(e->ctx, t, sizeof *t);
    return status;
  }
  e->slots[e->slot_count].t = t;
  e->slots[e->free_count++].free = e->slot_count++;
  return TCB_OK;
}

/* Room for one more id of each slot, so that a push never fails; ids of forgotten transfers are dropped first. */
static tcb_status reserve(tcb_engine *e, id_queue *q, tcb_err *err) {
  unsigned size = q->size ? q->size : 64, n = 0, slots = (unsigned)e->slot_count;
  if (q->size && q->to - q->from + slots < q->size) return TCB_OK;
  for (unsigned i = q->from; i != q->to; i++) n += find(e, q->ids[i & (q->size - 1)]) != NULL;
  while (n + slots >= size / 2) size *= 2;
  int64_t *ids = tcb_malloc(e->ctx, size * sizeof *ids);
  if (ids == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory for a request");
  n = 0;
  for (int64_t id; (id = queue_next(e, q)) != 0;) ids[n++] = id;
  tcb_free(e->ctx, q->ids, q->size * sizeof *q->ids);
  *q = (id_queue){ .ids = ids, .to = n, .size = size };
  return TCB_OK;
}

tcb_status tcb_engine_prepare(tcb_engine *e, int64_t *id, tcb_err *err) {
  forget_taken(e);
  tcb_status status = e->free_count == 0 ? new_slot(e, err) : TCB_OK;
  if (status == TCB_OK) status = reserve(e, &e->done, err);
  if (status == TCB_OK) status = reserve(e, &e->sent, err);
  if (status != TCB_OK) return status;
  int slot = e->slots[--e->free_count].free;
  tcb_transfer *t = e->slots[slot].t;
  t->id = ++e->generation << SLOT_BITS | (slot + 1);
  t->state = T_PREPARED;
  *id = t->id;
  return TCB_OK;
}

tcb_status tcb_engine_send(tcb_engine *e, int64_t id, const tcb_http_request *r, tcb_buf *body, tcb_err *err) {
  tcb_transfer *t = find(e, id);
  if (t == NULL || t->state != T_PREPARED) return tcb_fail(err, TCB_E_CONFIG, "no such request");
  tcb_status status = tcb_transfer_setup(t, r, body, err);
  if (status == TCB_OK && curl_multi_add_handle(e->multi, t->easy) != CURLM_OK)
    status = tcb_fail(err, TCB_E_MEMORY, "not enough memory for a request");
  if (status != TCB_OK) {
    release(e, t);
    return status;
  }
  t->state = T_RUNNING;
  e->active++;
  return TCB_OK;
}

void tcb_engine_note_sent(tcb_engine *e, tcb_transfer *t) {
  queue_push(&e->sent, t->id);
}

static void finish(tcb_engine *e, CURL *easy, CURLcode code) {
  tcb_transfer *t;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&t);
  tcb_transfer_finish(t, code);
  curl_multi_remove_handle(e->multi, easy);
  t->state = T_DONE;
  e->active--;
  queue_push(&e->done, t->id);
}

static int wait_events(tcb_engine *e, struct epoll_event *events, int64_t timeout_us) {
  struct timespec left = { .tv_sec = (time_t)(timeout_us / 1000000), .tv_nsec = (long)(timeout_us % 1000000) * 1000 };
  int n = e->waits_ms ? -1 : epoll_pwait2(e->epoll, events, EVENTS, timeout_us < 0 ? NULL : &left, NULL);
  if (n < 0 && !e->waits_ms) e->waits_ms = errno == ENOSYS;
  if (n < 0 && e->waits_ms) n = epoll_wait(e->epoll, events, EVENTS, timeout_us < 0 ? -1 : (int)((timeout_us + 999) / 1000));
  return n;                         /* -1: a signal; the caller comes again */
}

tcb_status tcb_engine_step(tcb_engine *e, int64_t timeout_us, tcb_err *err) {
  struct epoll_event events[EVENTS];
  int running, left;
  CURLMcode code = CURLM_OK;
  forget_taken(e);
  int64_t want_us = tcb_engine_timeout_us(e);
  if (want_us >= 0 && (timeout_us < 0 || want_us < timeout_us)) timeout_us = want_us;
  int n = wait_events(e, events, timeout_us);
  for (int i = 0; i < n && code == CURLM_OK; i++) {
    if (events[i].data.fd == e->bell) continue;
    int flags = (events[i].events & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) | (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0)
              | (events[i].events & EPOLLERR ? CURL_CSELECT_ERR : 0);
    code = curl_multi_socket_action(e->multi, events[i].data.fd, flags, &running);
  }
  if (code == CURLM_OK && tcb_engine_timeout_us(e) == 0) {
    e->timer_at_us = -1;
    code = curl_multi_socket_action(e->multi, CURL_SOCKET_TIMEOUT, 0, &running);
  }
  for (CURLMsg *msg; (msg = curl_multi_info_read(e->multi, &left)) != NULL;)
    if (msg->msg == CURLMSG_DONE) finish(e, msg->easy_handle, msg->data.result);
  if (code != CURLM_OK) return tcb_fail(err, TCB_E_NET, "the HTTP engine failed: %s", curl_multi_strerror(code));
  return TCB_OK;
}

int64_t tcb_engine_next_done(tcb_engine *e) {
  return queue_next(e, &e->done);
}

int64_t tcb_engine_next_sent(tcb_engine *e, int64_t *sent_us) {
  int64_t id = queue_next(e, &e->sent);
  if (id) *sent_us = find(e, id)->sent_us;
  return id;
}

int tcb_engine_is_done(tcb_engine *e, int64_t id) {
  tcb_transfer *t = find(e, id);
  return t != NULL && t->state == T_DONE;
}

tcb_status tcb_engine_take(tcb_engine *e, int64_t id, tcb_http_answer *answer, tcb_err *err) {
  tcb_transfer *t = find(e, id);
  if (t == NULL || t == e->taken) return tcb_fail(err, TCB_E_CONFIG, "no such request");
  if (t->state != T_DONE) return TCB_AGAIN;
  forget_taken(e);
  e->taken = t;
  if (t->err.status != TCB_OK) {
    if (err) *err = t->err;
    return t->err.status;
  }
  *answer = (tcb_http_answer){ .status = t->status, .headers = t->head.data, .header_count = t->header_count, .body = t->body,
                               .sent_us = t->sent_us, .done_us = t->done_us };
  return TCB_OK;
}

int tcb_engine_cancel(tcb_engine *e, int64_t id) {
  tcb_transfer *t = find(e, id);
  if (t == NULL || t == e->taken) return 0;
  int sent = tcb_transfer_has_sent(t);
  if (t->state == T_RUNNING) {
    curl_multi_remove_handle(e->multi, t->easy);
    e->active--;
  }
  release(e, t);
  return sent;
}

int tcb_engine_fd(const tcb_engine *e) {
  return e->epoll;
}

int64_t tcb_engine_timeout_us(const tcb_engine *e) {
  if (e->timer_at_us < 0) return -1;
  int64_t left = e->timer_at_us - real_us();
  return left > 0 ? left : 0;
}

void tcb_engine_rouse(tcb_engine *e, int on) {
  uint64_t one = 1;
  if (e->bell < 0) {
    struct epoll_event ev = { .events = EPOLLIN };
    if (!on) return;
    ev.data.fd = e->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (e->bell >= 0) epoll_ctl(e->epoll, EPOLL_CTL_ADD, e->bell, &ev);
  }
  ssize_t done = on ? write(e->bell, &one, sizeof one) : read(e->bell, &one, sizeof one);
  (void)done;                       /* full or empty already: as wanted */
}

int tcb_engine_active(const tcb_engine *e) {
  return e->active;
}
