/* bind/zlib_reader.h: what tcb.zlib offers its luaopen_. */
#ifndef TCB_BIND_ZLIB_READER_H
#define TCB_BIND_ZLIB_READER_H

#include "bind/l_bind.h"

void l_zlib_reader_register(lua_State *L);

#endif
