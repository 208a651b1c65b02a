/* bind/poll.c: Lua face of tcb_poll: the one place where a plain Lua program sleeps. */
#include "bind/core_open.h"

#include "io/poll.h"

static int poll_wait(lua_State *L) {                     /* ({fd, ...}, timeout_s?) -> n ready, { [i] = true } | 0 */
  int fds[TCB_POLL_MAX];
  unsigned char ready[TCB_POLL_MAX];
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_Number timeout_s = luaL_optnumber(L, 2, -1);
  size_t n = l_rawlen(L, 1);
  luaL_argcheck(L, n <= TCB_POLL_MAX, 1, "too many descriptors");
  for (size_t i = 0; i < n; i++) {
    lua_rawgeti(L, 1, (int)i + 1);
    luaL_argcheck(L, lua_isnumber(L, -1), 1, "a list of descriptors is expected");
    fds[i] = (int)lua_tonumber(L, -1);
    lua_pop(L, 1);
  }
  if (timeout_s > 3600) timeout_s = 3600;                /* also keeps the product below in range; callers look again anyway */
  int found = tcb_poll(fds, (int)n, timeout_s < 0 ? -1 : (int64_t)(timeout_s * 1e6), ready);
  if (found < 0) return luaL_argerror(L, 1, "a descriptor is not open");
  l_pushint(L, found);
  if (found == 0) return 1;
  lua_createtable(L, (int)n, 0);
  for (size_t i = 0; i < n; i++) {
    if (!ready[i]) continue;
    lua_pushboolean(L, 1);
    lua_rawseti(L, -2, (int)i + 1);
  }
  return 2;
}

static int poll_is_marked(lua_State *L) {                /* () -> is the running coroutine one that HAProxy itself resumes? */
  lua_pushboolean(L, l_is_marked(L));
  return 1;
}

void l_poll_register(lua_State *L) {                     /* module table on top, left on top */
  lua_pushcfunction(L, poll_wait);
  lua_setfield(L, -2, "poll");
  lua_pushcfunction(L, poll_is_marked);
  lua_setfield(L, -2, "is_marked");
}
