/* bind/l_buf.c: Lua face of tcb_buf: bytes owned by C, handed between modules without a copy. */
#include "bind/l_bind.h"

tcb_buf *l_newbuf(lua_State *L) {
  tcb_ctx *ctx = l_ctx(L);
  tcb_buf *b = l_newuserdata(L, sizeof *b);
  tcb_buf_init(b, ctx);
  luaL_getmetatable(L, L_BUF);
  lua_setmetatable(L, -2);
  return b;
}

void l_setscratch(lua_State *L, const char *name, lua_CFunction fn) {
  l_newbuf(L);
  lua_pushcclosure(L, fn, 1);
  lua_setfield(L, -2, name);
}

tcb_buf *l_scratch(lua_State *L) {
  tcb_buf *b = lua_touserdata(L, lua_upvalueindex(1));
  b->len = 0;
  return b;
}

tcb_buf *l_checkbuf(lua_State *L, int arg) {
  return luaL_checkudata(L, arg, L_BUF);
}

const char *l_checkbytes(lua_State *L, int arg, size_t *len) {
  if (lua_type(L, arg) == LUA_TUSERDATA) {
    tcb_buf *b = l_checkbuf(L, arg);
    *len = b->len;
    return b->data ? b->data : "";
  }
  return luaL_checklstring(L, arg, len);
}

static tcb_buf *check_free(lua_State *L) {               /* at 1, and nobody borrows its bytes */
  tcb_buf *b = l_checkbuf(L, 1);
  luaL_argcheck(L, b->pins == 0, 1, "the buffer is being sent");
  return b;
}

static int buf_new(lua_State *L) {                       /* (bytes?) -> buf */
  size_t len = 0;
  const char *bytes = lua_isnoneornil(L, 1) ? "" : l_checkbytes(L, 1, &len);
  tcb_buf *b = l_newbuf(L);
  tcb_err err;
  return tcb_buf_add(b, bytes, len, &err) == TCB_OK ? 1 : l_fail(L, &err);
}

static int buf_add(lua_State *L) {                       /* (bytes) -> self | nil, err */
  tcb_buf *b = check_free(L);
  size_t len;
  const char *bytes = l_checkbytes(L, 2, &len);
  tcb_err err;
  luaL_argcheck(L, bytes != b->data, 2, "a buffer cannot be added to itself");
  if (tcb_buf_add(b, bytes, len, &err) != TCB_OK) return l_fail(L, &err);
  lua_settop(L, 1);
  return 1;
}

static int buf_string(lua_State *L) {                    /* (first?, last?) -> string; positions as in string.sub, positive only */
  tcb_buf *b = l_checkbuf(L, 1);
  int64_t first = l_optint(L, 2, 1), last = l_optint(L, 3, (int64_t)b->len);
  luaL_argcheck(L, first >= 1, 2, "must be at least 1");
  if (last > (int64_t)b->len) last = (int64_t)b->len;
  if (first > last) lua_pushliteral(L, "");
  else lua_pushlstring(L, b->data + first - 1, (size_t)(last - first + 1));
  return 1;
}

static int buf_len(lua_State *L) {
  l_pushint(L, l_checkbuf(L, 1)->len);
  return 1;
}

static int buf_clear(lua_State *L) {                     /* keeps the memory for the next use */
  check_free(L)->len = 0;
  return 0;
}

static int buf_drop(lua_State *L) {                      /* (n): drops the first n bytes */
  tcb_buf_drop(check_free(L), (size_t)l_checkrange(L, 2, 0, INT64_C(1) << 52));
  return 0;
}

static int buf_gc(lua_State *L) {
  tcb_buf_free(l_checkbuf(L, 1));
  return 0;
}

static int buf_close(lua_State *L) {
  tcb_buf_free(check_free(L));
  return 0;
}

static int buf_tostring(lua_State *L) {
  lua_pushfstring(L, "tcb.buf (%d bytes)", (int)l_checkbuf(L, 1)->len);
  return 1;
}

static const luaL_Reg methods[] = {
  {"add", buf_add}, {"string", buf_string}, {"len", buf_len}, {"clear", buf_clear}, {"drop", buf_drop}, {"close", buf_close},
  {NULL, NULL}
};
static const luaL_Reg meta[] = {
  {"__gc", buf_gc}, {"__close", buf_close}, {"__len", buf_len}, {"__tostring", buf_tostring}, {NULL, NULL}
};

void l_buf_register(lua_State *L) {                      /* module table on top, left on top */
  l_newclass(L, L_BUF, methods, meta);
  lua_pushcfunction(L, buf_new);
  lua_setfield(L, -2, "buf");
}
