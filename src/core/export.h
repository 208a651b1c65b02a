/* core/export.h: the input once more, each row with what became of it. Streaming: one piece of input, a few batches. */
#ifndef TCB_EXPORT_H
#define TCB_EXPORT_H

#include "core/outcome.h"
#include "core/trace.h"
#include "core/walk.h"

typedef struct tcb_export tcb_export;

typedef enum { TCB_EXPORT_CSV, TCB_EXPORT_JSON } tcb_export_format;

/* What the journal knows of a batch. Absent texts are "", absent blobs NULL. */
typedef struct {
  uint32_t seq;
  const char *batch_id, *outcome, *reason;     /* outcome, reason: of its records that have none of their own */
  size_t count;                                /* records */
  const char *codes, *marks, *ids, *notes;
  size_t notes_len;
} tcb_export_batch;

typedef struct {
  tcb_export_format format;
  int is_ndjson;                    /* what the input is; its objects are written as they stand, in CSV by `names` */
  char delimiter;
  int64_t begin;                    /* offset of the first row behind the header */
  size_t columns;
  const tcb_text *names;            /* of the columns, copied */
  int is_done;                      /* the input was read to its end: rows nothing is known of were dropped, else they wait */
  int64_t only_line;                /* 0: all rows; else only the one that begins there */
  const char *only_digits;          /* NULL: all; else only rows in which a number ends in these digits */
} tcb_export_options;

/* What a step stopped at, besides a full buffer and the end. */
typedef struct {
  enum { TCB_EXPORT_NOTHING, TCB_EXPORT_BATCH, TCB_EXPORT_MOVED, TCB_EXPORT_FOUND } kind;
  uint32_t seq;                     /* BATCH: tell about it; MOVED: of this batch ...; FOUND: 0 when the row is in none */
  unsigned position;                /* ... this record was sent again: tell where; FOUND: its place, from 0 */
  int64_t line;                     /* FOUND */
} tcb_export_want;

/* Takes over `walk` and `trace`, also when this fails. */
tcb_status tcb_export_open(tcb_export **out, tcb_ctx *ctx, tcb_walk *walk, tcb_trace *trace, const tcb_export_options *options, tcb_err *err);
void tcb_export_free(tcb_export *x);
/* The reasons of failures by number, in order. */
tcb_status tcb_export_reason(tcb_export *x, const char *text, size_t len, tcb_err *err);
tcb_status tcb_export_know(tcb_export *x, const tcb_export_batch *batch, tcb_err *err);
/* The answer to MOVED. */
void tcb_export_moved(tcb_export *x, uint32_t seq, unsigned position);
/* The line with the columns' names (CSV). */
tcb_status tcb_export_header(tcb_export *x, tcb_buf *out, tcb_err *err);
/* Appends rows to `out` until it holds about 64 KB (TCB_OK), something is wanted (TCB_AGAIN), or the input ends (TCB_NOT_FOUND).
   With `only_*` it stops behind each row that fits (TCB_AGAIN, FOUND). */
tcb_status tcb_export_step(tcb_export *x, tcb_buf *out, tcb_export_want *want, tcb_err *err);

#endif
