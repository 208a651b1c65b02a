/* io/lock.h: a file that one process holds as long as it lives: the kernel lets go when it dies, whatever kills it. */
#ifndef TCB_IO_LOCK_H
#define TCB_IO_LOCK_H

#include "core/buf.h"

typedef struct tcb_lock tcb_lock;

/* Takes `path` and writes `text` (who holds it) into it. TCB_OK: the caller owns *out. TCB_AGAIN: somebody else holds it, and
   `holder` has what that one wrote. Never waits. */
tcb_status tcb_lock_take(tcb_lock **out, tcb_ctx *ctx, const char *path, const char *text, size_t len, tcb_buf *holder, tcb_err *err);
/* Lets go and removes the file. Accepts NULL. */
void tcb_lock_free(tcb_lock *lock);

#endif
