/* bind/mailbox.h: between the two faces of a worker thread: its owner's (worker.c) and its own (mailbox.c). */
#ifndef TCB_BIND_MAILBOX_H
#define TCB_BIND_MAILBOX_H

#include "bind/l_bind.h"
#include "io/mailbox.h"

/* Pushes the worker's face of `m`, which must outlive the state. tcb.core must have been required in it. */
void l_mailbox_push(lua_State *L, tcb_mailbox *m);

#endif
