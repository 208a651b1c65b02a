/* bind/tidy.c: core.tidy, the second half of tcb.json: what lua-cjson decoded, with integers as integers. */
#include "bind/core_open.h"

#include <math.h>

#define EXACT 9007199254740992.0     /* 2^53: beyond it the decoder had lost digits already */

/* The table at the top, in place: whole floats become integers (5.3, 5.4); in objects, nulls go unless kept. Assigning to
   a field that exists is allowed during a traversal. Depth is bounded by the decoder's own limit. */
static void tidy(lua_State *L, const void *null, int keep) {
  luaL_checkstack(L, 6, "JSON is nested too deeply");
  lua_pushnil(L);
  while (lua_next(L, -2)) {
    int type = lua_type(L, -1);
    if (type == LUA_TTABLE) tidy(L, null, keep);
#if LUA_VERSION_NUM >= 503
    else if (type == LUA_TNUMBER && !lua_isinteger(L, -1)) {
      lua_Number n = lua_tonumber(L, -1);
      if (n == floor(n) && fabs(n) <= EXACT) {
        lua_pushvalue(L, -2);
        lua_pushinteger(L, (lua_Integer)n);
        lua_rawset(L, -5);
      }
    }
#endif
    else if (type == LUA_TLIGHTUSERDATA && !keep && lua_touserdata(L, -1) == null && lua_type(L, -2) == LUA_TSTRING) {
      lua_pushvalue(L, -2);
      lua_pushnil(L);
      lua_rawset(L, -5);
    }
    lua_pop(L, 1);
  }
}

static int tidy_value(lua_State *L) {                    /* (value, null, keep nulls?) -> value, changed in place */
  const void *null = lua_touserdata(L, 2);
  int keep = lua_toboolean(L, 3);
  lua_settop(L, 1);
#if LUA_VERSION_NUM >= 503
  if (lua_type(L, 1) == LUA_TNUMBER) {
    lua_Number n = lua_tonumber(L, 1);
    if (n == floor(n) && fabs(n) <= EXACT) lua_pushinteger(L, (lua_Integer)n);
    return 1;
  }
#endif
  if (lua_istable(L, 1)) tidy(L, null, keep);
  return 1;
}

void l_tidy_register(lua_State *L) {                     /* module table on top, left on top */
  lua_pushcfunction(L, tidy_value);
  lua_setfield(L, -2, "tidy");
}
