/* bind/order.c: Lua face of the sort that puts an input's rows in the order of starts_at. */
#include "bind/order.h"

#include "core/feed.h"
#include "io/spill.h"

#define ORDER "tcb.order"
#define MEMORY_BYTES (2 << 20)

typedef struct {
  tcb_sort *core;                   /* NULL: not open yet, or closed */
  tcb_spill_file file;
} order_ud;

tcb_sort *l_checkorder(lua_State *L, int arg) {
  order_ud *u = luaL_checkudata(L, arg, ORDER);
  luaL_argcheck(L, u->core != NULL, arg, "order is closed");
  return u->core;
}

static int order_new(lua_State *L) {                     /* (memory_bytes = 2 MiB) -> order | nil, err */
  size_t memory = lua_isnoneornil(L, 1) ? MEMORY_BYTES : (size_t)l_checkrange(L, 1, 4096, INT64_C(1) << 40);
  tcb_ctx *ctx = l_ctx(L);
  order_ud *u = l_newuserdata(L, sizeof *u);
  u->core = NULL;
  tcb_spill_init(&u->file, NULL);
  luaL_getmetatable(L, ORDER);
  lua_setmetatable(L, -2);
  tcb_spill spill = tcb_spill_of(&u->file);
  tcb_err err;
  return tcb_sort_open(&u->core, ctx, TCB_ORDER_BYTES, memory, &spill, &err) == TCB_OK ? 1 : l_fail(L, &err);
}

static int order_count(lua_State *L) {                   /* () -> rows added */
  l_pushint(L, tcb_sort_count(l_checkorder(L, 1)));
  return 1;
}

static int order_skip(lua_State *L) {                    /* (n) -> true | nil, err: leaves out the next n rows */
  tcb_sort *order = l_checkorder(L, 1);
  int64_t n = l_checkrange(L, 2, 0, INT64_C(1) << 52);
  const void *record;
  tcb_err err;
  for (; n > 0; n--) {
    tcb_status status = tcb_sort_next(order, &record, &err);
    if (status == TCB_NOT_FOUND) tcb_fail(&err, TCB_E_INPUT, "the input has changed: it holds fewer records than were taken from it");
    if (status != TCB_OK) return l_fail(L, &err);
  }
  lua_pushboolean(L, 1);
  return 1;
}

static int order_starts(lua_State *L) {                  /* (n) -> list of starts_at of the first of every n rows to come | nil, err */
  tcb_sort *order = l_checkorder(L, 1);
  int64_t step = l_checkrange(L, 2, 1, 1 << 30), i = 0;
  const void *record;
  int count = 0;
  tcb_err err;
  tcb_status status;
  lua_newtable(L);
  while ((status = tcb_sort_next(order, &record, &err)) == TCB_OK)
    if (i++ % step == 0) {
      l_pushint(L, (int64_t)tcb_sort_get(record, 8));
      lua_rawseti(L, -2, ++count);
    }
  return status == TCB_NOT_FOUND ? 1 : l_fail(L, &err);
}

static int order_close(lua_State *L) {                   /* close, __gc and __close; harmless when repeated */
  order_ud *u = luaL_checkudata(L, 1, ORDER);
  tcb_sort_free(u->core);
  u->core = NULL;
  tcb_spill_close(&u->file);
  return 0;
}

static int order_tostring(lua_State *L) {
  order_ud *u = luaL_checkudata(L, 1, ORDER);
  lua_pushstring(L, u->core ? ORDER : "tcb.order (closed)");
  return 1;
}

static const luaL_Reg methods[] = { {"count", order_count}, {"skip", order_skip}, {"starts", order_starts}, {"close", order_close}, {NULL, NULL} };
static const luaL_Reg meta[] = { {"__gc", order_close}, {"__close", order_close}, {"__tostring", order_tostring}, {NULL, NULL} };

void l_order_register(lua_State *L) {                    /* module table on top, left on top */
  l_newclass(L, ORDER, methods, meta);
  lua_pushcfunction(L, order_new);
  lua_setfield(L, -2, "order");
}
