/* core/spans.h: which bytes of the input hold the records of a batch, packed into a few bytes: the journal keeps these instead of
   a row a record. Records that follow each other without a gap, each on the line behind the one before, share one span. */
#ifndef TCB_SPANS_H
#define TCB_SPANS_H

#include "core/buf.h"

typedef struct {
  int64_t offset, bytes;            /* of the input, as it was consumed (after decompression) */
  int64_t line;                     /* physical line on which the first record begins; the file's first line is 1 */
  int64_t records;
} tcb_span;

/* Packs spans one after the other. Start with {0}; `out` receives a span once the next one does not continue it. */
typedef struct {
  tcb_span open;                    /* records = 0: none open */
  int64_t end, line;                /* of the span written last */
} tcb_spans;

/* One more record: its bytes with the line end behind it, and the line it begins on. TCB_OK or TCB_E_MEMORY. */
tcb_status tcb_spans_add(tcb_spans *s, tcb_buf *out, int64_t offset, int64_t bytes, int64_t line, tcb_err *err);
/* Writes the open span and starts afresh. */
tcb_status tcb_spans_end(tcb_spans *s, tcb_buf *out, tcb_err *err);

/* Reads packed spans: set {data, data + len}, zero the rest. */
typedef struct {
  const char *at, *last;
  int64_t end, line;
} tcb_spans_reader;

/* 1 with the next span, 0 at the end, -1 when the bytes are not packed spans. */
int tcb_spans_next(tcb_spans_reader *r, tcb_span *span);

/* Variable-length integers: 7 bits a byte, low ones first; signed ones fold their sign into bit 0. At most 10 bytes. */
#define TCB_VARINT_MAX 10
size_t tcb_varint_put(char *to, uint64_t n);
/* Bytes read, 0 when `at` does not hold a whole one. */
size_t tcb_varint_get(const char *at, const char *last, uint64_t *n);
static inline uint64_t tcb_zigzag(int64_t n) { return ((uint64_t)n << 1) ^ (n < 0 ? UINT64_MAX : 0); }
static inline int64_t tcb_unzigzag(uint64_t n) { return (int64_t)(n >> 1) ^ -(int64_t)(n & 1); }

#endif
