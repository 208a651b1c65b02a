/* bind/l_bind.c: classes, strict arguments and errors for the binding files. */
#include "bind/l_bind.h"

#include <math.h>
#include <stdio.h>

#define EXACT 9007199254740992.0     /* 2^53 */

void l_setfuncs(lua_State *L, const luaL_Reg *list) {
  for (; list && list->name; list++) {
    lua_pushcfunction(L, list->func);
    lua_setfield(L, -2, list->name);
  }
}

void l_newclass(lua_State *L, const char *name, const luaL_Reg *methods, const luaL_Reg *meta) {
  if (luaL_newmetatable(L, name)) {
    lua_pushstring(L, name);
    lua_setfield(L, -2, "__name");
    lua_createtable(L, 0, 8);
    l_setfuncs(L, methods);
    lua_setfield(L, -2, "__index");
    l_setfuncs(L, meta);
  }
  lua_pop(L, 1);
}

int l_fail(lua_State *L, const tcb_err *err) {
  lua_pushnil(L);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "tcb.errors");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "new");
  lua_remove(L, -2);
  lua_createtable(L, 0, 8);
  lua_pushstring(L, tcb_status_name(err->status));
  lua_setfield(L, -2, "kind");
  lua_pushstring(L, err->message);
  lua_setfield(L, -2, "message");
  if (err->http_status) l_pushint(L, err->http_status), lua_setfield(L, -2, "status");
  if (err->slug[0]) lua_pushstring(L, err->slug), lua_setfield(L, -2, "slug");
  if (err->field[0]) lua_pushstring(L, err->field), lua_setfield(L, -2, "field");
  if (err->retry_after_ms >= 0) lua_pushnumber(L, (lua_Number)err->retry_after_ms / 1000), lua_setfield(L, -2, "retry_after_s");
  if (err->sent) lua_pushboolean(L, 1), lua_setfield(L, -2, "sent");
  lua_call(L, 1, 1);
  return 2;
}

int64_t l_checkint(lua_State *L, int arg) {
  lua_Number n = luaL_checknumber(L, arg);
  luaL_argcheck(L, n == floor(n) && fabs(n) <= EXACT, arg, "a whole number is expected");
  return (int64_t)n;
}

int64_t l_optint(lua_State *L, int arg, int64_t otherwise) {
  return lua_isnoneornil(L, arg) ? otherwise : l_checkint(L, arg);
}

int64_t l_checkrange(lua_State *L, int arg, int64_t low, int64_t high) {
  int64_t n = l_checkint(L, arg);
  if (n < low || n > high) {
    char text[96];
    snprintf(text, sizeof text, "must be %lld..%lld", (long long)low, (long long)high);
    luaL_argerror(L, arg, text);
  }
  return n;
}

static int wrong_field(lua_State *L, int arg, const char *field, const char *expected) {
  return luaL_argerror(L, arg, lua_pushfstring(L, "field '%s': %s expected, got %s", field, expected, luaL_typename(L, -1)));
}

int64_t l_fieldint(lua_State *L, int arg, const char *field, int64_t otherwise) {
  int64_t n = otherwise;
  lua_getfield(L, arg, field);
  if (!lua_isnil(L, -1)) {
    lua_Number v = lua_tonumber(L, -1);
    if (lua_type(L, -1) != LUA_TNUMBER || v != floor(v) || fabs(v) > EXACT) wrong_field(L, arg, field, "a whole number");
    n = (int64_t)v;
  }
  lua_pop(L, 1);
  return n;
}

int l_fieldbool(lua_State *L, int arg, const char *field, int otherwise) {
  lua_getfield(L, arg, field);
  if (!lua_isnil(L, -1)) {
    if (!lua_isboolean(L, -1)) wrong_field(L, arg, field, "a boolean");
    otherwise = lua_toboolean(L, -1);
  }
  lua_pop(L, 1);
  return otherwise;
}

const char *l_fieldstring(lua_State *L, int arg, const char *field, size_t *len) {
  const char *s = NULL;
  lua_getfield(L, arg, field);
  if (!lua_isnil(L, -1)) {
    if (lua_type(L, -1) != LUA_TSTRING) wrong_field(L, arg, field, "a string");
    s = lua_tolstring(L, -1, len);
  }
  lua_pop(L, 1);
  return s;
}

void l_pushint64(lua_State *L, int64_t n) {
  if (n > -9007199254740992 && n < 9007199254740992) {
    l_pushint(L, n);
    return;
  }
  char text[24];
  snprintf(text, sizeof text, "%lld", (long long)n);
  lua_pushstring(L, text);
}
