/* bind/compat.h: one C source for Lua 5.4, 5.3 and LuaJIT (5.1 ABI). Differences live here and nowhere else. */
#ifndef TCB_COMPAT_H
#define TCB_COMPAT_H

#include <lauxlib.h>
#include <lua.h>
#include <string.h>

#if LUA_VERSION_NUM == 504
#define l_newuserdata(L, bytes) lua_newuserdatauv((L), (bytes), 1)
#define l_rawlen lua_rawlen
#define l_pushint(L, n) lua_pushinteger((L), (lua_Integer)(n))
#elif LUA_VERSION_NUM == 503
#define l_newuserdata lua_newuserdata
#define l_rawlen lua_rawlen
#define l_pushint(L, n) lua_pushinteger((L), (lua_Integer)(n))
#elif LUA_VERSION_NUM == 501 && defined(LUA_LJDIR)
#define l_newuserdata lua_newuserdata
#define l_rawlen lua_objlen
#define l_pushint(L, n) lua_pushnumber((L), (lua_Number)(n))    /* exact up to 2^53: every instant in ms */
#else
#error "tcb builds for Lua 5.4, Lua 5.3 and LuaJIT 2.1 (5.1 ABI); these headers are of another Lua"
#endif

/* One Lua value tied to a userdata, so that a child keeps its parent alive: in a user value (5.3, 5.4) or its environment. */
static inline void l_setparent(lua_State *L, int child) {       /* pops the parent from the top */
#if LUA_VERSION_NUM == 504
  lua_setiuservalue(L, child, 1);
#elif LUA_VERSION_NUM == 503
  lua_setuservalue(L, child);
#else
  int at = child > 0 ? child : lua_gettop(L) + child + 1;
  lua_createtable(L, 1, 0);
  lua_insert(L, -2);
  lua_rawseti(L, -2, 1);
  lua_setfenv(L, at);
#endif
}

static inline void l_getparent(lua_State *L, int child) {       /* pushes it; nil when none was set */
#if LUA_VERSION_NUM == 504
  lua_getiuservalue(L, child, 1);
#elif LUA_VERSION_NUM == 503
  lua_getuservalue(L, child);
#else
  lua_getfenv(L, child);
  lua_rawgeti(L, -1, 1);
  lua_remove(L, -2);
#endif
}

static inline int l_absindex(lua_State *L, int i) {
  return i > 0 || i <= LUA_REGISTRYINDEX ? i : lua_gettop(L) + i + 1;
}

/* Does this coroutine carry a mark of its own? HAProxy marks those that it resumes itself; others have the main thread's mark. */
static inline int l_is_marked(lua_State *L) {
#if LUA_VERSION_NUM >= 503
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  lua_State *main = lua_tothread(L, -1);
  lua_pop(L, 1);
  return memcmp(lua_getextraspace(L), lua_getextraspace(main), LUA_EXTRASPACE) != 0;
#else
  (void)L;
  return 0;
#endif
}

#endif
