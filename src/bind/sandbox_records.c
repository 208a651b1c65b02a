/* bind/sandbox_records.c: Lua face of tcb_sandbox_records. The userdata owns the records; they point into the body read last,
   which it keeps alive. */
#include "bind/core_open.h"

#include <limits.h>
#include <string.h>

#include "core/sandbox_records.h"

#define RECORDS "tcb.sandbox_records"
typedef struct { tcb_sandbox_records *core; } records_ud;                /* NULL: closed */

static const char *const outcomes[] = { "success", "invalid", "not_user", "os", "app", "push_failed", "once", "never",
  "unreported", "twice", "plus", "masked", NULL };

static tcb_sandbox_records *check_records(lua_State *L) {
  records_ud *u = luaL_checkudata(L, 1, RECORDS);
  luaL_argcheck(L, u->core != NULL, 1, "records are closed");
  return u->core;
}

static int check_index(lua_State *L, tcb_sandbox_records *r) {
  return (int)l_checkrange(L, 2, 1, tcb_sandbox_records_count(r)) - 1;
}

static int records_new(lua_State *L) {                   /* () -> records | nil, err */
  tcb_err err;
  records_ud *u = l_newuserdata(L, sizeof *u);
  u->core = NULL;
  luaL_getmetatable(L, RECORDS);
  lua_setmetatable(L, -2);
  u->core = tcb_sandbox_records_new(l_ctx(L));
  if (u->core) return 1;
  tcb_fail(&err, TCB_E_MEMORY, "not enough memory for the sandbox's records");
  return l_fail(L, &err);
}

static int records_read(lua_State *L) {                  /* (body, v1?, is_batch?) -> count | nil, err */
  tcb_sandbox_records *r = check_records(L);
  size_t len;
  const char *body = l_checkbytes(L, 2, &len);
  int v1 = lua_toboolean(L, 3), is_batch = lua_toboolean(L, 4);
  tcb_err err;
  lua_pushvalue(L, 2);
  l_setparent(L, 1);
  if (tcb_sandbox_records_read(r, body, len, v1 ? TCB_V1 : TCB_V2, is_batch, &err) != TCB_OK) return l_fail(L, &err);
  l_pushint(L, tcb_sandbox_records_count(r));
  return 1;
}

static int records_clear(lua_State *L) {                 /* (): the body is not needed any more */
  tcb_sandbox_records_clear(check_records(L));
  lua_pushnil(L);
  l_setparent(L, 1);
  return 0;
}

static const char *check_labels(lua_State *L, int arg, size_t *count) {
  size_t len;
  const char *labels = luaL_checklstring(L, arg, &len);
  luaL_argcheck(L, len % TCB_LABEL_BYTES == 0, arg, "labels are UUIDs, one behind the other");
  *count = len / TCB_LABEL_BYTES;
  return labels;
}

static int records_check(lua_State *L) {                 /* (now_ms, labels, plus?) -> how many broke a rule | nil, err */
  tcb_sandbox_records *r = check_records(L);
  int64_t now_ms = l_checkint(L, 2);
  size_t count;
  const char *labels = check_labels(L, 3, &count);
  tcb_err err;
  int broken = tcb_sandbox_records_check(r, now_ms, labels, count, lua_toboolean(L, 4));
  if (broken < 0) {
    tcb_fail(&err, TCB_E_MEMORY, "not enough memory for the sandbox's records");
    return l_fail(L, &err);
  }
  l_pushint(L, broken);
  return 1;
}

static int records_fault(lua_State *L) {                 /* (i) -> field, sentence | nil */
  tcb_sandbox_records *r = check_records(L);
  const char *field, *text = tcb_sandbox_records_fault(r, check_index(L, r), &field);
  if (text == NULL) return lua_pushnil(L), 1;
  lua_pushstring(L, field);
  lua_pushstring(L, text);
  return 2;
}

static int records_outcome(lua_State *L) {               /* (i) -> name, reason? */
  tcb_sandbox_records *r = check_records(L);
  tcb_sandbox_outcome outcome = tcb_sandbox_records_outcome(r, check_index(L, r));
  lua_pushstring(L, outcomes[outcome]);
  lua_pushstring(L, tcb_sandbox_reason(outcome));
  return 2;
}

static int records_once(lua_State *L) {                  /* (from) -> i, receiver: the next that fails to push at first | nil */
  tcb_sandbox_records *r = check_records(L);
  int i = (int)l_checkrange(L, 2, 1, INT_MAX) - 1;
  for (; i < tcb_sandbox_records_count(r); i++) {
    if (tcb_sandbox_records_outcome(r, i) != TCB_SANDBOX_ONCE) continue;
    size_t len;
    const char *receiver = tcb_sandbox_records_receiver(r, i, &len);
    l_pushint(L, i + 1);
    lua_pushlstring(L, receiver, len);
    return 2;
  }
  lua_pushnil(L);
  return 1;
}

static int records_decide(lua_State *L) {                /* (i, outcome) */
  tcb_sandbox_records *r = check_records(L);
  int i = check_index(L, r);
  tcb_sandbox_records_decide(r, i, (tcb_sandbox_outcome)luaL_checkoption(L, 3, NULL, outcomes));
  return 0;
}

static int done(lua_State *L, tcb_status status, const tcb_err *err) {   /* the buffer is on top */
  return status == TCB_OK ? 1 : l_fail(L, err);
}

static int records_ledger(lua_State *L) {                /* (buf): appends the ledger's keys -> buf | nil, err */
  tcb_sandbox_records *r = check_records(L);
  tcb_buf *out = l_checkbuf(L, 2);
  tcb_err err;
  lua_settop(L, 2);
  return done(L, tcb_sandbox_records_ledger(r, out, &err), &err);
}

static int records_notes(lua_State *L) {                 /* (buf): appends what is kept beside the body -> buf | nil, err */
  tcb_sandbox_records *r = check_records(L);
  tcb_buf *out = l_checkbuf(L, 2);
  tcb_err err;
  lua_settop(L, 2);
  return done(L, tcb_sandbox_records_notes(r, out, &err), &err);
}

static int results(lua_State *L) {                       /* (notes, buf): appends the ledger's results -> buf | nil, err */
  size_t len;
  const char *notes = l_checkbytes(L, 1, &len);
  tcb_buf *out = l_checkbuf(L, 2);
  tcb_err err;
  lua_settop(L, 2);
  return done(L, tcb_sandbox_results(notes, len, out, &err), &err);
}

static const char *need_string(lua_State *L, int arg, const char *field) {
  const char *text = l_fieldstring(L, arg, field, NULL);
  luaL_argcheck(L, text != NULL, arg, field);
  return text;
}

/* (notes, { batch_id, account, created_at, labels, label_names, v1, settled, shown }, buf): appends the rows -> buf | nil, err */
static int records_rows(lua_State *L) {
  tcb_sandbox_records *r = check_records(L);
  size_t len, labels_len, names_len, names = 0;
  const char *notes = l_checkbytes(L, 2, &len);
  tcb_buf *out = l_checkbuf(L, 4);
  tcb_sandbox_view view;
  tcb_err err;
  luaL_checktype(L, 3, LUA_TTABLE);
  view.batch_id = need_string(L, 3, "batch_id");
  view.account = need_string(L, 3, "account");
  view.created_at = need_string(L, 3, "created_at");
  view.labels = l_fieldstring(L, 3, "labels", &labels_len);
  view.label_names = l_fieldstring(L, 3, "label_names", &names_len);
  luaL_argcheck(L, view.labels && view.label_names && labels_len % TCB_LABEL_BYTES == 0, 3, "labels and their names");
  view.label_count = labels_len / TCB_LABEL_BYTES;
  for (size_t i = 0; i < names_len; i++) names += view.label_names[i] == '\0';
  luaL_argcheck(L, names == view.label_count, 3, "a name for each label");
  view.dialect = l_fieldbool(L, 3, "v1", 0) ? TCB_V1 : TCB_V2;
  view.is_settled = l_fieldbool(L, 3, "settled", 0);
  view.shown = (int)l_fieldint(L, 3, "shown", INT_MAX);
  lua_settop(L, 4);
  return done(L, tcb_sandbox_rows(r, notes, len, &view, out, &err), &err);
}

static int records_close(lua_State *L) {
  records_ud *u = luaL_checkudata(L, 1, RECORDS);
  tcb_sandbox_records *core = u->core;
  u->core = NULL;
  tcb_sandbox_records_free(core);
  return 0;
}

static int records_tostring(lua_State *L) {
  records_ud *u = luaL_checkudata(L, 1, RECORDS);
  if (u->core) lua_pushfstring(L, "tcb.sandbox_records (%d)", tcb_sandbox_records_count(u->core));
  else lua_pushliteral(L, "tcb.sandbox_records (closed)");
  return 1;
}

static const luaL_Reg methods[] = {
  {"read", records_read}, {"check", records_check}, {"fault", records_fault}, {"outcome", records_outcome},
  {"once", records_once}, {"decide", records_decide}, {"ledger", records_ledger}, {"notes", records_notes},
  {"rows", records_rows}, {"clear", records_clear}, {"close", records_close}, {NULL, NULL}
};
static const luaL_Reg meta[] = {
  {"__gc", records_close}, {"__close", records_close}, {"__tostring", records_tostring}, {NULL, NULL}
};
static const luaL_Reg functions[] = { {"sandbox_records", records_new}, {"sandbox_results", results}, {NULL, NULL} };

void l_sandbox_records_register(lua_State *L) {          /* module table on top, left on top */
  l_newclass(L, RECORDS, methods, meta);
  l_setfuncs(L, functions);
}
