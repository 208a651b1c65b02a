/* io/httpd_channel.h: texts between a thread and the one that started it, both ways; each side has a descriptor to wait on. The
   only part of tcb.httpd that two threads touch. Memory is malloc's: a context's allocator belongs to one thread. */
#ifndef TCB_HTTPD_CHANNEL_H
#define TCB_HTTPD_CHANNEL_H

#include <stddef.h>

#include "core/err.h"

typedef struct tcb_channel tcb_channel;
typedef enum { TCB_SIDE_OWNER, TCB_SIDE_THREAD } tcb_channel_side;

/* Opens one with a reference for each side. */
tcb_status tcb_channel_open(tcb_channel **out, tcb_err *err);
/* Gives one reference back; the last frees. Accepts NULL. */
void tcb_channel_release(tcb_channel *c);
/* Puts a copy of `text` into the other side's queue. */
tcb_status tcb_channel_send(tcb_channel *c, tcb_channel_side from, const char *text, size_t len, tcb_err *err);
/* The oldest text sent to this side, malloc'd and owned by the caller, or NULL when there is none within `timeout_ms` (-1: no limit;
   it also ends when this side is told to stop, or the other one has ended). */
char *tcb_channel_receive(tcb_channel *c, tcb_channel_side side, int timeout_ms, size_t *len);
/* Readable while texts wait for this side, the thread is asked to stop (its side) or has ended (the owner's). */
int tcb_channel_fd(const tcb_channel *c, tcb_channel_side side);
/* Owner: asks the thread to stop. Thread: says that it has ended. */
void tcb_channel_finish(tcb_channel *c, tcb_channel_side side);
/* Whether the other side has said so. */
int tcb_channel_is_finished(tcb_channel *c, tcb_channel_side side);

#endif
