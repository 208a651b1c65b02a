/* core/trace.c: one sorter of places. An entry sorts by offset, batch, position. */
#include "core/trace.h"

#include <string.h>

#include "core/feed.h"
#include "core/spans.h"

enum { OFFSET = 0, SEQ = 8, POSITION = 12, RECORDS = 14, WIDE = 16, KIND = 24, CODE, FIELD, WHY, ENTRY_BYTES };

struct tcb_trace {
  tcb_ctx *ctx;
  tcb_sort *sort;
  int64_t end;
};

tcb_status tcb_trace_open(tcb_trace **out, tcb_ctx *ctx, size_t memory_bytes, const tcb_spill *spill, tcb_err *err) {
  tcb_trace *t = tcb_calloc(ctx, sizeof *t);
  *out = NULL;
  if (t == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory to follow the rows");
  t->ctx = ctx;
  tcb_status status = tcb_sort_open(&t->sort, ctx, ENTRY_BYTES, memory_bytes, spill, err);
  if (status == TCB_OK) *out = t;
  else tcb_trace_free(t);
  return status;
}

void tcb_trace_free(tcb_trace *t) {
  if (t == NULL) return;
  tcb_sort_free(t->sort);
  tcb_free(t->ctx, t, sizeof *t);
}

tcb_status tcb_trace_batch(tcb_trace *t, uint32_t seq, const char *spans, size_t len, tcb_err *err) {
  tcb_spans_reader r = { .at = spans, .last = spans + len };
  tcb_span span;
  uint64_t position = 0;
  int more;
  while ((more = tcb_spans_next(&r, &span)) == 1) {
    unsigned char e[ENTRY_BYTES] = { [KIND] = TCB_TRACE_SPAN };
    tcb_sort_put(e + OFFSET, (uint64_t)span.offset, 8);
    tcb_sort_put(e + SEQ, seq, 4);
    tcb_sort_put(e + POSITION, position, 2);
    tcb_sort_put(e + RECORDS, (uint64_t)span.records, 2);
    tcb_sort_put(e + WIDE, (uint64_t)span.bytes, 8);
    position += (uint64_t)span.records;
    tcb_status status = tcb_sort_add(t->sort, e, err);
    if (status != TCB_OK) return status;
    if (span.offset + span.bytes > t->end) t->end = span.offset + span.bytes;
  }
  return more == 0 ? TCB_OK : tcb_fail(err, TCB_E_STORE, "input ranges of batch %u cannot be read: the journal is damaged", seq);
}

tcb_status tcb_trace_refused(tcb_trace *t, const char *packed, size_t len, tcb_err *err) {
  tcb_refusal r;
  for (size_t at = 0; at + sizeof r <= len; at += sizeof r) {
    memcpy(&r, packed + at, sizeof r);
    unsigned char e[ENTRY_BYTES] = { [KIND] = TCB_TRACE_REFUSED, [CODE] = r.code, [FIELD] = r.field, [WHY] = r.why };
    tcb_sort_put(e + OFFSET, (uint64_t)r.offset, 8);
    tcb_sort_put(e + WIDE, (uint64_t)r.detail, 8);
    tcb_status status = tcb_sort_add(t->sort, e, err);
    if (status != TCB_OK) return status;
    if (r.offset >= t->end) t->end = r.offset + 1;
  }
  return TCB_OK;
}

tcb_status tcb_trace_next(tcb_trace *t, tcb_trace_entry *out, tcb_err *err) {
  const void *record;
  tcb_status status = tcb_sort_next(t->sort, &record, err);
  if (status != TCB_OK) return status;
  const unsigned char *e = record;
  int64_t wide = (int64_t)tcb_sort_get(e + WIDE, 8);
  *out = (tcb_trace_entry){
    .kind = (tcb_trace_kind)e[KIND], .offset = (int64_t)tcb_sort_get(e + OFFSET, 8), .bytes = wide, .detail = wide,
    .seq = (uint32_t)tcb_sort_get(e + SEQ, 4), .position = (unsigned)tcb_sort_get(e + POSITION, 2),
    .records = (unsigned)tcb_sort_get(e + RECORDS, 2), .code = e[CODE], .field = e[FIELD], .why = e[WHY],
  };
  return TCB_OK;
}

int64_t tcb_trace_end(const tcb_trace *t) {
  return t->end;
}
