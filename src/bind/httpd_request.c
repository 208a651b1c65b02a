/* bind/httpd_request.c: Lua face of tcb_httpd_req. The userdata owns a reference; the server may close before it. */
#include "bind/httpd_open.h"

#include <string.h>

#define REQUEST "tcb.httpd.request"
#define HEADERS_MAX 32
typedef struct { tcb_httpd_req *core; } request_ud;      /* NULL: not filled yet, or collected */

static tcb_httpd_req *check_request(lua_State *L) {
  request_ud *u = luaL_checkudata(L, 1, REQUEST);
  luaL_argcheck(L, u->core != NULL, 1, "request is closed");
  return u->core;
}

tcb_httpd_req **l_httpd_request_new(lua_State *L) {
  request_ud *u = l_newuserdata(L, sizeof *u);
  u->core = NULL;
  luaL_getmetatable(L, REQUEST);
  lua_setmetatable(L, -2);
  return &u->core;
}

/* Reads a map { name = text } at `arg`, nil for none. The strings stay referenced by that table. */
static size_t read_headers(lua_State *L, int arg, tcb_httpd_header *out) {
  size_t n = 0;
  if (lua_isnoneornil(L, arg)) return 0;
  luaL_checktype(L, arg, LUA_TTABLE);
  for (lua_pushnil(L); lua_next(L, arg); lua_pop(L, 1)) {
    luaL_argcheck(L, lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TSTRING, arg, "headers are a map of strings");
    luaL_argcheck(L, n < HEADERS_MAX, arg, "too many headers");
    out[n].name = lua_tostring(L, -2);
    out[n++].value = lua_tostring(L, -1);
  }
  return n;
}

static int answer(lua_State *L, tcb_httpd_req *req, int cut, int at) {    /* status, headers, body from argument `at` on */
  tcb_httpd_header headers[HEADERS_MAX];
  size_t len = 0;
  int status = (int)l_checkrange(L, at, 200, 599);
  size_t count = read_headers(L, at + 1, headers);
  const char *body = lua_isnoneornil(L, at + 2) ? "" : l_checkbytes(L, at + 2, &len);
  tcb_err err;
  tcb_status done = cut ? tcb_httpd_req_cut(req, TCB_CUT_TRUNCATE, status, headers, count, body, len, &err)
                        : tcb_httpd_respond(req, status, headers, count, body, len, &err);
  if (done != TCB_OK) return l_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}

static int request_respond(lua_State *L) {               /* (status, headers?, body?) -> true | nil, err: gone, or answered before */
  return answer(L, check_request(L), 0, 2);
}

static int request_cut(lua_State *L) {                   /* ("empty"|"reset"|"stall") or ("truncate", status, headers?, body) */
  static const char *const modes[] = { "empty", "truncate", "reset", "stall", NULL };
  tcb_httpd_req *req = check_request(L);
  tcb_httpd_cut mode = (tcb_httpd_cut)luaL_checkoption(L, 2, NULL, modes);
  tcb_err err;
  if (mode == TCB_CUT_TRUNCATE) return answer(L, req, 1, 3);
  if (tcb_httpd_req_cut(req, mode, 0, NULL, 0, NULL, 0, &err) != TCB_OK) return l_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}

static int request_take_body(lua_State *L) {             /* () -> tcb.buf: the body's bytes, moved; `body` is empty from then on */
  tcb_httpd_req *req = check_request(L);
  tcb_buf *out = l_newbuf(L), *body = tcb_httpd_req_body(req), empty = *out;
  *out = *body;
  *body = empty;
  return 1;
}

static void push_headers(lua_State *L, const tcb_httpd_req *req) {       /* several of one name are joined by ", " */
  const char *name, *value;
  lua_createtable(L, 0, 8);
  for (size_t i = 0; tcb_httpd_req_header(req, i, &name, &value); i++) {
    lua_getfield(L, -1, name);
    if (lua_isnil(L, -1)) {
      lua_pop(L, 1);
      lua_pushstring(L, value);
    } else {
      lua_pushliteral(L, ", ");
      lua_pushstring(L, value);
      lua_concat(L, 3);
    }
    lua_setfield(L, -2, name);
  }
}

static int request_index(lua_State *L) {                 /* methods, then fields: method path query headers body peer id */
  request_ud *u = luaL_checkudata(L, 1, REQUEST);
  const char *field = luaL_checkstring(L, 2);
  lua_pushvalue(L, 2);
  lua_rawget(L, lua_upvalueindex(1));
  if (!lua_isnil(L, -1)) return 1;
  tcb_httpd_req *req = check_request(L);
  const tcb_httpd_head *head = tcb_httpd_req_head(u->core);
  if (strcmp(field, "method") == 0) lua_pushstring(L, head->method);
  else if (strcmp(field, "path") == 0) lua_pushstring(L, head->path);
  else if (strcmp(field, "query") == 0) lua_pushstring(L, head->query);
  else if (strcmp(field, "peer") == 0) lua_pushstring(L, head->peer);
  else if (strcmp(field, "id") == 0) l_pushint(L, head->id);
  else if (strcmp(field, "headers") == 0) push_headers(L, req);
  else if (strcmp(field, "body") == 0) {
    tcb_buf *body = tcb_httpd_req_body(req);
    lua_pushlstring(L, body->data ? body->data : "", body->len);
  } else lua_pushnil(L);
  return 1;
}

static int request_gc(lua_State *L) {
  request_ud *u = luaL_checkudata(L, 1, REQUEST);
  tcb_httpd_req *core = u->core;
  u->core = NULL;
  tcb_httpd_req_release(core);
  return 0;
}

static int request_tostring(lua_State *L) {
  request_ud *u = luaL_checkudata(L, 1, REQUEST);
  if (u->core == NULL) lua_pushliteral(L, "tcb.httpd.request (closed)");
  else lua_pushfstring(L, "tcb.httpd.request %d (%s)", (int)tcb_httpd_req_head(u->core)->id, tcb_httpd_req_head(u->core)->method);
  return 1;
}

static const luaL_Reg methods[] = {
  {"respond", request_respond}, {"cut", request_cut}, {"take_body", request_take_body}, {"close", request_gc}, {NULL, NULL}
};
static const luaL_Reg meta[] = { {"__gc", request_gc}, {"__close", request_gc}, {"__tostring", request_tostring}, {NULL, NULL} };

void l_httpd_request_register(lua_State *L) {            /* module table on top, left on top */
  l_newclass(L, REQUEST, methods, meta);
  luaL_getmetatable(L, REQUEST);
  lua_createtable(L, 0, 4);
  l_setfuncs(L, methods);
  lua_pushcclosure(L, request_index, 1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
