/* core/feed_order.c: rows in the order of starts_at: a first pass sorts where they lie, a second one takes them from there. */
#include "core/feed_priv.h"

enum { STARTS = 0, OFFSET = 8, BYTES = 16, LINE = 20 };

tcb_status tcb_order_add(tcb_sort *order, const tcb_sighting *s, tcb_err *err) {
  unsigned char r[TCB_ORDER_BYTES];
  tcb_sort_put(r + STARTS, (uint64_t)s->key.starts_at, 8);
  tcb_sort_put(r + OFFSET, (uint64_t)s->offset, 8);
  tcb_sort_put(r + BYTES, (uint64_t)s->bytes, 4);
  tcb_sort_put(r + LINE, (uint64_t)s->line, 8);
  return tcb_sort_add(order, r, err);
}

/* Takes the one row that lies there. */
static tcb_status take_row(tcb_feed *f, int64_t offset, int64_t bytes, int64_t line, tcb_err *err) {
  tcb_status status = tcb_feed_go_to(f, offset, line, err);
  f->limit = offset + bytes;
  f->want = (size_t)bytes;
  while (status == TCB_OK && f->offset < f->limit) {
    status = tcb_feed_rows(f, 1, err);
    if (status != TCB_AGAIN) continue;
    status = f->at_end ? TCB_NOT_FOUND : tcb_feed_fill(f, err);
    if (status == TCB_NOT_FOUND && f->in < f->in_end) status = TCB_OK;
  }
  f->limit = INT64_MAX;
  f->want = 0;
  if (status == TCB_NOT_FOUND || (status == TCB_OK && f->offset != offset + bytes))
    return tcb_fail(err, TCB_E_INPUT, "the input has changed: the record of line %lld is not there any more", (long long)line);
  return status;
}

tcb_status tcb_feed_next_in_order(tcb_feed *f, tcb_sort *order, int64_t now_ms, int64_t *taken, tcb_feed_result *result, tcb_err *err) {
  const void *record;
  tcb_status status = tcb_feed_start(f, err);
  if (status == TCB_AGAIN) return tcb_fail(err, TCB_E_INPUT, "a pipe cannot be read in order");
  if (status == TCB_OK && !f->is_open) status = tcb_feed_begin(f, now_ms, err);
  while (status == TCB_OK && f->batch.count < f->plan.batch_max && !tcb_feed_must_end(f)) {
    status = tcb_sort_next(order, &record, err);
    if (status != TCB_OK) break;
    const unsigned char *r = record;
    (*taken)++;
    status = take_row(f, (int64_t)tcb_sort_get(r + OFFSET, 8), (int64_t)tcb_sort_get(r + BYTES, 4), (int64_t)tcb_sort_get(r + LINE, 8), err);
  }
  if (status != TCB_OK && status != TCB_NOT_FOUND) return status;
  *result = f->batch.count > 0 ? TCB_FEED_BATCH : status == TCB_NOT_FOUND ? TCB_FEED_END : TCB_FEED_REFUSED;
  return tcb_feed_finish(f, err);
}
