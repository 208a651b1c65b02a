/* bind/endpoints.c: the table of calls as core.endpoints: name -> { row, method, path, query = {names}, limit, ... }. */
#include "bind/core_open.h"

#include <string.h>

#include "core/endpoints.h"

static void set_string(lua_State *L, const char *field, const char *value) {
  if (value == NULL || *value == '\0') return;
  lua_pushstring(L, value);
  lua_setfield(L, -2, field);
}

static void set_query(lua_State *L, const char *names) {
  lua_newtable(L);
  for (int n = 1; *names; n++) {
    size_t len = strcspn(names, " ");
    lua_pushlstring(L, names, len);
    lua_rawseti(L, -2, n);
    names += len + (names[len] == ' ');
  }
  lua_setfield(L, -2, "query");
}

void l_endpoints_register(lua_State *L) {                /* module table on top, left on top */
  lua_createtable(L, 0, TCB_CALL_COUNT);
  for (int i = 0; i < TCB_CALL_COUNT; i++) {
    const tcb_endpoint *e = &tcb_endpoints[i];
    lua_createtable(L, 0, 12);
    l_pushint(L, e->row), lua_setfield(L, -2, "row");
    set_string(L, "name", e->name);
    set_string(L, "method", e->method);
    set_string(L, "path", e->path);
    set_query(L, e->query);
    set_string(L, "limit", e->limit);
    if (e->records_max) l_pushint(L, e->records_max), lua_setfield(L, -2, "records_max");
    lua_pushboolean(L, e->is_repeatable), lua_setfield(L, -2, "repeatable");
    lua_pushboolean(L, e->replaced_by != NULL), lua_setfield(L, -2, "deprecated");
    set_string(L, "replaced_by", e->replaced_by);
    set_string(L, "fallback", e->fallback);
    lua_setfield(L, -2, e->name);
  }
  lua_setfield(L, -2, "endpoints");
}
