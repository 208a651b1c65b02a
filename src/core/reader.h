/* core/reader.h: where input bytes come from, as function pointers: files, pipes and decompression live in src/io, conversions wrap
   another reader. */
#ifndef TCB_READER_H
#define TCB_READER_H

#include "core/ctx.h"

typedef struct tcb_reader tcb_reader;

struct tcb_reader {
  /* Up to `cap` >= 1 bytes: TCB_OK with *got > 0, TCB_NOT_FOUND at the end, TCB_AGAIN when a pipe has nothing yet. */
  tcb_status (*read)(tcb_reader *r, char *to, size_t cap, size_t *got, tcb_err *err);
  /* Goes to `offset` of the bytes that read gives. TCB_E_INPUT when the input cannot be read twice. */
  tcb_status (*seek)(tcb_reader *r, int64_t offset, tcb_err *err);
  void (*free)(tcb_reader *r);        /* with everything that it wraps */
  /* Makes durable what was read so far, where it is kept in a file of ours; NULL: nothing is. */
  tcb_status (*sync)(tcb_reader *r, tcb_err *err);
  int (*encoding)(const tcb_reader *r);       /* a tcb_encoding (core/decode.h); NULL: it converts nothing */
  int fd;                             /* to wait on after TCB_AGAIN; -1: never says TCB_AGAIN */
};

static inline void tcb_reader_free(tcb_reader *r) {
  if (r) r->free(r);
}

/* Reads bytes that the reader copies. */
tcb_status tcb_reader_text(tcb_reader **out, tcb_ctx *ctx, const char *bytes, size_t len, tcb_err *err);
/* Reads `bytes` and drops them: how readers that cannot jump go on to an offset. */
tcb_status tcb_reader_skip(tcb_reader *r, int64_t bytes, tcb_err *err);

#endif
