/* core/spans.c: packed input ranges. A span is four varints: gap to the end of the one before (signed: a record that had to wait
   for the next batch lies before it), bytes, lines since the one before (signed), records. */
#include "core/spans.h"

size_t tcb_varint_put(char *to, uint64_t n) {
  size_t len = 0;
  for (; n >= 0x80; n >>= 7) to[len++] = (char)(n | 0x80);
  to[len++] = (char)n;
  return len;
}

size_t tcb_varint_get(const char *at, const char *last, uint64_t *n) {
  uint64_t value = 0;
  for (size_t i = 0; i < TCB_VARINT_MAX && at + i < last; i++) {
    unsigned char byte = (unsigned char)at[i];
    value |= (uint64_t)(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      *n = value;
      return i + 1;
    }
  }
  return 0;
}

tcb_status tcb_spans_end(tcb_spans *s, tcb_buf *out, tcb_err *err) {
  if (s->open.records > 0) {
    char packed[4 * TCB_VARINT_MAX];
    size_t len = tcb_varint_put(packed, tcb_zigzag(s->open.offset - s->end));
    len += tcb_varint_put(packed + len, (uint64_t)s->open.bytes);
    len += tcb_varint_put(packed + len, tcb_zigzag(s->open.line - s->line));
    len += tcb_varint_put(packed + len, (uint64_t)s->open.records);
    tcb_status status = tcb_buf_add(out, packed, len, err);
    if (status != TCB_OK) return status;
  }
  *s = (tcb_spans){ 0 };
  return TCB_OK;
}

tcb_status tcb_spans_add(tcb_spans *s, tcb_buf *out, int64_t offset, int64_t bytes, int64_t line, tcb_err *err) {
  tcb_span *open = &s->open;
  if (open->records > 0 && open->offset + open->bytes == offset && open->line + open->records == line) {
    open->bytes += bytes;
    open->records++;
    return TCB_OK;
  }
  tcb_span before = *open;
  if (before.records > 0) {
    tcb_status status = tcb_spans_end(s, out, err);
    if (status != TCB_OK) return status;
    s->end = before.offset + before.bytes;
    s->line = before.line;
  }
  s->open = (tcb_span){ .offset = offset, .bytes = bytes, .line = line, .records = 1 };
  return TCB_OK;
}

int tcb_spans_next(tcb_spans_reader *r, tcb_span *span) {
  uint64_t field[4];
  if (r->at == r->last) return 0;
  for (int i = 0; i < 4; i++) {
    size_t used = tcb_varint_get(r->at, r->last, &field[i]);
    if (used == 0) return -1;
    r->at += used;
  }
  span->offset = r->end + tcb_unzigzag(field[0]);
  span->bytes = (int64_t)field[1];
  span->line = r->line + tcb_unzigzag(field[2]);
  span->records = (int64_t)field[3];
  if (span->offset < 0 || span->bytes <= 0 || span->line < 1 || span->records < 1) return -1;
  r->end = span->offset + span->bytes;
  r->line = span->line;
  return 1;
}
