/* bind/open_sqlite.c: the luaopen_ of tcb.sqlite. */
#include "bind/sqlite_bind.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT int luaopen_tcb_sqlite(lua_State *L);

EXPORT int luaopen_tcb_sqlite(lua_State *L) {
  l_ctx_need(L, "tcb.sqlite");
  lua_createtable(L, 0, 4);
  l_sqlite_register(L);
  l_stmt_register(L);
  return 1;
}
