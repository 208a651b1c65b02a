/* bind/curl_engine.c: Lua face of tcb_engine. The userdata owns the engine; bodies that it borrows are anchored under their id. */
#include "bind/curl_open.h"

#include <string.h>

#include "io/curl_engine.h"

#define ENGINE "tcb.engine"
#define HEADERS_MAX 64
#define MAX_BODY_BYTES (INT64_C(32) << 20)
#define MAX_FILE_BYTES (INT64_C(4) << 30)

typedef struct {
  tcb_engine *core;                 /* NULL: closed */
  int anchors;                      /* registry reference of { [id] = { request body, answer buffer } } */
} engine_ud;

static tcb_engine *check_engine(lua_State *L, int arg) {
  engine_ud *u = luaL_checkudata(L, arg, ENGINE);
  luaL_argcheck(L, u->core != NULL, arg, "engine is closed");
  return u->core;
}

static int engine_new(lua_State *L) {                    /* () -> engine | nil, err */
  tcb_ctx *ctx = l_ctx(L);
  engine_ud *u = l_newuserdata(L, sizeof *u);
  *u = (engine_ud){ .anchors = LUA_NOREF };
  luaL_getmetatable(L, ENGINE);
  lua_setmetatable(L, -2);
  lua_newtable(L);
  u->anchors = luaL_ref(L, LUA_REGISTRYINDEX);
  tcb_err err;
  return tcb_engine_open(&u->core, ctx, &err) == TCB_OK ? 1 : l_fail(L, &err);
}

static void push_anchors(lua_State *L) {                 /* of the engine at 1 */
  lua_rawgeti(L, LUA_REGISTRYINDEX, ((engine_ud *)lua_touserdata(L, 1))->anchors);
}

static void pin(lua_State *L, int anchor, int by) {     /* the body to send must not move while libcurl reads it */
  lua_rawgeti(L, anchor, 1);
  tcb_buf *body = luaL_testudata(L, -1, L_BUF);
  if (body) body->pins += (unsigned)by;
  lua_pop(L, 1);
}

static void release_anchor(lua_State *L, int64_t id) {
  push_anchors(L);
  l_pushint(L, id);
  lua_rawget(L, -2);
  if (lua_istable(L, -1)) {
    pin(L, l_absindex(L, -1), -1);
    l_pushint(L, id);
    lua_pushnil(L);
    lua_rawset(L, -4);
  }
  lua_pop(L, 2);
}

static int64_t field_ms(lua_State *L, const char *field, int64_t otherwise) {   /* seconds in Lua, ms here */
  lua_getfield(L, 2, field);
  if (!lua_isnil(L, -1)) {
    lua_Number s = lua_tonumber(L, -1);
    luaL_argcheck(L, lua_type(L, -1) == LUA_TNUMBER && s > 0 && s <= 1e6, 2, "timeouts are positive numbers of seconds");
    otherwise = s < 0.001 ? 1 : (int64_t)(s * 1000);
  }
  lua_pop(L, 1);
  return otherwise;
}

static void read_headers(lua_State *L, tcb_http_request *r, const char *list[HEADERS_MAX]) {
  lua_getfield(L, 2, "headers");
  if (!lua_isnil(L, -1)) {
    luaL_argcheck(L, lua_istable(L, -1) && l_rawlen(L, -1) <= HEADERS_MAX, 2, "headers: a list of at most 64 strings is expected");
    for (int i = 0; i < (int)l_rawlen(L, -1); i++) {
      lua_rawgeti(L, -1, i + 1);
      luaL_argcheck(L, lua_type(L, -1) == LUA_TSTRING, 2, "headers: a list of strings is expected");
      list[r->header_count++] = lua_tostring(L, -1);     /* anchored by the list */
      lua_pop(L, 1);
    }
  }
  lua_pop(L, 1);
  r->headers = list;
}

static void read_request(lua_State *L, tcb_http_request *r, const char *list[HEADERS_MAX]) {
  luaL_checktype(L, 2, LUA_TTABLE);
  *r = (tcb_http_request){ .method = l_fieldstring(L, 2, "method", NULL), .url = l_fieldstring(L, 2, "url", NULL) };
  luaL_argcheck(L, r->url != NULL, 2, "field 'url' is missing");
  if (r->method == NULL) r->method = "GET";
  r->file = l_fieldstring(L, 2, "file", NULL);
  r->ca = l_fieldstring(L, 2, "ca", NULL);
  r->proxy = l_fieldstring(L, 2, "proxy", NULL);
  r->connect_timeout_ms = field_ms(L, "connect_timeout_s", 10000);
  r->timeout_ms = field_ms(L, "timeout_s", 30000);
  r->repeatable = l_fieldbool(L, 2, "repeatable", 0);
  int64_t most = l_fieldint(L, 2, "max_body_bytes", r->file ? MAX_FILE_BYTES : MAX_BODY_BYTES);
  luaL_argcheck(L, most >= 0, 2, "max_body_bytes is negative");
  r->max_body_bytes = (size_t)most;
  lua_getfield(L, 2, "on_sent");
  r->tell_sent = lua_toboolean(L, -1);
  lua_pop(L, 1);
  read_headers(L, r, list);
}

/* (request) -> id | nil, err. The request as in tcb.runtime; `into`: a tcb.buf that receives the answer. */
static int engine_start(lua_State *L) {
  tcb_engine *e = check_engine(L, 1);
  tcb_http_request r;
  const char *headers[HEADERS_MAX];
  tcb_err err;
  int64_t id;
  lua_settop(L, 2);
  read_request(L, &r, headers);
  lua_createtable(L, 2, 0);                              /* 3: the anchor */
  lua_getfield(L, 2, "body");
  if (!lua_isnil(L, -1)) r.body = l_checkbytes(L, 4, &r.body_len);
  lua_rawseti(L, 3, 1);
  lua_getfield(L, 2, "into");
  tcb_buf *into;
  if (lua_isnil(L, 4)) into = l_newbuf(L);
  else into = l_checkbuf(L, 4);
  into->len = 0;
  lua_rawseti(L, 3, 2);
  lua_settop(L, 3);
  push_anchors(L);                                       /* 4 */
  if (tcb_engine_prepare(e, &id, &err) != TCB_OK) return l_fail(L, &err);
  l_pushint(L, id);
  lua_pushvalue(L, 3);
  lua_rawset(L, 4);
  pin(L, 3, 1);
  if (tcb_engine_send(e, id, &r, into, &err) != TCB_OK) {
    release_anchor(L, id);
    return l_fail(L, &err);
  }
  l_pushint(L, id);
  return 1;
}

static int engine_step(lua_State *L) {                   /* (timeout_s?) -> true | nil, err; without a number: until something happens */
  tcb_engine *e = check_engine(L, 1);
  lua_Number s = luaL_optnumber(L, 2, -1);
  tcb_err err;
  if (tcb_engine_step(e, s < 0 ? -1 : s > 3600 ? INT64_C(3600000000) : (int64_t)(s * 1e6), &err) != TCB_OK) return l_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}

static int push_id(lua_State *L, int64_t id) {
  if (id) l_pushint(L, id);
  else lua_pushnil(L);
  return 1;
}

static int engine_done(lua_State *L) {                   /* () -> the next id that has ended | nil; (id) -> has it ended? */
  tcb_engine *e = check_engine(L, 1);
  if (lua_isnoneornil(L, 2)) return push_id(L, tcb_engine_next_done(e));
  lua_pushboolean(L, tcb_engine_is_done(e, l_checkint(L, 2)));
  return 1;
}

static int engine_sent(lua_State *L) {                   /* () -> the next id that begins to send, instant | nil; only with on_sent */
  int64_t at_us = 0;
  push_id(L, tcb_engine_next_sent(check_engine(L, 1), &at_us));
  l_pushint(L, at_us);
  return 2;
}

static void push_headers(lua_State *L, const tcb_http_answer *a) {   /* a repeated header's values are joined with ", " */
  const char *p = a->headers;
  lua_createtable(L, 0, a->header_count);
  for (int i = 0; i < a->header_count; i++) {
    const char *name = p, *value = p + strlen(p) + 1;
    lua_getfield(L, -1, name);
    if (lua_isnil(L, -1)) {
      lua_pop(L, 1);
      lua_pushstring(L, value);
    } else {
      lua_pushfstring(L, "%s, %s", lua_tostring(L, -1), value);
      lua_remove(L, -2);
    }
    lua_setfield(L, -2, name);
    p = value + strlen(value) + 1;
  }
}

/* (id, as_buf?) -> { status, headers, body, sent_us, done_us } | nil, err. Forgets the request. Raises while it has not ended. */
static int engine_take(lua_State *L) {
  tcb_engine *e = check_engine(L, 1);
  int64_t id = l_checkint(L, 2);
  int as_buf = lua_toboolean(L, 3);
  tcb_http_answer a;
  tcb_err err;
  lua_settop(L, 2);
  push_anchors(L);
  l_pushint(L, id);
  lua_rawget(L, 3);                                      /* 4: the anchor keeps the body until the end of this function */
  if (lua_isnil(L, 4)) return luaL_argerror(L, 2, "no such request");
  tcb_status status = tcb_engine_take(e, id, &a, &err);
  if (status == TCB_AGAIN) return luaL_argerror(L, 2, "the request has not ended");
  release_anchor(L, id);
  if (status != TCB_OK) return l_fail(L, &err);
  lua_createtable(L, 0, 5);                              /* 5 */
  l_pushint(L, a.status), lua_setfield(L, 5, "status");
  l_pushint(L, a.sent_us), lua_setfield(L, 5, "sent_us");
  l_pushint(L, a.done_us), lua_setfield(L, 5, "done_us");
  push_headers(L, &a);
  lua_setfield(L, 5, "headers");
  if (as_buf) {
    lua_rawgeti(L, 4, 2);
  } else {
    lua_pushlstring(L, a.body->data ? a.body->data : "", a.body->len);
    tcb_buf_free(a.body);
  }
  lua_setfield(L, 5, "body");
  return 1;
}

static int engine_cancel(lua_State *L) {                 /* (id) -> had its first byte left? */
  tcb_engine *e = check_engine(L, 1);
  int64_t id = l_checkint(L, 2);
  lua_pushboolean(L, tcb_engine_cancel(e, id));
  release_anchor(L, id);
  return 1;
}

static int engine_fd(lua_State *L) {                     /* () -> a descriptor, readable when a step has something to do */
  l_pushint(L, tcb_engine_fd(check_engine(L, 1)));
  return 1;
}

static int engine_timeout(lua_State *L) {                /* () -> seconds after which it wants a step | nil */
  int64_t us = tcb_engine_timeout_us(check_engine(L, 1));
  if (us < 0) lua_pushnil(L);
  else lua_pushnumber(L, (lua_Number)us / 1e6);
  return 1;
}

static int engine_rouse(lua_State *L) {                  /* (on): keeps the descriptor readable */
  tcb_engine_rouse(check_engine(L, 1), lua_toboolean(L, 2));
  return 0;
}

static int engine_active(lua_State *L) {                 /* () -> requests that have not ended */
  l_pushint(L, tcb_engine_active(check_engine(L, 1)));
  return 1;
}

static int engine_close(lua_State *L) {
  engine_ud *u = luaL_checkudata(L, 1, ENGINE);
  tcb_engine *core = u->core;
  u->core = NULL;
  tcb_engine_close(core);
  if (core) {
    push_anchors(L);
    for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) pin(L, l_absindex(L, -1), -1);
  }
  luaL_unref(L, LUA_REGISTRYINDEX, u->anchors);
  u->anchors = LUA_NOREF;
  return 0;
}

static int engine_tostring(lua_State *L) {
  engine_ud *u = luaL_checkudata(L, 1, ENGINE);
  if (u->core) lua_pushfstring(L, "tcb.engine (%d active)", tcb_engine_active(u->core));
  else lua_pushliteral(L, "tcb.engine (closed)");
  return 1;
}

static const luaL_Reg methods[] = {
  {"start", engine_start}, {"step", engine_step}, {"done", engine_done}, {"sent", engine_sent}, {"take", engine_take},
  {"cancel", engine_cancel}, {"fd", engine_fd}, {"timeout", engine_timeout}, {"rouse", engine_rouse}, {"active", engine_active}, {"close", engine_close},
  {NULL, NULL}
};
static const luaL_Reg meta[] = { {"__gc", engine_close}, {"__close", engine_close}, {"__tostring", engine_tostring}, {NULL, NULL} };

void l_engine_register(lua_State *L) {                   /* module table on top, left on top */
  l_newclass(L, ENGINE, methods, meta);
  lua_pushcfunction(L, engine_new);
  lua_setfield(L, -2, "engine");
}
