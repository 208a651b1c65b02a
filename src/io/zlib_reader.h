/* io/zlib_reader.h: a tcb_reader that decompresses gzip. */
#ifndef TCB_IO_ZLIB_READER_H
#define TCB_IO_ZLIB_READER_H

#include "core/reader.h"

/* Reads the gzip members that `inner` gives, one after the other; a member that is cut off or damaged is an error. Takes `inner` over,
   also when this fails. */
tcb_status tcb_zlib_reader(tcb_reader **out, tcb_ctx *ctx, tcb_reader *inner, tcb_err *err);

#endif
