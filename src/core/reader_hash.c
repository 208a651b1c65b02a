/* core/reader_hash.c: XXH3 over a stream. Its state wants an alignment that an allocator need not give. */
#include "core/reader_hash.h"

#include "core/match.h"

#define ALIGNMENT 64

struct tcb_passed {
  tcb_ctx *ctx;
  int refs;
  int64_t from, to;
  char room[sizeof(XXH3_state_t) + ALIGNMENT];
};

typedef struct {
  tcb_reader face;
  tcb_ctx *ctx;
  tcb_reader *inner;
  tcb_passed *passed;
} hashed;

static XXH3_state_t *state_of(const tcb_passed *p) {
  uintptr_t at = (uintptr_t)p->room;
  return (XXH3_state_t *)((at + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1));
}

static void begin(tcb_passed *p, int64_t offset) {
  p->from = p->to = offset;
  XXH3_64bits_reset(state_of(p));
}

static tcb_status hashed_read(tcb_reader *r, char *to, size_t cap, size_t *got, tcb_err *err) {
  hashed *h = (hashed *)r;
  tcb_status status = h->inner->read(h->inner, to, cap, got, err);
  if (status != TCB_OK) return status;
  XXH3_64bits_update(state_of(h->passed), to, *got);
  h->passed->to += (int64_t)*got;
  return TCB_OK;
}

static tcb_status hashed_seek(tcb_reader *r, int64_t offset, tcb_err *err) {
  hashed *h = (hashed *)r;
  tcb_status status = h->inner->seek(h->inner, offset, err);
  if (status == TCB_OK && offset != h->passed->to) begin(h->passed, offset);
  return status;
}

static void hashed_free(tcb_reader *r) {
  hashed *h = (hashed *)r;
  tcb_reader_free(h->inner);
  tcb_passed_free(h->passed);
  tcb_free(h->ctx, h, sizeof *h);
}

tcb_status tcb_reader_hashed(tcb_reader **out, tcb_passed **passed, tcb_ctx *ctx, tcb_reader *inner, tcb_err *err) {
  hashed *h = tcb_malloc(ctx, sizeof *h);
  tcb_passed *p = tcb_malloc(ctx, sizeof *p);
  if (h == NULL || p == NULL) {
    tcb_free(ctx, h, sizeof *h);
    tcb_free(ctx, p, sizeof *p);
    tcb_reader_free(inner);
    return tcb_fail(err, TCB_E_MEMORY, "not enough memory to read the input");
  }
  *p = (tcb_passed){ .ctx = ctx, .refs = 2 };
  begin(p, 0);
  *h = (hashed){ .ctx = ctx, .inner = inner, .passed = p };
  h->face = (tcb_reader){ .read = hashed_read, .seek = hashed_seek, .free = hashed_free, .fd = inner->fd };
  *out = &h->face;
  *passed = p;
  return TCB_OK;
}

void tcb_passed_digest(const tcb_passed *p, int64_t *from, int64_t *to, uint64_t *hash) {
  *from = p->from;
  *to = p->to;
  *hash = XXH3_64bits_digest(state_of(p));
}

void tcb_passed_free(tcb_passed *p) {
  if (p && --p->refs == 0) tcb_free(p->ctx, p, sizeof *p);
}
