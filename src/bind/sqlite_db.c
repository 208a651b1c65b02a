/* bind/sqlite_db.c: Lua face of tcb_sqlite, one connection. */
#include "bind/sqlite_bind.h"

#include <string.h>

typedef struct { tcb_sqlite *core; } sqlite_ud;          /* NULL: closed */

tcb_sqlite *l_checksqlite(lua_State *L, int arg) {
  sqlite_ud *u = luaL_checkudata(L, arg, L_SQLITE);
  luaL_argcheck(L, u->core != NULL, arg, "database is closed");
  return u->core;
}

static int known(const char *name) {
  static const char *const names[] = { "create", "parents", "mode", "synchronous", "wal", "readonly", "busy_s", "version", "page_bytes", NULL };
  for (int i = 0; names[i]; i++) if (strcmp(names[i], name) == 0) return 1;
  return 0;
}

static void refuse_unknown(lua_State *L, int arg) {
  for (lua_pushnil(L); lua_next(L, arg); lua_pop(L, 1)) {
    const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "(not a name)";
    if (!known(name)) luaL_argerror(L, arg, lua_pushfstring(L, "unknown option '%s'", name));
  }
}

static tcb_sqlite_options read_options(lua_State *L, int arg) {
  tcb_sqlite_options o = { 1, 0, 0600, TCB_SYNC_FULL, 1, 0, 5000, 0, -1 };
  if (lua_isnoneornil(L, arg)) return o;
  luaL_checktype(L, arg, LUA_TTABLE);
  refuse_unknown(L, arg);
  o.readonly = l_fieldbool(L, arg, "readonly", 0);
  o.create = l_fieldbool(L, arg, "create", !o.readonly);
  o.parents = l_fieldbool(L, arg, "parents", 0);
  o.mode = (int)l_fieldint(L, arg, "mode", o.mode);
  o.wal = l_fieldbool(L, arg, "wal", 1);
  o.version = l_fieldint(L, arg, "version", -1);
  o.page_bytes = (int)l_fieldint(L, arg, "page_bytes", 0);
  luaL_argcheck(L, o.page_bytes == 0 || (o.page_bytes >= 512 && o.page_bytes <= 65536 && (o.page_bytes & (o.page_bytes - 1)) == 0), arg,
                "field 'page_bytes' must be a power of two, 512..65536");
  lua_getfield(L, arg, "busy_s");
  if (!lua_isnil(L, -1)) {
    if (lua_type(L, -1) != LUA_TNUMBER) luaL_argerror(L, arg, "field 'busy_s': a number expected");
    lua_Number s = lua_tonumber(L, -1);
    luaL_argcheck(L, s >= 0 && s <= 3600, arg, "field 'busy_s' must be 0..3600");
    o.busy_ms = (int)(s * 1000);
  }
  lua_pop(L, 1);
  size_t len;
  const char *sync = l_fieldstring(L, arg, "synchronous", &len);
  if (sync && strcmp(sync, "normal") == 0) o.sync = TCB_SYNC_NORMAL;
  else if (sync && strcmp(sync, "off") == 0) o.sync = TCB_SYNC_OFF;
  else if (sync && strcmp(sync, "full") != 0)
    luaL_argerror(L, arg, "field 'synchronous' must be \"full\", \"normal\" or \"off\"");
  return o;
}

static int sqlite_open(lua_State *L) {                   /* (path, options?) -> db | nil, err */
  size_t len;
  const char *path = luaL_checklstring(L, 1, &len);
  luaL_argcheck(L, len > 0 && strlen(path) == len, 1, "a path is expected");
  tcb_sqlite_options options = read_options(L, 2);
  tcb_ctx *ctx = l_ctx(L);
  sqlite_ud *u = l_newuserdata(L, sizeof *u);
  u->core = NULL;
  luaL_getmetatable(L, L_SQLITE);
  lua_setmetatable(L, -2);
  tcb_err err;
  return tcb_sqlite_open(&u->core, ctx, path, &options, &err) == TCB_OK ? 1 : l_fail(L, &err);
}

static int sqlite_close(lua_State *L) {                  /* ends all statements; harmless when repeated */
  sqlite_ud *u = luaL_checkudata(L, 1, L_SQLITE);
  tcb_sqlite *core = u->core;
  u->core = NULL;
  tcb_sqlite_release(core);
  return 0;
}

static int outcome(lua_State *L, tcb_status status, const tcb_err *err) {
  if (status != TCB_OK) return l_fail(L, err);
  lua_pushboolean(L, 1);
  return 1;
}

static int sqlite_exec(lua_State *L) {                   /* (sql) -> true | nil, err */
  tcb_err err;
  return outcome(L, tcb_sqlite_exec(l_checksqlite(L, 1), luaL_checkstring(L, 2), &err), &err);
}

static int sqlite_begin(lua_State *L) {                  /* () -> true | nil, err: BEGIN IMMEDIATE */
  tcb_err err;
  return outcome(L, tcb_sqlite_begin(l_checksqlite(L, 1), &err), &err);
}

static int sqlite_commit(lua_State *L) {                 /* () -> true | nil, err (then nothing was kept) */
  tcb_err err;
  return outcome(L, tcb_sqlite_commit(l_checksqlite(L, 1), &err), &err);
}

static int sqlite_rollback(lua_State *L) {               /* () -> true | nil, err; harmless outside a transaction */
  tcb_err err;
  return outcome(L, tcb_sqlite_rollback(l_checksqlite(L, 1), &err), &err);
}

static int sqlite_in_transaction(lua_State *L) {
  lua_pushboolean(L, tcb_sqlite_in_transaction(l_checksqlite(L, 1)));
  return 1;
}

static int sqlite_has_moved(lua_State *L) {              /* () -> was the file renamed, replaced or removed meanwhile */
  lua_pushboolean(L, tcb_sqlite_has_moved(l_checksqlite(L, 1)));
  return 1;
}

static int sqlite_last_id(lua_State *L) {                /* () -> rowid of the last insert */
  l_pushint64(L, tcb_sqlite_last_id(l_checksqlite(L, 1)));
  return 1;
}

static int sqlite_prepare(lua_State *L) {                /* (sql) -> statement | nil, err */
  tcb_sqlite *db = l_checksqlite(L, 1);
  size_t len;
  const char *sql = luaL_checklstring(L, 2, &len);
  luaL_argcheck(L, len < 1000000, 2, "a statement is at most 1 MB long");
  tcb_stmt **slot = l_newstmt(L, 1);
  tcb_err err;
  return tcb_stmt_prepare(slot, db, sql, len, &err) == TCB_OK ? 1 : l_fail(L, &err);
}

static int sqlite_is_open(lua_State *L) {
  sqlite_ud *u = luaL_checkudata(L, 1, L_SQLITE);
  lua_pushboolean(L, u->core != NULL);
  return 1;
}

static int sqlite_tostring(lua_State *L) {
  sqlite_ud *u = luaL_checkudata(L, 1, L_SQLITE);
  lua_pushfstring(L, u->core ? "tcb.sqlite (%s)" : "tcb.sqlite (closed)", u->core ? tcb_sqlite_path(u->core) : "");
  return 1;
}

static int sqlite_blob(lua_State *L) {                   /* (bytes) -> tcb.buf: what `run` binds as a blob */
  size_t len;
  const char *bytes = l_checkbytes(L, 1, &len);
  tcb_buf *b = l_newbuf(L);
  tcb_err err;
  return tcb_buf_add(b, bytes, len, &err) == TCB_OK ? 1 : l_fail(L, &err);
}

static const luaL_Reg methods[] = {
  {"exec", sqlite_exec}, {"prepare", sqlite_prepare}, {"begin", sqlite_begin}, {"commit", sqlite_commit},
  {"rollback", sqlite_rollback}, {"in_transaction", sqlite_in_transaction}, {"last_id", sqlite_last_id},
  {"has_moved", sqlite_has_moved},   {"is_open", sqlite_is_open}, {"close", sqlite_close}, {NULL, NULL}
};
static const luaL_Reg meta[] = {
  {"__gc", sqlite_close}, {"__close", sqlite_close}, {"__tostring", sqlite_tostring}, {NULL, NULL}
};

void l_sqlite_register(lua_State *L) {                   /* module table on top, left on top */
  l_newclass(L, L_SQLITE, methods, meta);
  lua_pushcfunction(L, sqlite_open);
  lua_setfield(L, -2, "open");
  lua_pushcfunction(L, sqlite_blob);
  lua_setfield(L, -2, "blob");
}
