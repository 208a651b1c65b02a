/* core/reader_queue.c: a reader that is filled from outside. */
#include "core/reader_queue.h"

#include "core/buf.h"

typedef struct {
  tcb_reader face;
  tcb_ctx *ctx;
  tcb_buf bytes;
  size_t at;                        /* read so far; dropped once all is */
  int is_finished;
  int refs;                         /* who reads, and who fills */
} queue_reader;

static tcb_status queue_read(tcb_reader *r, char *to, size_t cap, size_t *got, tcb_err *err) {
  queue_reader *q = (queue_reader *)r;
  (void)err;
  size_t n = q->bytes.len - q->at < cap ? q->bytes.len - q->at : cap;
  if (n == 0) return q->is_finished ? TCB_NOT_FOUND : TCB_AGAIN;
  memcpy(to, q->bytes.data + q->at, n);
  q->at += n;
  if (q->at == q->bytes.len) q->at = q->bytes.len = 0;
  *got = n;
  return TCB_OK;
}

static tcb_status queue_seek(tcb_reader *r, int64_t offset, tcb_err *err) {
  (void)r;
  (void)offset;
  return tcb_fail(err, TCB_E_INPUT, "records that a program makes cannot be read again");
}

static void queue_free(tcb_reader *r) {
  queue_reader *q = (queue_reader *)r;
  if (--q->refs > 0) return;
  tcb_buf_free(&q->bytes);
  tcb_free(q->ctx, q, sizeof *q);
}

tcb_status tcb_reader_queue(tcb_reader **out, tcb_ctx *ctx, tcb_err *err) {
  queue_reader *q = tcb_calloc(ctx, sizeof *q);
  if (q == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory to read the input");
  q->face = (tcb_reader){ .read = queue_read, .seek = queue_seek, .free = queue_free, .fd = -1 };
  q->ctx = ctx;
  q->refs = 2;
  tcb_buf_init(&q->bytes, ctx);
  *out = &q->face;
  return TCB_OK;
}

tcb_status tcb_queue_push(tcb_reader *r, const char *bytes, size_t len, tcb_err *err) {
  return tcb_buf_add(&((queue_reader *)r)->bytes, bytes, len, err);
}

void tcb_queue_finish(tcb_reader *r) {
  ((queue_reader *)r)->is_finished = 1;
}
