/* bind/sqlite_stmt.c: Lua face of tcb_stmt. Its connection stays alive as long as it does. */
#include "bind/sqlite_bind.h"

#include <math.h>

#define EXACT 9007199254740992.0     /* 2^53 */

typedef struct {
  tcb_stmt *core;                   /* NULL: closed, or never prepared */
  unsigned run;                     /* counts uses, so that an iterator of an earlier one notices */
} stmt_ud;

tcb_stmt **l_newstmt(lua_State *L, int db) {
  db = l_absindex(L, db);
  stmt_ud *u = l_newuserdata(L, sizeof *u);
  u->core = NULL;
  u->run = 0;
  luaL_getmetatable(L, L_STMT);
  lua_setmetatable(L, -2);
  lua_pushvalue(L, db);
  l_setparent(L, -2);
  return &u->core;
}

static stmt_ud *check_stmt(lua_State *L, int arg) {
  stmt_ud *u = luaL_checkudata(L, arg, L_STMT);
  luaL_argcheck(L, u->core != NULL, arg, "statement is closed");
  luaL_argcheck(L, tcb_stmt_is_open(u->core), arg, "the statement's database is closed");
  return u;
}

static void check_value(lua_State *L, int arg) {
  switch (lua_type(L, arg)) {
    case LUA_TNIL: case LUA_TBOOLEAN: case LUA_TNUMBER: case LUA_TSTRING: break;
    case LUA_TUSERDATA: l_checkbuf(L, arg); break;
    default: luaL_argerror(L, arg, lua_pushfstring(L, "a %s cannot be stored", luaL_typename(L, arg)));
  }
}

static tcb_status bind_number(lua_State *L, tcb_stmt *s, int at, int arg, tcb_err *err) {
#if LUA_VERSION_NUM >= 503
  if (lua_isinteger(L, arg)) return tcb_stmt_bind_int(s, at, (int64_t)lua_tointeger(L, arg), err);
#endif
  double n = lua_tonumber(L, arg);
  return n == floor(n) && fabs(n) <= EXACT ? tcb_stmt_bind_int(s, at, (int64_t)n, err) : tcb_stmt_bind_double(s, at, n, err);
}

static tcb_status bind_value(lua_State *L, tcb_stmt *s, int at, int arg, int keep, tcb_err *err) {
  size_t len;
  const char *bytes;
  switch (lua_type(L, arg)) {
    case LUA_TNIL: return tcb_stmt_bind_null(s, at, err);
    case LUA_TBOOLEAN: return tcb_stmt_bind_int(s, at, lua_toboolean(L, arg), err);
    case LUA_TNUMBER: return bind_number(L, s, at, arg, err);
    case LUA_TSTRING: bytes = lua_tolstring(L, arg, &len); return tcb_stmt_bind_text(s, at, bytes, len, keep, err);
    default: bytes = l_checkbytes(L, arg, &len); return tcb_stmt_bind_blob(s, at, bytes, len, keep, err);
  }
}

/* Checks self and the `given` values behind it, ends an earlier run and binds. Everything that raises comes first. */
static tcb_status start(lua_State *L, int given, tcb_stmt **out, int keep, tcb_err *err) {
  stmt_ud *u = check_stmt(L, 1);
  int wanted = tcb_stmt_parameters(u->core);
  if (given != wanted) luaL_error(L, "the statement has %d parameters, %d values were given", wanted, given);
  for (int i = 1; i <= given; i++) check_value(L, i + 1);
  tcb_stmt_reset(u->core);
  u->run++;
  *out = u->core;
  for (int i = 1; i <= given; i++) {
    tcb_status status = bind_value(L, u->core, i, i + 1, keep, err);
    if (status != TCB_OK) return status;
  }
  return TCB_OK;
}

static int stmt_run(lua_State *L) {                      /* (...) -> rows changed | nil, err */
  tcb_stmt *s;
  tcb_err err;
  tcb_status status = start(L, lua_gettop(L) - 1, &s, 1, &err);
  while (status == TCB_OK) status = tcb_stmt_step(s, &err);
  int64_t changes = tcb_stmt_changes(s);
  tcb_stmt_reset(s);
  if (status != TCB_NOT_FOUND) return l_fail(L, &err);
  l_pushint64(L, changes);
  return 1;
}

static int push_row(lua_State *L) {                      /* (lightuserdata statement) -> { columns..., n = count } */
  tcb_stmt *s = lua_touserdata(L, 1);
  int n = tcb_stmt_columns(s);
  lua_createtable(L, n, 1);
  for (int i = 0; i < n; i++) {
    size_t len;
    const char *bytes;
    switch (tcb_stmt_type(s, i)) {
      case TCB_COLUMN_NULL: continue;
      case TCB_COLUMN_INT: l_pushint64(L, tcb_stmt_int(s, i)); break;
      case TCB_COLUMN_DOUBLE: lua_pushnumber(L, tcb_stmt_double(s, i)); break;
      default: bytes = tcb_stmt_bytes(s, i, &len); lua_pushlstring(L, bytes, len);
    }
    lua_rawseti(L, -2, i + 1);
  }
  l_pushint(L, n);
  lua_setfield(L, -2, "n");
  return 1;
}

static int stmt_row(lua_State *L) {                      /* (...) -> first row | nil (none) | nil, err */
  tcb_stmt *s;
  tcb_err err;
  int raised = 0, arguments = lua_gettop(L);
  luaL_checkstack(L, 4, "row");
  tcb_status status = start(L, lua_gettop(L) - 1, &s, 1, &err);
  lua_pushcfunction(L, push_row);
  lua_insert(L, 1);                                      /* the values stay on the stack: their bytes are bound */
  if (status == TCB_OK) status = tcb_stmt_step(s, &err);
  if (status == TCB_OK) {
    lua_pushvalue(L, 1);
    lua_pushlightuserdata(L, s);
    raised = lua_pcall(L, 1, 1, 0);                      /* no memory for a string must not leave the statement running */
  }
  tcb_stmt_reset(s);
  if (raised) return lua_error(L);
  if (status == TCB_OK) return 1;
  lua_settop(L, arguments);
  if (status != TCB_NOT_FOUND) return l_fail(L, &err);
  lua_pushnil(L);
  return 1;
}

static int stmt_into(lua_State *L) {                     /* (buf, ...) -> buf: the first row's first column | nil (none) | nil, err */
  tcb_buf *to = l_checkbuf(L, 2);
  tcb_stmt *s;
  tcb_err err;
  size_t len;
  lua_pushvalue(L, 2);
  lua_remove(L, 2);                                      /* behind the values */
  tcb_status status = start(L, lua_gettop(L) - 2, &s, 1, &err);
  if (status == TCB_OK) status = tcb_stmt_step(s, &err);
  to->len = 0;
  if (status == TCB_OK) {
    const char *bytes = tcb_stmt_bytes(s, 0, &len);
    status = tcb_buf_add(to, bytes, len, &err);
  }
  tcb_stmt_reset(s);
  if (status == TCB_OK) return 1;
  if (status != TCB_NOT_FOUND) return l_fail(L, &err);
  lua_pushnil(L);
  return 1;
}

static int rows_next(lua_State *L) {                     /* upvalues: statement, its run, push_row */
  lua_settop(L, 0);
  lua_pushvalue(L, lua_upvalueindex(1));
  stmt_ud *u = check_stmt(L, 1);
  if (u->run != (unsigned)lua_tonumber(L, lua_upvalueindex(2)))
    luaL_error(L, "the statement was used again while its rows were read");
  tcb_err err;
  tcb_status status = tcb_stmt_step(u->core, &err);
  if (status == TCB_OK) {
    lua_pushvalue(L, lua_upvalueindex(3));
    lua_pushlightuserdata(L, u->core);
    if (lua_pcall(L, 1, 1, 0) == 0) return 1;
  }
  tcb_stmt_reset(u->core);
  u->run++;
  if (status == TCB_OK) return lua_error(L);
  if (status == TCB_NOT_FOUND) return 0;
  l_fail(L, &err);
  return lua_error(L);
}

static int stmt_rows(lua_State *L) {                     /* (...) -> iterator over rows; it raises what the disk causes */
  tcb_stmt *s;
  tcb_err err;
  tcb_status status = start(L, lua_gettop(L) - 1, &s, 0, &err);
  if (status != TCB_OK) {
    tcb_stmt_reset(s);
    l_fail(L, &err);
    return lua_error(L);
  }
  lua_settop(L, 1);
  lua_pushnumber(L, ((stmt_ud *)lua_touserdata(L, 1))->run);
  lua_pushcfunction(L, push_row);
  lua_pushcclosure(L, rows_next, 3);
  return 1;
}

static int stmt_reset(lua_State *L) {                    /* (): ends rows() that were not read to their end */
  stmt_ud *u = check_stmt(L, 1);
  tcb_stmt_reset(u->core);
  u->run++;
  return 0;
}

static int stmt_close(lua_State *L) {
  stmt_ud *u = luaL_checkudata(L, 1, L_STMT);
  tcb_stmt *core = u->core;
  u->core = NULL;
  tcb_stmt_free(core);
  return 0;
}

static int stmt_tostring(lua_State *L) {
  stmt_ud *u = luaL_checkudata(L, 1, L_STMT);
  int is_open = u->core && tcb_stmt_is_open(u->core);
  lua_pushfstring(L, "tcb.sqlite.stmt (%s)", is_open ? tcb_stmt_sql(u->core) : "closed");
  return 1;
}

static const luaL_Reg methods[] = {
  {"run", stmt_run}, {"row", stmt_row}, {"into", stmt_into}, {"rows", stmt_rows}, {"reset", stmt_reset}, {"close", stmt_close}, {NULL, NULL}
};
static const luaL_Reg meta[] = { {"__gc", stmt_close}, {"__close", stmt_close}, {"__tostring", stmt_tostring}, {NULL, NULL} };

void l_stmt_register(lua_State *L) {
  l_newclass(L, L_STMT, methods, meta);
}
