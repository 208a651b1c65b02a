/* bind/edit_open.h: what the objects of tcb.edit offer its luaopen_. */
#ifndef TCB_EDIT_OPEN_H
#define TCB_EDIT_OPEN_H

#include "bind/l_bind.h"

void l_edit_line_register(lua_State *L);

#endif
