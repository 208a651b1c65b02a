/* io/mailbox.c: one question and one answer at a time, behind a mutex; an eventfd wakes the worker's poll. */
#include "io/mailbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

typedef struct { char *text; size_t len; int is_there; } message;

struct tcb_mailbox {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  int fd, is_stopping, has_ended, no_memory;
  message question, answer;
  char why[200];                    /* what the worker left */
};

tcb_status tcb_mailbox_open(tcb_mailbox **out, tcb_err *err) {
  tcb_mailbox *m = calloc(1, sizeof *m);
  *out = NULL;
  if (m == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory for a thread");
  m->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (m->fd < 0) {
    free(m);
    return tcb_fail(err, TCB_E_CONFIG, "cannot make an event descriptor: %s", strerror(errno));
  }
  pthread_mutex_init(&m->lock, NULL);
  pthread_cond_init(&m->changed, NULL);
  *out = m;
  return TCB_OK;
}

void tcb_mailbox_close(tcb_mailbox *m) {
  if (m == NULL) return;
  close(m->fd);
  pthread_cond_destroy(&m->changed);
  pthread_mutex_destroy(&m->lock);
  free(m->question.text);
  free(m->answer.text);
  free(m);
}

static int put(message *to, const char *text, size_t len) {
  char *copy = malloc(len ? len : 1);
  if (copy == NULL) return 0;
  memcpy(copy, text, len);
  free(to->text);
  *to = (message){ copy, len, 1 };
  return 1;
}

static tcb_status move_out(message *from, tcb_buf *to, tcb_err *err) {
  tcb_status status = tcb_buf_add(to, from->text, from->len, err);
  free(from->text);
  *from = (message){ NULL, 0, 0 };
  return status;
}

static void wake(tcb_mailbox *m) {
  uint64_t one = 1;
  ssize_t n = write(m->fd, &one, sizeof one);
  (void)n;                          /* full: it is readable already */
}

static tcb_status wait_answer(tcb_mailbox *m, tcb_buf *answer, tcb_err *err) {      /* holds the lock */
  while (!m->answer.is_there && !m->has_ended) pthread_cond_wait(&m->changed, &m->lock);
  if (!m->answer.is_there) return tcb_fail(err, TCB_E_CANCELLED, "%s", m->why);
  if (m->no_memory) {
    m->no_memory = m->answer.is_there = 0;
    return tcb_fail(err, TCB_E_MEMORY, "not enough memory for an answer");
  }
  return move_out(&m->answer, answer, err);
}

tcb_status tcb_mailbox_ask(tcb_mailbox *m, const char *text, size_t len, tcb_buf *answer, tcb_err *err) {
  pthread_mutex_lock(&m->lock);
  tcb_status status = TCB_OK;
  if (!put(&m->question, text, len)) status = tcb_fail(err, TCB_E_MEMORY, "not enough memory for a question");
  if (status == TCB_OK) {
    wake(m);
    status = wait_answer(m, answer, err);
  }
  pthread_mutex_unlock(&m->lock);
  return status;
}

tcb_status tcb_mailbox_wait_ready(tcb_mailbox *m, tcb_buf *answer, tcb_err *err) {
  pthread_mutex_lock(&m->lock);
  tcb_status status = wait_answer(m, answer, err);
  pthread_mutex_unlock(&m->lock);
  return status;
}

void tcb_mailbox_stop(tcb_mailbox *m) {
  pthread_mutex_lock(&m->lock);
  m->is_stopping = 1;
  wake(m);
  pthread_mutex_unlock(&m->lock);
}

int tcb_mailbox_fd(const tcb_mailbox *m) { return m->fd; }

int tcb_mailbox_is_stopping(tcb_mailbox *m) {
  pthread_mutex_lock(&m->lock);
  int is_stopping = m->is_stopping;
  pthread_mutex_unlock(&m->lock);
  return is_stopping;
}

tcb_status tcb_mailbox_take(tcb_mailbox *m, tcb_buf *question, tcb_err *err) {
  uint64_t count;
  tcb_status status = TCB_NOT_FOUND;
  pthread_mutex_lock(&m->lock);
  if (!m->is_stopping) {            /* then it stays readable */
    ssize_t n = read(m->fd, &count, sizeof count);
    (void)n;
  }
  if (m->question.is_there) status = move_out(&m->question, question, err);
  pthread_mutex_unlock(&m->lock);
  return status;
}

void tcb_mailbox_answer(tcb_mailbox *m, const char *text, size_t len) {
  pthread_mutex_lock(&m->lock);
  if (!put(&m->answer, text, len)) m->no_memory = m->answer.is_there = 1;
  pthread_cond_broadcast(&m->changed);
  pthread_mutex_unlock(&m->lock);
}

void tcb_mailbox_end(tcb_mailbox *m, const char *text) {
  pthread_mutex_lock(&m->lock);
  if (!m->has_ended) snprintf(m->why, sizeof m->why, "%s", text);
  m->has_ended = 1;
  pthread_cond_broadcast(&m->changed);
  pthread_mutex_unlock(&m->lock);
}
