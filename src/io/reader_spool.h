/* io/reader_spool.h: keeps what a pipe gives in a file, so that it can be read again. */
#ifndef TCB_IO_READER_SPOOL_H
#define TCB_IO_READER_SPOOL_H

#include "core/reader.h"

/* Reads `inner`, and writes all of it to the file `path` (0600). When the file holds something already, of an earlier run, that is read
   first; `inner` must then give the same bytes once more (they are compared) or nothing at all, and goes on behind them. Takes `inner`
   over, also when this fails. Its sync makes durable what was read so far. */
tcb_status tcb_reader_spool(tcb_reader **out, tcb_ctx *ctx, tcb_reader *inner, const char *path, tcb_err *err);
#endif
