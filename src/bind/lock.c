/* bind/lock.c: Lua face of tcb_lock. */
#include "bind/core_open.h"

#include <unistd.h>

#include "io/lock.h"

#define LOCK "tcb.lock"
typedef struct { tcb_lock *core; } lock_ud;              /* NULL: let go */

/* (path, text) -> lock | false, text of the holder | nil, err */
static int lock_take(lua_State *L) {
  size_t len;
  const char *path = luaL_checkstring(L, 1), *text = luaL_checklstring(L, 2, &len);
  tcb_ctx *ctx = l_ctx(L);
  lock_ud *u = l_newuserdata(L, sizeof *u);
  u->core = NULL;
  luaL_getmetatable(L, LOCK);
  lua_setmetatable(L, -2);
  tcb_buf *holder = l_newbuf(L);
  tcb_err err;
  tcb_status status = tcb_lock_take(&u->core, ctx, path, text, len, holder, &err);
  if (status == TCB_OK) return lua_pop(L, 1), 1;
  if (status != TCB_AGAIN) return l_fail(L, &err);
  lua_pushboolean(L, 0);
  lua_pushlstring(L, holder->data ? holder->data : "", holder->len);
  return 2;
}

static int lock_close(lua_State *L) {
  lock_ud *u = luaL_checkudata(L, 1, LOCK);
  tcb_lock *core = u->core;
  u->core = NULL;
  tcb_lock_free(core);
  return 0;
}

static int lock_pid(lua_State *L) {                      /* () -> process id: what a holder writes about itself */
  l_pushint(L, getpid());
  return 1;
}

static const luaL_Reg methods[] = { {"close", lock_close}, {NULL, NULL} };
static const luaL_Reg meta[] = { {"__gc", lock_close}, {"__close", lock_close}, {NULL, NULL} };

void l_lock_register(lua_State *L) {                     /* module table on top, left on top */
  l_newclass(L, LOCK, methods, meta);
  lua_pushcfunction(L, lock_take);
  lua_setfield(L, -2, "lock");
  lua_pushcfunction(L, lock_pid);
  lua_setfield(L, -2, "pid");
}
