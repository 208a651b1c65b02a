/* bind/request.c: Lua face of the request builder: core.request and core.base_url. */
#include "bind/core_open.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/request.h"

#define PARAMS_MAX 32

/* The value on top as text, left there so that it lives on. Whole numbers lose no digit and gain no ".0". */
static tcb_param as_param(lua_State *L, const char *name) {
  tcb_param p = { name, NULL, 0 };
  if (lua_type(L, -1) == LUA_TNUMBER) {
    char text[32];
    lua_Number n = lua_tonumber(L, -1);
    if (n != floor(n) || fabs(n) > 9007199254740992.0) luaL_error(L, "'%s' must be a whole number", name);
    snprintf(text, sizeof text, "%.0f", (double)n);
    lua_pop(L, 1);
    lua_pushstring(L, text);
  } else if (lua_type(L, -1) == LUA_TBOOLEAN) {
    int yes = lua_toboolean(L, -1);
    lua_pop(L, 1);
    lua_pushstring(L, yes ? "true" : "false");
  } else if (lua_type(L, -1) != LUA_TSTRING) {
    luaL_error(L, "'%s' must be a string or a number, not a %s", name, luaL_typename(L, -1));
  }
  p.value = lua_tolstring(L, -1, &p.len);
  return p;
}

static size_t known_query(lua_State *L, int query, const tcb_endpoint *e, tcb_param *out) {
  size_t count = 0;
  const char *names = e->query;
  while (*names) {
    size_t len = strcspn(names, " ");
    lua_pushlstring(L, names, len);
    const char *name = lua_tostring(L, -1);
    lua_pushvalue(L, -1);
    lua_gettable(L, query);
    if (lua_isnil(L, -1)) lua_pop(L, 2);
    else out[count++] = as_param(L, name);
    names += len + (names[len] == ' ');
  }
  lua_pushnil(L);
  while (lua_next(L, query)) {
    int found = 0;
    const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
    for (size_t i = 0; i < count; i++) found |= strcmp(out[i].name, key) == 0;
    if (!found) luaL_error(L, "%s has no query parameter '%s'", e->name, key);
    lua_pop(L, 1);
  }
  return count;
}

static size_t free_query(lua_State *L, int query, tcb_param *out) {    /* a list of { name, value } */
  size_t count = l_rawlen(L, query);
  if (count > PARAMS_MAX) luaL_error(L, "more than %d query parameters", PARAMS_MAX);
  luaL_checkstack(L, 3 * (int)count + 20, "too many parameters");
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, query, (int)i + 1);
    if (!lua_istable(L, -1)) luaL_error(L, "field 'query': a list of { name, value } is expected");
    lua_rawgeti(L, -1, 1);
    if (lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "field 'query': a parameter's name must be a string");
    const char *name = lua_tostring(L, -1);
    lua_rawgeti(L, -2, 2);
    out[i] = as_param(L, name);
  }
  return count;
}

/* (call, { base_url, account, feature_set?, survey?, query? = {name = value}, fallback? }) -> method, url | nil, err
   For "other": method and path too, and query = { {name, value}, ... }. Raises on an unknown call, option type or parameter. */
static int request_build(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  tcb_call call = tcb_call_find(name);
  luaL_argcheck(L, call != TCB_CALL_COUNT, 1, "no such call");
  luaL_checktype(L, 2, LUA_TTABLE);
  luaL_checkstack(L, 40, "too many parameters");
  const tcb_endpoint *e = &tcb_endpoints[call];
  static const char *const ids[][2] = { {"client", "account"}, {"feature_set", "feature_set"}, {"survey", "survey"} };
  tcb_param id[3], query[PARAMS_MAX];
  tcb_request r = { .ids = id, .query = query };
  const char *method = e->method ? e->method : l_fieldstring(L, 2, "method", NULL);
  r.path = e->path ? NULL : l_fieldstring(L, 2, "path", NULL);
  r.base_url = l_fieldstring(L, 2, "base_url", &r.base_url_len);
  r.use_fallback = l_fieldbool(L, 2, "fallback", 0);
  luaL_argcheck(L, method && (e->path || r.path), 2, "fields 'method' and 'path' are required");
  if (r.base_url == NULL) r.base_url = "";
  for (size_t i = 0; i < 3; i++) {
    size_t len = 0;
    const char *value = l_fieldstring(L, 2, ids[i][1], &len);
    if (value) id[r.id_count++] = (tcb_param){ ids[i][0], value, len };
  }
  lua_getfield(L, 2, "query");
  if (lua_istable(L, -1)) {
    int at = lua_gettop(L);
    r.query_count = call == TCB_CALL_OTHER ? free_query(L, at, query) : known_query(L, at, e, query);
  } else if (!lua_isnil(L, -1)) luaL_argerror(L, 2, "field 'query': a table is expected");
  tcb_buf *url = l_scratch(L);
  tcb_err err;
  if (tcb_request_url(call, &r, url, &err) != TCB_OK) return l_fail(L, &err);
  lua_pushstring(L, method);
  lua_pushlstring(L, url->data, url->len);
  return 2;
}

/* (url) -> url without trailing slash, is loopback | nil, err(config) */
static int request_base_url(lua_State *L) {
  size_t len;
  const char *text = luaL_checklstring(L, 1, &len);
  int loopback;
  tcb_buf *url = l_scratch(L);
  tcb_err err;
  if (tcb_base_url(text, len, url, &loopback, &err) != TCB_OK) return l_fail(L, &err);
  lua_pushlstring(L, url->data, url->len);
  lua_pushboolean(L, loopback);
  return 2;
}

void l_request_register(lua_State *L) {                  /* module table on top, left on top */
  l_setscratch(L, "request", request_build);
  l_setscratch(L, "base_url", request_base_url);
}
