/* core/trace.h: which row of the input went where: the journal's spans and refusals, brought into the order of the input. */
#ifndef TCB_TRACE_H
#define TCB_TRACE_H

#include "core/sort.h"

typedef struct tcb_trace tcb_trace;

typedef enum { TCB_TRACE_SPAN, TCB_TRACE_REFUSED } tcb_trace_kind;

typedef struct {
  tcb_trace_kind kind;
  int64_t offset;
  int64_t bytes;                    /* SPAN: of its rows together */
  uint32_t seq;                     /* SPAN: the batch */
  unsigned position, records;       /* SPAN: the first record's place in the batch, from 0, and how many */
  unsigned char code, field, why;   /* REFUSED: as in tcb_refusal */
  int64_t detail;
} tcb_trace_entry;

/* On TCB_OK the caller owns *out; bounded by `memory_bytes`, beyond which it uses the spill. */
tcb_status tcb_trace_open(tcb_trace **out, tcb_ctx *ctx, size_t memory_bytes, const tcb_spill *spill, tcb_err *err);
void tcb_trace_free(tcb_trace *t);
/* The records of batch `seq`. */
tcb_status tcb_trace_batch(tcb_trace *t, uint32_t seq, const char *spans, size_t len, tcb_err *err);
/* Packed tcb_refusal. */
tcb_status tcb_trace_refused(tcb_trace *t, const char *packed, size_t len, tcb_err *err);
/* The next in the order of the input; the first call ends the adding. TCB_NOT_FOUND at the end. */
tcb_status tcb_trace_next(tcb_trace *t, tcb_trace_entry *entry, tcb_err *err);
/* Behind the last row that anything is known of. */
int64_t tcb_trace_end(const tcb_trace *t);

#endif
