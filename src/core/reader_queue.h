/* core/reader_queue.h: a reader that is filled from outside: what a program makes itself goes the way of a pipe. */
#ifndef TCB_READER_QUEUE_H
#define TCB_READER_QUEUE_H

#include "core/reader.h"

/* Says TCB_AGAIN while it is empty and not finished. Its fd is -1: nothing can be waited on. Free it twice: once for who reads, once
   for who fills it. */
tcb_status tcb_reader_queue(tcb_reader **out, tcb_ctx *ctx, tcb_err *err);
tcb_status tcb_queue_push(tcb_reader *queue, const char *bytes, size_t len, tcb_err *err);
/* Nothing comes any more. */
void tcb_queue_finish(tcb_reader *queue);

#endif
