/* core/pairs.h: finds, over any number of records, those that repeat another and those whose window overlaps another's for the same
   caller and receiver. Exact, in bounded memory (core/sort.h). The later line is the one at fault. */
#ifndef TCB_PAIRS_H
#define TCB_PAIRS_H

#include "core/sort.h"

typedef struct tcb_pairs tcb_pairs;

typedef struct {
  int64_t line;                     /* of the row at fault */
  int64_t other_line;               /* of the earlier row it repeats or overlaps */
  int is_duplicate;                 /* same match key; else an overlap */
} tcb_pair_fault;

/* On TCB_OK the caller owns *out. Two spills: the records, and the faults, which come out in line order. */
tcb_status tcb_pairs_open(tcb_pairs **out, tcb_ctx *ctx, size_t memory_bytes, const tcb_spill *records, const tcb_spill *faults,
                          tcb_err *err);
/* `pair_hash`: 64 bits of (caller, receiver); `label_hash`: 32 bits of the label. ends_at > starts_at >= 0, at most 24 h apart. */
tcb_status tcb_pairs_add(tcb_pairs *p, uint64_t pair_hash, int64_t starts_at, int64_t ends_at, uint32_t label_hash, int64_t line,
                         tcb_err *err);
/* The next fault in line order; the first call ends the adding. TCB_NOT_FOUND at the end. */
tcb_status tcb_pairs_next(tcb_pairs *p, tcb_pair_fault *fault, tcb_err *err);
void tcb_pairs_free(tcb_pairs *p);

#endif
