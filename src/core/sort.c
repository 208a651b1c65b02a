/* core/sort.c: external merge sort. A run is sorted through an array of 32-bit positions, so that records move once. */
#include "core/sort.h"

#include <stdlib.h>
#include <string.h>

#define RUN_RECORDS_MIN 16          /* of one run that are read at a time in the merge */

typedef struct {
  int64_t at, end;                  /* bytes of the spill not yet read */
  unsigned char *buf;               /* a slice of the merge memory */
  size_t have, used;                /* records in buf, and those handed out */
} run;

struct tcb_sort {
  tcb_ctx *ctx;
  tcb_spill spill;
  size_t record_bytes, room;        /* room: records that fit in memory */
  size_t memory_bytes;
  unsigned char *records;           /* room x record_bytes; slices of runs while merging */
  uint32_t *order;
  size_t filled, next;
  int64_t count, spilled_bytes;
  run *runs;
  size_t run_count, run_cap, slice; /* slice: records a run has room for */
  uint32_t *heap;                   /* positions in runs, smallest record first */
  size_t heap_len;
  int reading;
};

tcb_status tcb_sort_open(tcb_sort **out, tcb_ctx *ctx, size_t record_bytes, size_t memory_bytes, const tcb_spill *spill, tcb_err *err) {
  tcb_sort *s = tcb_calloc(ctx, sizeof *s);
  if (s == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory to sort");
  s->ctx = ctx;
  s->spill = *spill;
  s->record_bytes = record_bytes;
  s->room = memory_bytes / (record_bytes + sizeof *s->order);
  if (s->room < 2 * RUN_RECORDS_MIN) s->room = 2 * RUN_RECORDS_MIN;
  s->memory_bytes = s->room * record_bytes;
  s->records = tcb_malloc(ctx, s->memory_bytes);
  s->order = tcb_malloc(ctx, s->room * sizeof *s->order);
  if (s->records == NULL || s->order == NULL) {
    tcb_sort_free(s);
    return tcb_fail(err, TCB_E_MEMORY, "not enough memory to sort: %zu bytes", memory_bytes);
  }
  *out = s;
  return TCB_OK;
}

void tcb_sort_free(tcb_sort *s) {
  if (s == NULL) return;
  tcb_free(s->ctx, s->records, s->memory_bytes);
  tcb_free(s->ctx, s->order, s->room * sizeof *s->order);
  tcb_free(s->ctx, s->runs, s->run_cap * sizeof *s->runs);
  tcb_free(s->ctx, s->heap, s->run_count * sizeof *s->heap);
  tcb_free(s->ctx, s, sizeof *s);
}

int64_t tcb_sort_count(const tcb_sort *s) {
  return s->count;
}

static const unsigned char *record_at(const tcb_sort *s, uint32_t i) {
  return s->records + (size_t)i * s->record_bytes;
}

/* Merge sort of positions: stable, no recursion into libc (qsort_r takes its own memory), halves of 8 by insertion. */
static void sort_order(const tcb_sort *s, uint32_t *a, uint32_t *tmp, size_t n) {
  if (n <= 8) {
    for (size_t i = 1; i < n; i++) {
      uint32_t x = a[i];
      size_t j = i;
      for (; j > 0 && memcmp(record_at(s, a[j - 1]), record_at(s, x), s->record_bytes) > 0; j--) a[j] = a[j - 1];
      a[j] = x;
    }
    return;
  }
  size_t half = n / 2, i = 0, j = half, k = 0;
  sort_order(s, a, tmp, half);
  sort_order(s, a + half, tmp, n - half);
  memcpy(tmp, a, half * sizeof *a);
  while (i < half && j < n) a[k++] = memcmp(record_at(s, tmp[i]), record_at(s, a[j]), s->record_bytes) <= 0 ? tmp[i++] : a[j++];
  while (i < half) a[k++] = tmp[i++];
}

static tcb_status sort_filled(tcb_sort *s, tcb_err *err) {
  size_t half_bytes = (s->filled / 2 + 1) * sizeof *s->order;
  uint32_t *tmp = tcb_malloc(s->ctx, half_bytes);
  if (tmp == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory to sort");
  for (size_t i = 0; i < s->filled; i++) s->order[i] = (uint32_t)i;
  sort_order(s, s->order, tmp, s->filled);
  tcb_free(s->ctx, tmp, half_bytes);
  return TCB_OK;
}

static tcb_status note_run(tcb_sort *s, int64_t bytes, tcb_err *err) {
  if (s->run_count == s->run_cap) {
    size_t cap = s->run_cap ? s->run_cap * 2 : 16;
    run *runs = tcb_realloc(s->ctx, s->runs, s->run_cap * sizeof *runs, cap * sizeof *runs);
    if (runs == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory to sort");
    s->runs = runs;
    s->run_cap = cap;
  }
  s->runs[s->run_count++] = (run){ .at = s->spilled_bytes, .end = s->spilled_bytes + bytes };
  s->spilled_bytes += bytes;
  return TCB_OK;
}

static tcb_status spill_run(tcb_sort *s, tcb_err *err) {
  unsigned char chunk[16384];
  size_t in_chunk = 0, per_chunk = sizeof chunk / s->record_bytes;
  tcb_status status = sort_filled(s, err);
  for (size_t i = 0; i < s->filled && status == TCB_OK; i++) {
    memcpy(chunk + in_chunk++ * s->record_bytes, record_at(s, s->order[i]), s->record_bytes);
    if (in_chunk < per_chunk && i + 1 < s->filled) continue;
    status = s->spill.append(s->spill.ud, chunk, in_chunk * s->record_bytes, err);
    in_chunk = 0;
  }
  if (status == TCB_OK) status = note_run(s, (int64_t)(s->filled * s->record_bytes), err);
  s->filled = 0;
  return status;
}

tcb_status tcb_sort_add(tcb_sort *s, const void *record, tcb_err *err) {
  if (s->filled == s->room) {
    tcb_status status = spill_run(s, err);
    if (status != TCB_OK) return status;
  }
  memcpy(s->records + s->filled++ * s->record_bytes, record, s->record_bytes);
  s->count++;
  return TCB_OK;
}

static tcb_status refill(tcb_sort *s, run *r, tcb_err *err) {
  int64_t left = (r->end - r->at) / (int64_t)s->record_bytes;
  size_t n = left < (int64_t)s->slice ? (size_t)left : s->slice;
  tcb_status status = n ? s->spill.read_at(s->spill.ud, r->at, r->buf, n * s->record_bytes, err) : TCB_OK;
  if (status != TCB_OK) return status;
  r->at += (int64_t)(n * s->record_bytes);
  r->have = n;
  r->used = 0;
  return TCB_OK;
}

static const unsigned char *head(const tcb_sort *s, uint32_t i) {
  return s->runs[i].buf + s->runs[i].used * s->record_bytes;
}

static void sift(tcb_sort *s, size_t at) {
  uint32_t x = s->heap[at];
  for (size_t child; (child = 2 * at + 1) < s->heap_len; at = child) {
    if (child + 1 < s->heap_len && memcmp(head(s, s->heap[child + 1]), head(s, s->heap[child]), s->record_bytes) < 0) child++;
    if (memcmp(head(s, x), head(s, s->heap[child]), s->record_bytes) <= 0) break;
    s->heap[at] = s->heap[child];
  }
  s->heap[at] = x;
}

static tcb_status start_reading(tcb_sort *s, tcb_err *err) {
  s->reading = 1;
  if (s->run_count == 0) return sort_filled(s, err);
  tcb_status status = s->filled ? spill_run(s, err) : TCB_OK;
  if (status != TCB_OK) return status;
  s->slice = s->room / s->run_count;
  if (s->slice < RUN_RECORDS_MIN)
    return tcb_fail(err, TCB_E_MEMORY, "%lld records need more memory to be sorted", (long long)s->count);
  s->heap = tcb_calloc(s->ctx, s->run_count * sizeof *s->heap);
  if (s->heap == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory to sort");
  for (size_t i = 0; i < s->run_count && status == TCB_OK; i++) {
    s->runs[i].buf = s->records + i * s->slice * s->record_bytes;
    status = refill(s, &s->runs[i], err);
    s->heap[s->heap_len++] = (uint32_t)i;
  }
  for (size_t i = s->heap_len / 2; i-- > 0 && status == TCB_OK;) sift(s, i);
  return status;
}

/* The record handed out last stays in its run's buffer until the next call: it is passed over here, at the start. */
static tcb_status pass_over(tcb_sort *s, tcb_err *err) {
  run *r = &s->runs[s->heap[0]];
  tcb_status status = ++r->used < r->have ? TCB_OK : refill(s, r, err);
  if (status == TCB_OK && r->used == r->have) s->heap[0] = s->heap[--s->heap_len];
  if (status == TCB_OK && s->heap_len > 0) sift(s, 0);
  return status;
}

tcb_status tcb_sort_next(tcb_sort *s, const void **record, tcb_err *err) {
  tcb_status status = TCB_OK;
  int first = !s->reading;
  if (first) status = start_reading(s, err);
  if (status != TCB_OK) return status;
  if (s->run_count == 0) {
    if (s->next == s->filled) return TCB_NOT_FOUND;
    *record = record_at(s, s->order[s->next++]);
    return TCB_OK;
  }
  if (!first && s->heap_len > 0) status = pass_over(s, err);
  if (status != TCB_OK) return status;
  if (s->heap_len == 0) return TCB_NOT_FOUND;
  *record = head(s, s->heap[0]);
  return TCB_OK;
}
