/* bind/curl_open.h: what each object of tcb.curl offers its luaopen_. */
#ifndef TCB_CURL_OPEN_H
#define TCB_CURL_OPEN_H

#include "bind/l_bind.h"

void l_engine_register(lua_State *L);

#endif
