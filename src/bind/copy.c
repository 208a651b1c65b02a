/* bind/copy.c: Lua face of tcb_file_copy. */
#include "bind/core_open.h"

#include "io/copy.h"

static int copy_file(lua_State *L) {                     /* (from, to) -> true | nil, err */
  tcb_err err;
  if (tcb_file_copy(luaL_checkstring(L, 1), luaL_checkstring(L, 2), &err) != TCB_OK) return l_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}

void l_copy_register(lua_State *L) {                     /* module table on top, left on top */
  lua_pushcfunction(L, copy_file);
  lua_setfield(L, -2, "copy_file");
}
