/* bind/settle.c: Lua face of tcb_settle: a campaign has one, and hands it one batch after the other. */
#include "bind/core_open.h"

#include "core/settle.h"
#include "core/spans.h"

#define SETTLE "tcb.settle"
typedef struct { tcb_settle *core; size_t count; unsigned told; } settle_ud;      /* told: reasons that Lua knows */

static settle_ud *check_settle(lua_State *L, int arg) {
  settle_ud *u = luaL_checkudata(L, arg, SETTLE);
  luaL_argcheck(L, u->core != NULL, arg, "closed");
  return u;
}

static int settle_new(lua_State *L) {                    /* () -> settle | nil, err */
  tcb_ctx *ctx = l_ctx(L);
  settle_ud *u = l_newuserdata(L, sizeof *u);
  *u = (settle_ud){ 0 };
  luaL_getmetatable(L, SETTLE);
  lua_setmetatable(L, -2);
  tcb_err err;
  return tcb_settle_open(&u->core, ctx, &err) == TCB_OK ? 1 : l_fail(L, &err);
}

static int settle_close(lua_State *L) {
  settle_ud *u = luaL_checkudata(L, 1, SETTLE);
  tcb_settle *core = u->core;
  u->core = NULL;
  tcb_settle_free(core);
  return 0;
}

static int settle_learn(lua_State *L) {                  /* (n, text, field?): a reason of the journal's table, 0 first */
  settle_ud *u = check_settle(L, 1);
  unsigned n = (unsigned)l_checkrange(L, 2, 0, TCB_MESSAGES_MAX - 1);
  size_t len, field_len;
  const char *text = luaL_checklstring(L, 3, &len), *field = luaL_optlstring(L, 4, "", &field_len);
  tcb_err err;
  if (tcb_settle_learn(u->core, n, text, len, field, field_len, &err) != TCB_OK) return l_fail(L, &err);
  u->told = tcb_settle_reasons(u->core);
  lua_pushboolean(L, 1);
  return 1;
}

static int settle_fresh(lua_State *L) {                  /* () -> n, text, field of a reason that was never told; nil when all were */
  settle_ud *u = check_settle(L, 1);
  if (u->told == tcb_settle_reasons(u->core)) return 0;
  const char *text, *field;
  size_t len, field_len;
  tcb_settle_reason(u->core, u->told, &text, &len, &field, &field_len);
  l_pushint(L, u->told++);
  lua_pushlstring(L, text, len);
  lua_pushlstring(L, field, field_len);
  return 3;
}

static int settle_code(lua_State *L) {                   /* (text, field?) -> code of a failure for this reason */
  settle_ud *u = check_settle(L, 1);
  size_t len, field_len;
  const char *text = luaL_checklstring(L, 2, &len), *field = luaL_optlstring(L, 3, "", &field_len);
  unsigned char code;
  tcb_err err;
  if (tcb_settle_code(u->core, text, len, field, field_len, &code, &err) != TCB_OK) return l_fail(L, &err);
  l_pushint(L, code);
  return 1;
}

static const char *optional(lua_State *L, int arg, size_t expected, size_t *len) {
  if (lua_isnoneornil(L, arg)) return NULL;
  const char *s = l_checkbytes(L, arg, len);
  luaL_argcheck(L, expected == 0 || *len == expected, arg, "its length does not fit the batch");
  return s;
}

static int settle_begin(lua_State *L) {                  /* (hashes, codes?, ids?, marks?, notes?) -> true | nil, err */
  settle_ud *u = check_settle(L, 1);
  size_t len, notes_len = 0, unused;
  const char *hashes = l_checkbytes(L, 2, &len);
  luaL_argcheck(L, len % 8 == 0, 2, "8 bytes a record are expected");
  size_t count = len / 8;
  const char *codes = optional(L, 3, count, &unused), *ids = optional(L, 4, 16 * count, &unused);
  const char *marks = optional(L, 5, count, &unused), *notes = optional(L, 6, 0, &notes_len);
  tcb_err err;
  if (tcb_settle_begin(u->core, hashes, count, codes, ids, marks, notes, notes_len, &err) != TCB_OK) return l_fail(L, &err);
  u->count = count;
  lua_pushboolean(L, 1);
  return 1;
}

/* (document, batch_id?) -> true, nil | a flat list of offset, bytes, ... of the rows that want a full decoder; or nil, err */
static int settle_scan(lua_State *L) {
  settle_ud *u = check_settle(L, 1);
  size_t len;
  const char *doc = l_checkbytes(L, 2, &len), *batch_id = luaL_optstring(L, 3, NULL);
  tcb_buf *odd = l_newbuf(L);
  tcb_err err;
  if (tcb_settle_scan(u->core, doc, len, batch_id, odd, &err) != TCB_OK) return l_fail(L, &err);
  lua_pushboolean(L, 1);
  if (odd->len == 0) return 1;
  lua_newtable(L);
  const char *at = odd->data, *last = odd->data + odd->len;
  uint64_t value;
  for (int n = 1; at < last; n++) {
    at += tcb_varint_get(at, last, &value);
    l_pushint(L, value);
    lua_rawseti(L, -2, n);
  }
  return 2;
}

static const char *field(lua_State *L, const char *name, size_t *len) {      /* of the table at 2; anything but a string is absent */
  const char *s = NULL;
  lua_getfield(L, 2, name);
  if (lua_type(L, -1) == LUA_TSTRING) s = lua_tolstring(L, -1, len);
  lua_pop(L, 1);                                         /* the table keeps it */
  return s;
}

static int64_t instant(lua_State *L, const char *name) {
  lua_getfield(L, 2, name);
  int64_t n = lua_type(L, -1) == LUA_TNUMBER ? (int64_t)lua_tonumber(L, -1) : -1;
  lua_pop(L, 1);
  return n;
}

static int settle_take(lua_State *L) {                   /* (row, its JSON) -> true | nil, err */
  settle_ud *u = check_settle(L, 1);
  size_t len;
  luaL_checktype(L, 2, LUA_TTABLE);
  const char *text = luaL_checklstring(L, 3, &len);
  tcb_settle_row row = { .starts_at = instant(L, "starts_at"), .ends_at = instant(L, "ends_at") };
  row.id = field(L, "id", &row.id_len);
  row.caller = field(L, "caller_number", &row.caller_len);
  row.receiver = field(L, "receiver_number", &row.receiver_len);
  row.label = field(L, "label_id", &row.label_len);
  row.status = field(L, "status", &row.status_len);
  row.message = field(L, "message", &row.message_len);
  row.field = field(L, "field", &row.field_len);
  tcb_err err;
  if (tcb_settle_take(u->core, &row, text, len, &err) != TCB_OK) return l_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}

static int settle_end(lua_State *L) {                    /* (result?) -> {rows, changed, open, missing, grouped, extra, duplicates} */
  settle_ud *u = check_settle(L, 1);
  tcb_settle_counts c;
  if (lua_istable(L, 2)) lua_settop(L, 2);
  else lua_createtable(L, 0, 8);
  tcb_settle_end(u->core, &c);
  l_pushint(L, c.rows), lua_setfield(L, -2, "rows");
  l_pushint(L, c.changed), lua_setfield(L, -2, "changed");
  l_pushint(L, c.open), lua_setfield(L, -2, "open");
  l_pushint(L, c.missing), lua_setfield(L, -2, "missing");
  l_pushint(L, c.grouped), lua_setfield(L, -2, "grouped");
  l_pushint(L, c.extra), lua_setfield(L, -2, "extra");
  l_pushint(L, c.duplicates), lua_setfield(L, -2, "duplicates");
  return 1;
}

/* (codes, ids: buffers?) -> marks | nil, notes | nil; without buffers: codes, ids, marks, notes. As the journal keeps them. */
static int settle_results(lua_State *L) {
  settle_ud *u = check_settle(L, 1);
  const char *marks = tcb_settle_marks(u->core), *codes = tcb_settle_codes(u->core), *ids = tcb_settle_ids(u->core);
  const tcb_buf *notes = tcb_settle_notes(u->core);
  luaL_argcheck(L, codes != NULL, 1, "no batch was begun");
  int results = 2;
  if (lua_isnoneornil(L, 2)) {
    lua_pushlstring(L, codes, u->count);
    lua_pushlstring(L, ids, u->count * 16);
    results = 4;
  } else {
    tcb_buf *to[2] = { l_checkbuf(L, 2), l_checkbuf(L, 3) };
    to[0]->len = to[1]->len = 0;
    tcb_err err;
    if (tcb_buf_add(to[0], codes, u->count, &err) != TCB_OK || tcb_buf_add(to[1], ids, u->count * 16, &err) != TCB_OK) return l_fail(L, &err);
  }
  if (marks) lua_pushlstring(L, marks, u->count);
  else lua_pushnil(L);
  if (notes->len) lua_pushlstring(L, notes->data, notes->len);
  else lua_pushnil(L);
  return results;
}

static int settle_tostring(lua_State *L) {
  settle_ud *u = luaL_checkudata(L, 1, SETTLE);
  if (u->core) lua_pushfstring(L, "tcb.settle (%d reasons)", (int)tcb_settle_reasons(u->core));
  else lua_pushliteral(L, "tcb.settle (closed)");
  return 1;
}

static const luaL_Reg methods[] = {
  {"learn", settle_learn}, {"fresh", settle_fresh}, {"code", settle_code}, {"begin", settle_begin}, {"scan", settle_scan},
  {"take", settle_take}, {"finish", settle_end}, {"results", settle_results}, {"close", settle_close}, {NULL, NULL}
};
static const luaL_Reg meta[] = { {"__gc", settle_close}, {"__close", settle_close}, {"__tostring", settle_tostring}, {NULL, NULL} };

void l_settle_register(lua_State *L) {                   /* module table on top, left on top */
  l_newclass(L, SETTLE, methods, meta);
  lua_pushcfunction(L, settle_new);
  lua_setfield(L, -2, "settle");
}
