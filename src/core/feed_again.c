/* core/feed_again.c: batches once more from their spans, and going on behind an earlier batch. */
#include "core/feed_priv.h"

enum { WITH_SPANS = 1, WITH_RECORDS = 2 };

tcb_status tcb_feed_go_to(tcb_feed *f, int64_t offset, int64_t line, tcb_err *err) {
  int64_t ahead = offset - f->offset;
  if (ahead >= 0 && ahead <= f->in_end - f->in) f->in += ahead;
  else {
    tcb_status status = f->reader->seek(f->reader, offset, err);
    if (status != TCB_OK) return status;
    f->in = f->in_end = f->block + f->head;
    memset(f->in_end, 0, TCB_SLACK);
    f->at_end = 0;
  }
  f->offset = offset;
  f->line = line;
  return TCB_OK;
}

static int64_t taken_so_far(const tcb_feed *f) {
  return f->batch.count + (int64_t)(f->carry.records.len / sizeof(tcb_taken));
}

/* Takes the `records` rows of a span into the open batch, or into what waits for the next one. */
static tcb_status span_rows(tcb_feed *f, const tcb_span *span, tcb_err *err) {
  int64_t before = taken_so_far(f);
  tcb_status status = tcb_feed_go_to(f, span->offset, span->line, err);
  f->limit = span->offset + span->bytes;
  while (status == TCB_OK && f->offset < f->limit) {
    int64_t left = span->records - (taken_so_far(f) - before);
    status = left > 0 ? tcb_feed_rows(f, left, err) : TCB_NOT_FOUND;
    if (status == TCB_AGAIN) status = f->at_end ? TCB_NOT_FOUND : tcb_feed_fill(f, err);
    if (status == TCB_NOT_FOUND && f->in < f->in_end && f->at_end) status = TCB_OK;
  }
  f->limit = INT64_MAX;
  if (status != TCB_OK && status != TCB_NOT_FOUND) return status;
  if (f->offset == span->offset + span->bytes && taken_so_far(f) - before == span->records && f->batch.refused_count == 0) return TCB_OK;
  return tcb_fail(err, TCB_E_INPUT, "the input has changed: the records of line %lld are not there any more", (long long)span->line);
}

tcb_status tcb_feed_rebuild(tcb_feed *f, const char *spans, size_t len, tcb_err *err) {
  tcb_spans_reader reader = { .at = spans, .last = spans + len };
  tcb_span span;
  int more;
  tcb_status status = tcb_feed_start(f, err);
  if (status == TCB_AGAIN) return tcb_fail(err, TCB_E_INPUT, "a pipe cannot be read again");
  f->carry.records.len = f->carry.json.len = 0;
  if (status == TCB_OK) status = tcb_feed_begin(f, INT64_MIN, err);
  while (status == TCB_OK && (more = tcb_spans_next(&reader, &span)) != 0) {
    if (more < 0) status = tcb_fail(err, TCB_E_STORE, "input ranges of a batch cannot be read: the journal is damaged");
    else status = span_rows(f, &span, err);
  }
  return status == TCB_OK ? tcb_feed_finish(f, err) : status;
}

/* A checkpoint: version, offset, line, then what waits for the next batch: its spans, or with a hook, which cannot be run again for
   part of a row, the records themselves. */

tcb_status tcb_feed_checkpoint(const tcb_feed *f, tcb_buf *out, tcb_err *err) {
  tcb_status status = tcb_buf_reserve(out, 4 * TCB_VARINT_MAX, err);
  if (status != TCB_OK) return status;
  out->data[out->len++] = f->has_hook ? WITH_RECORDS : WITH_SPANS;
  out->len += tcb_varint_put(out->data + out->len, (uint64_t)f->offset);
  out->len += tcb_varint_put(out->data + out->len, (uint64_t)f->line);
  if (!f->has_hook) return tcb_carry_spans(f, out, err);
  out->len += tcb_varint_put(out->data + out->len, f->carry.records.len);
  status = tcb_buf_add(out, f->carry.records.data, f->carry.records.len, err);
  return status == TCB_OK ? tcb_buf_add(out, f->carry.json.data, f->carry.json.len, err) : status;
}

static tcb_status damaged(tcb_err *err) {
  return tcb_fail(err, TCB_E_STORE, "a place in the input cannot be read: the journal is damaged, or of another version");
}

static tcb_status resume_records(tcb_feed *f, const char *at, const char *last, tcb_err *err) {
  uint64_t bytes;
  tcb_taken t;
  size_t n = tcb_varint_get(at, last, &bytes);
  if (n == 0 || bytes > (uint64_t)(last - at) - n || bytes % sizeof t != 0) return damaged(err);
  at += n;
  size_t json = (size_t)(last - at) - (size_t)bytes;
  for (size_t i = 0; i < bytes; i += sizeof t) {
    memcpy(&t, at + i, sizeof t);
    if (t.json > json || t.json_len > json - t.json) return damaged(err);
  }
  tcb_status status = tcb_buf_add(&f->carry.records, at, (size_t)bytes, err);
  return status == TCB_OK ? tcb_buf_add(&f->carry.json, at + bytes, json, err) : status;
}

static tcb_status resume_spans(tcb_feed *f, const char *at, const char *last, tcb_err *err) {
  tcb_spans_reader reader = { .at = at, .last = last };
  tcb_span span;
  int more;
  tcb_status status = tcb_feed_begin(f, INT64_MIN, err);
  f->to_carry = 1;
  while (status == TCB_OK && (more = tcb_spans_next(&reader, &span)) != 0)
    status = more < 0 ? damaged(err) : span_rows(f, &span, err);
  f->to_carry = 0;
  f->is_open = 0;
  return status;
}

tcb_status tcb_feed_resume(tcb_feed *f, const char *checkpoint, size_t len, tcb_err *err) {
  const char *at = checkpoint + 1, *last = checkpoint + len;
  uint64_t offset, line;
  int form = len > 1 ? checkpoint[0] : 0;
  size_t n = form == WITH_SPANS || form == WITH_RECORDS ? tcb_varint_get(at, last, &offset) : 0;
  if (n) at += n, n = tcb_varint_get(at, last, &line);
  if (n == 0) return damaged(err);
  at += n;
  tcb_status status = tcb_feed_start(f, err);
  if (status == TCB_AGAIN) return tcb_fail(err, TCB_E_INPUT, "a pipe cannot be continued");
  if (status != TCB_OK) return status;
  f->carry.records.len = f->carry.json.len = 0;
  int has_hook = f->has_hook;
  f->has_hook = 0;
  status = form == WITH_SPANS ? resume_spans(f, at, last, err) : resume_records(f, at, last, err);
  f->has_hook = has_hook;
  return status == TCB_OK ? tcb_feed_go_to(f, (int64_t)offset, (int64_t)line, err) : status;
}
