/* io/sandbox_file.h: where the sandbox keeps what it was sent, and its ledger: a file that only grows, with or without a name. */
#ifndef TCB_SANDBOX_FILE_H
#define TCB_SANDBOX_FILE_H

#include "core/buf.h"

typedef struct tcb_sandbox_file tcb_sandbox_file;

/* `path` NULL: a temporary file that no name leads to ($TMPDIR or /tmp); else created or emptied, readable by its owner alone.
   On TCB_OK the caller owns *out. */
tcb_status tcb_sandbox_file_open(tcb_sandbox_file **out, tcb_ctx *ctx, const char *path, tcb_err *err);
/* Accepts NULL. */
void tcb_sandbox_file_close(tcb_sandbox_file *f);
int64_t tcb_sandbox_file_bytes(const tcb_sandbox_file *f);

typedef struct { const char *data; size_t len; } tcb_sandbox_part;
#define TCB_SANDBOX_PARTS_MAX 8
/* Writes the parts at the end, with one system call when the disk takes it whole. The file grows by all of them or, on failure,
   by nothing that a reader of this object would see. */
tcb_status tcb_sandbox_file_add(tcb_sandbox_file *f, const tcb_sandbox_part *parts, int count, tcb_err *err);
/* Appends `len` bytes from offset `at` to `out`. */
tcb_status tcb_sandbox_file_read(const tcb_sandbox_file *f, int64_t at, size_t len, tcb_buf *out, tcb_err *err);

#endif
