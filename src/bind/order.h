/* bind/order.h: what other bindings need of tcb.order. */
#ifndef TCB_BIND_ORDER_H
#define TCB_BIND_ORDER_H

#include "bind/l_bind.h"
#include "core/sort.h"

/* The order at `arg`; raises when it is closed, or something else. */
tcb_sort *l_checkorder(lua_State *L, int arg);
void l_order_register(lua_State *L);

#endif
