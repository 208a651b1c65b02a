/* core/buf.c: a growable run of bytes. */
#include "core/buf.h"

#include <stdio.h>

#define FIRST_BYTES 256

void tcb_buf_init(tcb_buf *b, tcb_ctx *ctx) {
  *b = (tcb_buf){ .ctx = ctx };
}

void tcb_buf_free(tcb_buf *b) {
  tcb_free(b->ctx, b->data, b->cap);
  b->data = NULL;
  b->len = b->cap = 0;
}

tcb_status tcb_buf_reserve(tcb_buf *b, size_t extra, tcb_err *err) {
  if (b->cap - b->len >= extra) return TCB_OK;
  size_t cap = b->cap ? b->cap : FIRST_BYTES;
  if (extra > SIZE_MAX / 4 - b->len) return tcb_fail(err, TCB_E_MEMORY, "a buffer of %zu bytes is too large", extra);
  while (cap - b->len < extra) cap *= 2;
  char *data = tcb_realloc(b->ctx, b->data, b->cap, cap);
  if (data == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory for %zu bytes", cap);
  b->data = data;
  b->cap = cap;
  return TCB_OK;
}

tcb_status tcb_buf_add(tcb_buf *b, const char *bytes, size_t len, tcb_err *err) {
  if (len == 0) return TCB_OK;
  tcb_status status = tcb_buf_reserve(b, len, err);
  if (status != TCB_OK) return status;
  memcpy(b->data + b->len, bytes, len);
  b->len += len;
  return TCB_OK;
}

tcb_status tcb_buf_addf(tcb_buf *b, tcb_err *err, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int n = vsnprintf(NULL, 0, format, args);
  va_end(args);
  if (n < 0) return tcb_fail(err, TCB_E_INPUT, "cannot format text");
  tcb_status status = tcb_buf_reserve(b, (size_t)n + 1, err);
  if (status != TCB_OK) return status;
  va_start(args, format);
  vsnprintf(b->data + b->len, (size_t)n + 1, format, args);
  va_end(args);
  b->len += (size_t)n;
  return TCB_OK;
}

void tcb_buf_drop(tcb_buf *b, size_t n) {
  if (n >= b->len) b->len = 0;
  else if (n > 0) {
    memmove(b->data, b->data + n, b->len - n);
    b->len -= n;
  }
}
