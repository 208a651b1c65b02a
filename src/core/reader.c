/* core/reader.c: a reader of bytes in memory, and skipping. */
#include "core/reader.h"

#include <string.h>

typedef struct {
  tcb_reader face;
  tcb_ctx *ctx;
  size_t len, at;
  char bytes[];
} text_reader;

static tcb_status text_read(tcb_reader *r, char *to, size_t cap, size_t *got, tcb_err *err) {
  text_reader *t = (text_reader *)r;
  (void)err;
  size_t n = t->len - t->at < cap ? t->len - t->at : cap;
  if (n == 0) return TCB_NOT_FOUND;
  memcpy(to, t->bytes + t->at, n);
  t->at += n;
  *got = n;
  return TCB_OK;
}

static tcb_status text_seek(tcb_reader *r, int64_t offset, tcb_err *err) {
  text_reader *t = (text_reader *)r;
  if (offset < 0 || (size_t)offset > t->len) return tcb_fail(err, TCB_E_INPUT, "offset %lld is behind the end", (long long)offset);
  t->at = (size_t)offset;
  return TCB_OK;
}

static void text_free(tcb_reader *r) {
  text_reader *t = (text_reader *)r;
  tcb_free(t->ctx, t, sizeof *t + t->len);
}

tcb_status tcb_reader_text(tcb_reader **out, tcb_ctx *ctx, const char *bytes, size_t len, tcb_err *err) {
  text_reader *t = tcb_malloc(ctx, sizeof *t + len);
  if (t == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory for %zu bytes of input", len);
  *t = (text_reader){ .face = { .read = text_read, .seek = text_seek, .free = text_free, .fd = -1 }, .ctx = ctx, .len = len };
  memcpy(t->bytes, bytes, len);
  *out = &t->face;
  return TCB_OK;
}

tcb_status tcb_reader_skip(tcb_reader *r, int64_t bytes, tcb_err *err) {
  char scratch[16384];
  while (bytes > 0) {
    size_t got, want = bytes < (int64_t)sizeof scratch ? (size_t)bytes : sizeof scratch;
    tcb_status status = r->read(r, scratch, want, &got, err);
    if (status == TCB_NOT_FOUND) return tcb_fail(err, TCB_E_INPUT, "the input is shorter than it was: %lld bytes are missing", (long long)bytes);
    if (status == TCB_AGAIN) return tcb_fail(err, TCB_E_INPUT, "a pipe cannot be read from the middle");
    if (status != TCB_OK) return status;
    bytes -= (int64_t)got;
  }
  return TCB_OK;
}
