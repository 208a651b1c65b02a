/* bind/json.c: Lua face of the strict JSON scanner. */
#include "bind/core_open.h"

#include "core/json.h"

static int json_check(lua_State *L) {                    /* (bytes, depth?) -> true | nil, why, byte */
  size_t len;
  const char *bytes = l_checkbytes(L, 1, &len);
  int depth = (int)(lua_isnoneornil(L, 2) ? TCB_JSON_DEPTH_MAX : l_checkrange(L, 2, 1, TCB_JSON_DEPTH_MAX));
  tcb_json j;
  tcb_json_init(&j, bytes, len, depth);
  for (;;) {
    tcb_json_kind kind = tcb_json_next(&j);
    if (kind == TCB_JSON_END) return lua_pushboolean(L, 1), 1;
    if (kind != TCB_JSON_ERROR) continue;
    lua_pushnil(L);
    lua_pushstring(L, j.error);
    l_pushint(L, j.at - j.start);
    return 3;
  }
}

void l_json_register(lua_State *L) {                     /* module table on top, left on top */
  lua_pushcfunction(L, json_check);
  lua_setfield(L, -2, "json_check");
}
