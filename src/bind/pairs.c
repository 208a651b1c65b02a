/* bind/pairs.c: Lua face of tcb_pairs. The userdata owns the core object and its two spill files. */
#include "bind/core_open.h"

#include "bind/pairs.h"
#include "io/spill.h"

#define PAIRS "tcb.pairs"
#define MEMORY_BYTES (2 << 20)

typedef struct {
  tcb_pairs *core;                  /* NULL: not open yet, or closed */
  tcb_spill_file records, faults;
} pairs_ud;

static pairs_ud *check_pairs(lua_State *L, int arg) {
  pairs_ud *u = luaL_checkudata(L, arg, PAIRS);
  luaL_argcheck(L, u->core != NULL, arg, "pairs are closed");
  return u;
}

tcb_pairs *l_checkpairs(lua_State *L, int arg) {
  return check_pairs(L, arg)->core;
}

static int pairs_new(lua_State *L) {                     /* (memory_bytes = 2 MiB) -> pairs | nil, err */
  size_t memory = lua_isnoneornil(L, 1) ? MEMORY_BYTES : (size_t)l_checkrange(L, 1, 4096, INT64_C(1) << 40);
  tcb_ctx *ctx = l_ctx(L);
  pairs_ud *u = l_newuserdata(L, sizeof *u);
  u->core = NULL;
  tcb_spill_init(&u->records, NULL);
  tcb_spill_init(&u->faults, NULL);
  luaL_getmetatable(L, PAIRS);
  lua_setmetatable(L, -2);
  tcb_spill records = tcb_spill_of(&u->records), faults = tcb_spill_of(&u->faults);
  tcb_err err;
  return tcb_pairs_open(&u->core, ctx, memory, &records, &faults, &err) == TCB_OK ? 1 : l_fail(L, &err);
}

static int pairs_add(lua_State *L) {                     /* (pair, starts_at, ends_at, label, line) -> true | nil, err; hashes as numbers */
  pairs_ud *u = check_pairs(L, 1);
  uint64_t pair = (uint64_t)l_checkint(L, 2);
  int64_t starts_at = l_checkint(L, 3), ends_at = l_checkint(L, 4);
  uint32_t label = (uint32_t)l_checkint(L, 5);
  int64_t line = l_checkrange(L, 6, 1, INT64_C(1) << 52);
  luaL_argcheck(L, starts_at >= 0, 3, "must not be negative");
  luaL_argcheck(L, ends_at > starts_at && ends_at - starts_at <= 86400000, 4, "must be within 24 h after starts_at");
  tcb_err err;
  if (tcb_pairs_add(u->core, pair, starts_at, ends_at, label, line, &err) != TCB_OK) return l_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}

static int pairs_next(lua_State *L) {                    /* () -> line, other line, is duplicate | nil at the end | nil, err */
  pairs_ud *u = check_pairs(L, 1);
  tcb_pair_fault fault;
  tcb_err err;
  tcb_status status = tcb_pairs_next(u->core, &fault, &err);
  if (status == TCB_NOT_FOUND) return lua_pushnil(L), 1;
  if (status != TCB_OK) return l_fail(L, &err);
  l_pushint(L, fault.line);
  l_pushint(L, fault.other_line);
  lua_pushboolean(L, fault.is_duplicate);
  return 3;
}

static int pairs_close(lua_State *L) {                   /* close, __gc and __close; harmless when repeated */
  pairs_ud *u = luaL_checkudata(L, 1, PAIRS);
  tcb_pairs_free(u->core);
  u->core = NULL;
  tcb_spill_close(&u->records);
  tcb_spill_close(&u->faults);
  return 0;
}

static int pairs_tostring(lua_State *L) {
  pairs_ud *u = luaL_checkudata(L, 1, PAIRS);
  lua_pushstring(L, u->core ? "tcb.pairs" : "tcb.pairs (closed)");
  return 1;
}

static const luaL_Reg methods[] = { {"add", pairs_add}, {"next", pairs_next}, {"close", pairs_close}, {NULL, NULL} };
static const luaL_Reg meta[] = {
  {"__gc", pairs_close}, {"__close", pairs_close}, {"__tostring", pairs_tostring}, {NULL, NULL}
};

void l_pairs_register(lua_State *L) {                    /* module table on top, left on top */
  l_newclass(L, PAIRS, methods, meta);
  lua_pushcfunction(L, pairs_new);
  lua_setfield(L, -2, "pairs");
}
