/* core/feed_unique.c: rows that repeat an earlier one, known in advance (core/pairs.h) or remembered; and sets of integers. */
#include "core/feed_priv.h"

#define FIRST_SLOTS 1024

static size_t slot_of(const tcb_keyset *set, uint64_t n) {
  size_t i = (size_t)((n * UINT64_C(0x9E3779B97F4A7C15)) >> 20) & (set->cap - 1);
  while (set->slots[i] != 0 && set->slots[i] != n) i = (i + 1) & (set->cap - 1);
  return i;
}

int tcb_keyset_has(const tcb_keyset *set, uint64_t n) {
  return set->count > 0 && set->slots[slot_of(set, n)] != 0;
}

int tcb_keyset_add(tcb_ctx *ctx, tcb_keyset *set, uint64_t n, tcb_err *err) {
  if (set->count * 2 >= set->cap) {
    tcb_keyset wider = { .cap = set->cap ? set->cap * 2 : FIRST_SLOTS, .count = set->count };
    wider.slots = tcb_calloc(ctx, wider.cap * sizeof *wider.slots);
    if (wider.slots == NULL) {
      tcb_fail(err, TCB_E_MEMORY, "not enough memory for %zu keys", set->count);
      return -1;
    }
    for (size_t i = 0; i < set->cap; i++)
      if (set->slots[i]) wider.slots[slot_of(&wider, set->slots[i])] = set->slots[i];
    tcb_keyset_free(ctx, set);
    *set = wider;
  }
  size_t i = slot_of(set, n);
  if (set->slots[i] != 0) return 0;
  set->slots[i] = n;
  set->count++;
  return 1;
}

void tcb_keyset_free(tcb_ctx *ctx, tcb_keyset *set) {
  tcb_free(ctx, set->slots, set->cap * sizeof *set->slots);
  set->slots = NULL;
  set->cap = 0;
}

void tcb_feed_unique(tcb_feed *f, tcb_pairs *pairs) {
  f->pairs = pairs;
  if (!f->has_twins) f->twin_line = -1;                  /* the first is still to be asked for */
  f->has_twins = 1;
}

tcb_status tcb_feed_find_twin(tcb_feed *f, tcb_err *err) {
  while (f->pairs && f->twin_line != 0 && f->twin_line < f->line) {
    tcb_pair_fault fault;
    tcb_status status = tcb_pairs_next(f->pairs, &fault, err);
    if (status == TCB_NOT_FOUND) f->twin_line = 0;
    else if (status != TCB_OK) return status;
    else if (fault.is_duplicate) f->twin_line = fault.line, f->twin_of = fault.other_line;
  }
  return TCB_OK;
}

tcb_status tcb_feed_remember(tcb_feed *f, const char *hashes, size_t len, tcb_err *err) {
  f->remembers = 1;
  for (size_t at = 0; at + 8 <= len; at += 8)
    if (tcb_keyset_add(f->ctx, &f->seen, tcb_match_load(hashes + at), err) < 0) return TCB_E_MEMORY;
  return TCB_OK;
}

int tcb_feed_is_twin(tcb_feed *f, uint64_t hash, int64_t *of, tcb_err *err) {
  *of = 0;
  if (f->pairs) {
    if (tcb_feed_find_twin(f, err) != TCB_OK) return -1;
    *of = f->twin_of;
    return f->twin_line == f->line;
  }
  if (!f->remembers) return 0;
  int added = tcb_keyset_add(f->ctx, &f->seen, hash, err);
  return added < 0 ? -1 : !added;
}
