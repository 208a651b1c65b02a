/* bind/open_zlib.c: the luaopen_ of tcb.zlib: compressed input. */
#include "bind/zlib_reader.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT int luaopen_tcb_zlib(lua_State *L);

EXPORT int luaopen_tcb_zlib(lua_State *L) {
  l_ctx_need(L, "tcb.zlib");
  lua_createtable(L, 0, 1);
  l_zlib_reader_register(L);
  return 1;
}
