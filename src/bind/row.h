/* bind/row.h: the view of a feed's row that a hook gets. */
#ifndef TCB_BIND_ROW_H
#define TCB_BIND_ROW_H

#include "bind/l_bind.h"

/* Methods of tcb.feed. */
int l_row_new(lua_State *L);
int l_row_put(lua_State *L);
void l_row_register(lua_State *L);

#endif
