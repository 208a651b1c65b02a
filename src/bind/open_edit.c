/* bind/open_edit.c: the luaopen_ of tcb.edit: libedit. Built for the host's Lua alone. */
#include "bind/edit_open.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT int luaopen_tcb_edit(lua_State *L);

EXPORT int luaopen_tcb_edit(lua_State *L) {
  l_ctx_need(L, "tcb.edit");
  lua_createtable(L, 0, 1);
  l_edit_line_register(L);
  return 1;
}
