/* bind/queue.h: records that a program makes, on their way into a reader. */
#ifndef TCB_BIND_QUEUE_H
#define TCB_BIND_QUEUE_H

#include "bind/l_bind.h"

/* core.reader.queue() -> reader, queue that fills it | nil, err. */
int l_queue_new(lua_State *L);
void l_queue_register(lua_State *L);

#endif
