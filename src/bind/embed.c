/* bind/embed.c: the C API of tcb.h. */
#include "bind/tcb.h"

#include "bind/l_bind.h"
#include "core/version.h"

const char *tcb_version(void) {
  return TCB_VERSION;
}

static void preload(lua_State *L, const char *name, lua_CFunction opener) {     /* package.preload on top, left on top */
  lua_pushcfunction(L, opener);
  lua_setfield(L, -2, name);
}

void tcb_register_preload(lua_State *L, const luaL_Reg *list) {
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "preload");
  preload(L, "tcb.core", luaopen_tcb_core);
  for (; list && list->name; list++) preload(L, list->name, list->func);
  lua_pop(L, 2);
}

void tcb_openlibs(lua_State *L, tcb_alloc alloc, void *ud) {
  if (l_ctx_exists(L)) luaL_error(L, "tcb_openlibs must be called once, before tcb.core is loaded");
  l_ctx_open(L);
  if (alloc) {
    tcb_ctx *ctx = l_ctx(L);
    ctx->alloc = alloc;
    ctx->alloc_ud = ud;
  }
  tcb_register_preload(L, NULL);
}
