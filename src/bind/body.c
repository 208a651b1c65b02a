/* bind/body.c: Lua face of encoded bodies: what time leaves of them, what is sent again. */
#include "bind/core_open.h"

#include "core/body.h"
#include "core/outcome.h"
#include "core/record.h"

/* (body, at_ms, strict) -> nil when all may go; else how many are left, and a code a record: expired or open. The body shrinks in
   place. strict: a record whose window has begun is expired too. */
static int body_expire(lua_State *L) {
  tcb_buf *body = l_checkbuf(L, 1);
  int64_t at = l_checkint(L, 2);
  int strict = lua_toboolean(L, 3);
  unsigned char keep[TCB_BATCH_MAX];
  tcb_body_reader r = { body->data, body->data + body->len, 0 };
  tcb_body_record record;
  tcb_err err;
  size_t n = 0, left = 0;
  while (n < TCB_BATCH_MAX && tcb_body_next(&r, &record) == 1) {
    keep[n] = record.ends_at > at && !(strict && record.starts_at <= at);
    left += keep[n++];
  }
  if (left == n) return 0;
  if (tcb_body_keep(body, keep, n, &err) != TCB_OK) return l_fail(L, &err);
  char codes[TCB_BATCH_MAX];
  for (size_t i = 0; i < n; i++) codes[i] = keep[i] ? TCB_REC_OPEN : TCB_REC_EXPIRED;
  l_pushint(L, left);
  lua_pushlstring(L, codes, n);
  return 2;
}

/* (body, at_ms, codes?) -> marks, a byte a record, or nil when none is late: its window had begun. codes: of the whole batch, when the
   body lacks those that are not open. */
static int body_late(lua_State *L) {
  size_t len, count = 0, late = 0;
  const char *bytes = l_checkbytes(L, 1, &len);
  int64_t at = l_checkint(L, 2);
  const char *codes = lua_isnoneornil(L, 3) ? NULL : l_checkbytes(L, 3, &count);
  tcb_body_reader r = { bytes, bytes + len, 0 };
  tcb_body_record record;
  char marks[TCB_BATCH_MAX] = { 0 };
  size_t i = 0;
  for (; i < TCB_BATCH_MAX && tcb_body_next(&r, &record) == 1; i++) {
    while (codes && i < count && codes[i] != TCB_REC_OPEN) i++;
    if (i == TCB_BATCH_MAX) break;
    if (record.starts_at <= at) marks[i] = TCB_MARK_LATE, late++;
  }
  if (late == 0) return 0;
  lua_pushlstring(L, marks, codes ? count : i);
  l_pushint(L, late);
  return 2;
}

static int body_pick(lua_State *L) {                     /* (body, list of positions, 1 first, rising) -> true | nil, err; in place */
  tcb_buf *body = l_checkbuf(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  unsigned char keep[TCB_BATCH_MAX] = { 0 };
  tcb_body_reader r = { body->data, body->data + body->len, 0 };
  tcb_body_record record;
  size_t n = 0;
  while (n < TCB_BATCH_MAX && tcb_body_next(&r, &record) == 1) n++;
  for (int i = 1; i <= (int)l_rawlen(L, 2); i++) {
    lua_rawgeti(L, 2, i);
    lua_Number at = lua_tonumber(L, -1);
    luaL_argcheck(L, at >= 1 && at <= (lua_Number)n, 2, "a position lies outside the batch");
    keep[(size_t)at - 1] = 1;
    lua_pop(L, 1);
  }
  tcb_err err;
  if (tcb_body_keep(body, keep, n, &err) != TCB_OK) return l_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}

static int body_join(lua_State *L) {                     /* (body, more) -> true | nil, err: the records of `more` go behind */
  tcb_buf *body = l_checkbuf(L, 1);
  size_t len;
  const char *more = l_checkbytes(L, 2, &len);
  luaL_argcheck(L, more != body->data, 2, "a body cannot be joined to itself");
  tcb_err err;
  if (tcb_body_join(body, more, len, &err) != TCB_OK) return l_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}

static int body_windows(lua_State *L) {                  /* (body) -> records, first starts_at, first ends_at, last ends_at | nil, err */
  size_t len, n = 0;
  const char *bytes = l_checkbytes(L, 1, &len);
  tcb_body_reader r = { bytes, bytes + len, 0 };
  tcb_body_record record;
  int64_t starts = INT64_MAX, ends = INT64_MAX, last = 0;
  int more;
  for (; (more = tcb_body_next(&r, &record)) == 1; n++) {
    if (record.starts_at < starts) starts = record.starts_at;
    if (record.ends_at < ends) ends = record.ends_at;
    if (record.ends_at > last) last = record.ends_at;
  }
  tcb_err err;
  if (more < 0) return tcb_fail(&err, TCB_E_STORE, "the body of a batch cannot be read back"), l_fail(L, &err);
  l_pushint(L, n);
  if (n == 0) return 1;
  l_pushint(L, starts);
  l_pushint(L, ends);
  l_pushint(L, last);
  return 4;
}

static const luaL_Reg functions[] = {
  {"expire", body_expire}, {"late", body_late}, {"pick", body_pick}, {"join", body_join}, {"windows", body_windows}, {NULL, NULL}
};

void l_body_register(lua_State *L) {                     /* module table on top, left on top */
  lua_createtable(L, 0, 5);
  l_setfuncs(L, functions);
  lua_setfield(L, -2, "body");
}
