/* bind/http1.c: Lua face of tcb_http1. The userdata owns the parser. */
#include "bind/core_open.h"

#include "core/http1.h"

#define HTTP1 "tcb.http1"

typedef struct { tcb_http1 *core; } http1_ud;             /* NULL: not open yet, or closed */

static tcb_http1 *check_http1(lua_State *L, int arg) {
  http1_ud *u = luaL_checkudata(L, arg, HTTP1);
  luaL_argcheck(L, u->core != NULL, arg, "parser is closed");
  return u->core;
}

static int http1_new(lua_State *L) {                     /* (body_max) -> parser | nil, err */
  size_t body_max = (size_t)l_checkrange(L, 1, 0, INT64_C(1) << 40);
  tcb_ctx *ctx = l_ctx(L);
  http1_ud *u = l_newuserdata(L, sizeof *u);
  u->core = NULL;
  luaL_getmetatable(L, HTTP1);
  lua_setmetatable(L, -2);
  tcb_err err;
  return tcb_http1_open(&u->core, ctx, body_max, &err) == TCB_OK ? 1 : l_fail(L, &err);
}

static int http1_reset(lua_State *L) {                   /* (body_max): for another response */
  tcb_http1_reset(check_http1(L, 1), (size_t)l_checkrange(L, 2, 0, INT64_C(1) << 40));
  return 0;
}

static int result(lua_State *L, tcb_status status, tcb_err *err) {
  if (status != TCB_OK && status != TCB_AGAIN) {
    err->sent = 1;
    return l_fail(L, err);
  }
  lua_pushboolean(L, status == TCB_OK);
  return 1;
}

static int http1_feed(lua_State *L) {                    /* (bytes) -> true: whole, false: more is needed | nil, err (proto) */
  tcb_http1 *h = check_http1(L, 1);
  size_t len;
  const char *bytes = luaL_checklstring(L, 2, &len);
  tcb_err err;
  return result(L, tcb_http1_feed(h, bytes, len, &err), &err);
}

static int http1_end(lua_State *L) {                     /* the peer closed: () -> true | nil, err (proto) */
  tcb_err err;
  return result(L, tcb_http1_end(check_http1(L, 1), &err), &err);
}

static int http1_started(lua_State *L) {
  lua_pushboolean(L, tcb_http1_started(check_http1(L, 1)));
  return 1;
}

static int http1_keeps(lua_State *L) {
  lua_pushboolean(L, tcb_http1_keeps(check_http1(L, 1)));
  return 1;
}

static int http1_response(lua_State *L) {                /* ("string"|"buf") -> status, headers { name = value }, body */
  tcb_http1 *h = check_http1(L, 1);
  static const char *const wants[] = { "string", "buf", NULL };
  int want = luaL_checkoption(L, 2, "string", wants);
  const tcb_buf *body = tcb_http1_body(h);
  const char *name, *value;
  size_t name_len, value_len;
  l_pushint(L, tcb_http1_status(h));
  lua_createtable(L, 0, 8);
  for (size_t i = 0; tcb_http1_header(h, i, &name, &name_len, &value, &value_len); i++) {
    lua_pushlstring(L, name, name_len);
    lua_pushlstring(L, value, value_len);
    lua_rawset(L, -3);
  }
  if (want == 0) {
    lua_pushlstring(L, body->data ? body->data : "", body->len);
    return 3;
  }
  tcb_buf *out = l_newbuf(L);
  tcb_err err;
  if (tcb_buf_add(out, body->data, body->len, &err) != TCB_OK) return l_fail(L, &err);
  return 3;
}

static int http1_close(lua_State *L) {                   /* close, __gc and __close; harmless when repeated */
  http1_ud *u = luaL_checkudata(L, 1, HTTP1);
  tcb_http1 *core = u->core;
  u->core = NULL;
  tcb_http1_free(core);
  return 0;
}

static int http1_tostring(lua_State *L) {
  http1_ud *u = luaL_checkudata(L, 1, HTTP1);
  lua_pushstring(L, u->core ? "tcb.http1" : "tcb.http1 (closed)");
  return 1;
}

static const luaL_Reg methods[] = {
  {"reset", http1_reset}, {"feed", http1_feed}, {"finish", http1_end}, {"started", http1_started}, {"keeps", http1_keeps}, {"response", http1_response},
  {"close", http1_close}, {NULL, NULL}
};
static const luaL_Reg meta[] = {
  {"__gc", http1_close}, {"__close", http1_close}, {"__tostring", http1_tostring}, {NULL, NULL}
};

void l_http1_register(lua_State *L) {                    /* module table on top, left on top */
  l_newclass(L, HTTP1, methods, meta);
  lua_pushcfunction(L, http1_new);
  lua_setfield(L, -2, "http1");
}
