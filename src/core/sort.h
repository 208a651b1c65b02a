/* core/sort.h: sorts any number of fixed-size records in bounded memory: sorted runs go to a spill, and are merged when read back.
   Records compare as bytes (memcmp), so keys are stored big-endian, most significant first. */
#ifndef TCB_SORT_H
#define TCB_SORT_H

#include "core/ctx.h"

/* Where runs go. The core does no I/O: the caller brings it (io/spill.h: a file without a name). */
typedef struct {
  void *ud;
  tcb_status (*append)(void *ud, const void *bytes, size_t len, tcb_err *err);
  tcb_status (*read_at)(void *ud, int64_t offset, void *bytes, size_t len, tcb_err *err);
} tcb_spill;

typedef struct tcb_sort tcb_sort;

/* `memory_bytes` bounds both the run being filled and the merge; the spill is used only when the records do not fit in it.
   On TCB_OK the caller owns *out; `spill` is copied and must outlive it. */
tcb_status tcb_sort_open(tcb_sort **out, tcb_ctx *ctx, size_t record_bytes, size_t memory_bytes, const tcb_spill *spill, tcb_err *err);
tcb_status tcb_sort_add(tcb_sort *s, const void *record, tcb_err *err);
/* The next record in order, valid until the next call; the first call ends the adding. TCB_NOT_FOUND at the end. */
tcb_status tcb_sort_next(tcb_sort *s, const void **record, tcb_err *err);
int64_t tcb_sort_count(const tcb_sort *s);
void tcb_sort_free(tcb_sort *s);

/* Big-endian numbers, so that memcmp orders them; `n` must not be negative. */
static inline void tcb_sort_put(unsigned char *to, uint64_t n, int bytes) {
  for (int i = bytes - 1; i >= 0; i--, n >>= 8) to[i] = (unsigned char)n;
}
static inline uint64_t tcb_sort_get(const unsigned char *from, int bytes) {
  uint64_t n = 0;
  for (int i = 0; i < bytes; i++) n = n << 8 | from[i];
  return n;
}

#endif
