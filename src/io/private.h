/* io/private.h: small files that are the user's own: profiles with keys, and what else nobody but the user may read. */
#ifndef TCB_PRIVATE_H
#define TCB_PRIVATE_H

#include "core/buf.h"

#define TCB_PRIVATE_MAX_BYTES (1024 * 1024)

/* Appends the file's bytes to `out`. TCB_NOT_FOUND when there is no such file; TCB_E_CONFIG when it is not a plain file of this
   user (or root), when group or others may read or write it, or when it is over TCB_PRIVATE_MAX_BYTES. */
tcb_status tcb_private_read(const char *path, tcb_buf *out, tcb_err *err);
/* Replaces the file in one step, mode 0600; makes missing folders, mode 0700. TCB_E_STORE on failure: the old file stays. */
tcb_status tcb_private_write(tcb_ctx *ctx, const char *path, const char *bytes, size_t len, tcb_err *err);

#endif
