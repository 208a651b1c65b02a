/* core/buf.h: a growable run of bytes. */
#ifndef TCB_BUF_H
#define TCB_BUF_H

#include <string.h>

#include "core/ctx.h"

typedef struct {
  char *data;                       /* NULL while nothing was added; not NUL-terminated */
  size_t len, cap;
  unsigned pins;                    /* borrowers for whom the bytes must stay where they are; the Lua face then refuses changes */
  tcb_ctx *ctx;
} tcb_buf;

void tcb_buf_init(tcb_buf *b, tcb_ctx *ctx);
/* Gives the memory back; the buffer may be used again. Harmless when repeated. */
void tcb_buf_free(tcb_buf *b);
/* Room for `extra` more bytes behind len. The only one of these that can fail: TCB_E_MEMORY. */
tcb_status tcb_buf_reserve(tcb_buf *b, size_t extra, tcb_err *err);
tcb_status tcb_buf_add(tcb_buf *b, const char *bytes, size_t len, tcb_err *err);
tcb_status tcb_buf_addf(tcb_buf *b, tcb_err *err, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Drops the first `n` bytes, moving the rest down. */
void tcb_buf_drop(tcb_buf *b, size_t n);

#endif
