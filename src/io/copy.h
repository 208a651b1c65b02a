/* io/copy.h: copies a file; where the file system can, without copying its bytes. */
#ifndef TCB_IO_COPY_H
#define TCB_IO_COPY_H

#include "core/err.h"

/* Makes `to` (0600, replaced when it exists) a copy of `from`, durable. TCB_E_INPUT when `from` cannot be read, TCB_E_STORE when `to`
   cannot be written; then `to` is gone. */
tcb_status tcb_file_copy(const char *from, const char *to, tcb_err *err);

#endif
