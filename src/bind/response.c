/* bind/response.c: Lua face of the digestion of answers. */
#include "bind/core_open.h"

#include "core/response.h"

/* (call, status, body: string|tcb.buf|nil, retry_after?: header) -> nothing when good, else a table of error fields:
   { kind, message, status, slug?, field?, retry_after_s?, sent = true }, for tcb.errors.new. */
static int response_digest(lua_State *L) {
  tcb_call call = tcb_call_find(luaL_checkstring(L, 1));
  luaL_argcheck(L, call != TCB_CALL_COUNT, 1, "no such call");
  tcb_response r = { .status = (int)l_checkrange(L, 2, 0, 9999), .body = "" };
  if (!lua_isnoneornil(L, 3)) r.body = l_checkbytes(L, 3, &r.body_len);
  r.retry_after = luaL_optstring(L, 4, NULL);
  tcb_err err;
  if (tcb_response_digest(l_ctx(L), call, &r, &err) == TCB_OK) return 0;
  lua_createtable(L, 0, 8);
  lua_pushstring(L, tcb_status_name(err.status)), lua_setfield(L, -2, "kind");
  lua_pushstring(L, err.message), lua_setfield(L, -2, "message");
  if (err.http_status) l_pushint(L, err.http_status), lua_setfield(L, -2, "status");
  if (err.slug[0]) lua_pushstring(L, err.slug), lua_setfield(L, -2, "slug");
  if (err.field[0]) lua_pushstring(L, err.field), lua_setfield(L, -2, "field");
  if (err.retry_after_ms >= 0) lua_pushnumber(L, (lua_Number)err.retry_after_ms / 1000), lua_setfield(L, -2, "retry_after_s");
  lua_pushboolean(L, 1), lua_setfield(L, -2, "sent");
  return 1;
}

/* (header) -> seconds from now | nil */
static int response_retry_after(lua_State *L) {
  int64_t ms = tcb_retry_after_ms(l_ctx(L), luaL_optstring(L, 1, NULL));
  if (ms < 0) return 0;
  lua_pushnumber(L, (lua_Number)ms / 1000);
  return 1;
}

static const luaL_Reg functions[] = { {"digest", response_digest}, {"retry_after", response_retry_after}, {NULL, NULL} };

void l_response_register(lua_State *L) {                 /* module table on top, left on top */
  l_setfuncs(L, functions);
}
