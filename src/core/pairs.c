/* core/pairs.c: duplicates and overlapping windows, by one sorted pass. A record sorts as pair, start, duration, label, line, so that
   repeats stand side by side with the earliest line first, and one pass over a pair's windows sees all that are open at a time. */
#include "core/pairs.h"

#include <string.h>

enum { PAIR = 0, START = 8, DURATION = 16, LABEL = 20, LINE = 24, RECORD_BYTES = 32 };
enum { F_LINE = 0, F_OTHER = 8, F_KIND = 16, FAULT_BYTES = 24 };
#define OPEN_MAX 4096               /* windows of one pair that are open at once; beyond it the first to end is let go */

typedef struct {
  int64_t line, ends_at, blame;     /* blame: the earlier line it overlaps, 0 = none */
} window;

struct tcb_pairs {
  tcb_ctx *ctx;
  tcb_sort *records, *faults;
  window *open;
  size_t open_len, open_cap;
  unsigned char last[RECORD_BYTES]; /* the record before, to see repeats */
  int64_t last_line;                /* the first line of its key */
  int is_matched;
};

tcb_status tcb_pairs_open(tcb_pairs **out, tcb_ctx *ctx, size_t memory_bytes, const tcb_spill *records, const tcb_spill *faults,
                          tcb_err *err) {
  tcb_pairs *p = tcb_calloc(ctx, sizeof *p);
  if (p == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory to look for duplicates");
  p->ctx = ctx;
  tcb_status status = tcb_sort_open(&p->records, ctx, RECORD_BYTES, memory_bytes - memory_bytes / 8, records, err);
  if (status == TCB_OK) status = tcb_sort_open(&p->faults, ctx, FAULT_BYTES, memory_bytes / 8, faults, err);
  if (status != TCB_OK) {
    tcb_pairs_free(p);
    return status;
  }
  *out = p;
  return TCB_OK;
}

void tcb_pairs_free(tcb_pairs *p) {
  if (p == NULL) return;
  tcb_sort_free(p->records);
  tcb_sort_free(p->faults);
  tcb_free(p->ctx, p->open, p->open_cap * sizeof *p->open);
  tcb_free(p->ctx, p, sizeof *p);
}

tcb_status tcb_pairs_add(tcb_pairs *p, uint64_t pair_hash, int64_t starts_at, int64_t ends_at, uint32_t label_hash, int64_t line,
                         tcb_err *err) {
  unsigned char r[RECORD_BYTES];
  tcb_sort_put(r + PAIR, pair_hash, 8);
  tcb_sort_put(r + START, (uint64_t)starts_at, 8);
  tcb_sort_put(r + DURATION, (uint64_t)(ends_at - starts_at), 4);
  tcb_sort_put(r + LABEL, label_hash, 4);
  tcb_sort_put(r + LINE, (uint64_t)line, 8);
  return tcb_sort_add(p->records, r, err);
}

static tcb_status report(tcb_pairs *p, int64_t line, int64_t other, int is_duplicate, tcb_err *err) {
  unsigned char f[FAULT_BYTES] = { 0 };
  tcb_sort_put(f + F_LINE, (uint64_t)line, 8);
  tcb_sort_put(f + F_OTHER, (uint64_t)other, 8);
  f[F_KIND] = (unsigned char)is_duplicate;
  return tcb_sort_add(p->faults, f, err);
}

/* Lets go of the windows that end at or before `until`, reporting those that overlapped an earlier line. */
static tcb_status leave(tcb_pairs *p, int64_t until, tcb_err *err) {
  tcb_status status = TCB_OK;
  size_t kept = 0;
  for (size_t i = 0; i < p->open_len && status == TCB_OK; i++) {
    window *w = &p->open[i];
    if (w->ends_at > until) p->open[kept++] = *w;
    else if (w->blame) status = report(p, w->line, w->blame, 0, err);
  }
  p->open_len = kept;
  return status;
}

static tcb_status room(tcb_pairs *p, tcb_err *err) {
  if (p->open_len < p->open_cap) return TCB_OK;
  if (p->open_cap == OPEN_MAX) {
    int64_t first_end = p->open[0].ends_at;
    for (size_t i = 1; i < p->open_len; i++) first_end = p->open[i].ends_at < first_end ? p->open[i].ends_at : first_end;
    return leave(p, first_end, err);
  }
  size_t cap = p->open_cap ? p->open_cap * 2 : 16;
  window *open = tcb_realloc(p->ctx, p->open, p->open_cap * sizeof *open, cap * sizeof *open);
  if (open == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory to look for overlaps");
  p->open = open;
  p->open_cap = cap;
  return TCB_OK;
}

static void blame(window *w, int64_t line) {            /* the earliest line a window overlaps is the one to name */
  if (line < w->line && (w->blame == 0 || line < w->blame)) w->blame = line;
}

static tcb_status enter(tcb_pairs *p, int64_t line, int64_t ends_at, tcb_err *err) {
  tcb_status status = room(p, err);
  if (status != TCB_OK) return status;
  window *mine = &p->open[p->open_len++];
  *mine = (window){ .line = line, .ends_at = ends_at };
  for (window *w = p->open; w < mine; w++) {
    blame(mine, w->line);
    blame(w, line);
  }
  return TCB_OK;
}

static tcb_status match(tcb_pairs *p, tcb_err *err) {
  const void *next;
  tcb_status status;
  p->is_matched = 1;
  while ((status = tcb_sort_next(p->records, &next, err)) == TCB_OK) {
    const unsigned char *r = next;
    int64_t line = (int64_t)tcb_sort_get(r + LINE, 8);
    int64_t starts_at = (int64_t)tcb_sort_get(r + START, 8);
    int is_first = p->last_line == 0;
    if (!is_first && memcmp(r, p->last, LINE) == 0) {
      status = report(p, line, p->last_line, 1, err);
    } else {
      int same_pair = !is_first && memcmp(r, p->last, START) == 0;
      status = leave(p, same_pair ? starts_at : INT64_MAX, err);
      if (status == TCB_OK) status = enter(p, line, starts_at + (int64_t)tcb_sort_get(r + DURATION, 4), err);
      p->last_line = line;
    }
    memcpy(p->last, r, RECORD_BYTES);
    if (status != TCB_OK) return status;
  }
  return status == TCB_NOT_FOUND ? leave(p, INT64_MAX, err) : status;
}

tcb_status tcb_pairs_next(tcb_pairs *p, tcb_pair_fault *fault, tcb_err *err) {
  const void *next;
  tcb_status status = p->is_matched ? TCB_OK : match(p, err);
  if (status == TCB_OK) status = tcb_sort_next(p->faults, &next, err);
  if (status != TCB_OK) return status;
  const unsigned char *f = next;
  *fault = (tcb_pair_fault){ .line = (int64_t)tcb_sort_get(f + F_LINE, 8), .other_line = (int64_t)tcb_sort_get(f + F_OTHER, 8),
                             .is_duplicate = f[F_KIND] };
  return TCB_OK;
}
