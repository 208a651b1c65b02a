/* core/feed_carry.c: records that wait for the next batch, because their match key is in the open one already. */
#include "core/feed_priv.h"

static size_t waiting(const tcb_feed *f) {
  return f->carry.records.len / sizeof(tcb_taken);
}

int tcb_carry_is_full(const tcb_feed *f) {
  return waiting(f) >= (size_t)f->plan.batch_max && f->batch.count > 0;
}

tcb_status tcb_carry_add(tcb_feed *f, const tcb_taken *taken, const char *json, size_t len, tcb_err *err) {
  tcb_taken t = *taken;
  t.json = f->carry.json.len;
  t.json_len = len;
  tcb_status status = tcb_buf_add(&f->carry.json, json, len, err);
  return status == TCB_OK ? tcb_buf_add(&f->carry.records, (const char *)&t, sizeof t, err) : status;
}

tcb_status tcb_carry_take(tcb_feed *f, tcb_err *err) {
  if (f->carry.records.len == 0) return TCB_OK;
  tcb_carry old = f->carry;
  f->carry = f->carry_old;
  f->carry_old = old;
  f->carry.records.len = f->carry.json.len = 0;
  tcb_status status = TCB_OK;
  for (size_t at = 0; at < old.records.len && status == TCB_OK; at += sizeof(tcb_taken)) {
    tcb_taken t;
    memcpy(&t, old.records.data + at, sizeof t);
    if (f->batch.count < f->plan.batch_max && tcb_feed_hash_take(f, t.hash)) {
      status = tcb_buf_add(&f->batch.body, old.json.data + t.json, t.json_len, err);
      if (status == TCB_OK) status = tcb_feed_count(f, &t, err);
    } else status = tcb_carry_add(f, &t, old.json.data + t.json, t.json_len, err);
  }
  return status;
}

tcb_status tcb_carry_spans(const tcb_feed *f, tcb_buf *out, tcb_err *err) {
  tcb_spans spans = { 0 };
  tcb_status status = TCB_OK;
  for (size_t at = 0; at < f->carry.records.len && status == TCB_OK; at += sizeof(tcb_taken)) {
    tcb_taken t;
    memcpy(&t, f->carry.records.data + at, sizeof t);
    status = tcb_spans_add(&spans, out, t.offset, t.bytes, t.line, err);
  }
  return status == TCB_OK ? tcb_spans_end(&spans, out, err) : status;
}
