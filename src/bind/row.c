/* bind/row.c: the row at hand of a feed, as a hook sees it: fields are made when they are read, and kept aside when they are set. */
#include "bind/row.h"

#include <string.h>

#include "bind/feed.h"
#include "bind/record.h"

#define ROW "tcb.row"
#define FEED_AT (TCB_FIELDS + 1)      /* in the parent table: the feed; before it the values set, by field */

typedef struct {
  tcb_feed *feed;                   /* owned by the userdata in the parent table */
  unsigned set;                     /* a bit a field whose value was set for the row at `line` */
  int64_t line;
  tcb_buf scratch;
} row_ud;

int l_row_new(lua_State *L) {                            /* feed:row() -> the view of whatever row is at hand */
  tcb_feed *feed = l_checkfeed(L, 1);
  tcb_ctx *ctx = l_ctx(L);
  row_ud *u = l_newuserdata(L, sizeof *u);
  *u = (row_ud){ .feed = feed };
  tcb_buf_init(&u->scratch, ctx);
  luaL_getmetatable(L, ROW);
  lua_setmetatable(L, -2);
  lua_createtable(L, FEED_AT, 0);
  lua_pushvalue(L, 1);
  lua_rawseti(L, -2, FEED_AT);
  l_setparent(L, -2);
  return 1;
}

/* The record at hand. Raises outside a hook, and when the feed was closed. */
static const tcb_record *record_of(lua_State *L, row_ud *u, int arg) {
  l_getparent(L, arg);
  lua_rawgeti(L, -1, FEED_AT);
  l_checkfeed(L, lua_gettop(L));
  lua_pop(L, 2);
  const tcb_record *r = tcb_feed_record(u->feed);
  luaL_argcheck(L, r != NULL, arg, "a row can be used only inside the hook that got it; row:table() keeps its fields");
  if (u->line != tcb_feed_line(u->feed)) u->line = tcb_feed_line(u->feed), u->set = 0;
  return r;
}

static void push_value(lua_State *L, row_ud *u, int arg, const tcb_record *r, int field) {
  if (!(u->set >> field & 1)) {
    l_pushfield(L, r, field);
    return;
  }
  l_getparent(L, arg);
  lua_rawgeti(L, -1, field + 1);
  lua_remove(L, -2);
}

static int row_table(lua_State *L) {                     /* row:table(changes?) -> its fields as a table, with those of `changes` in place */
  row_ud *u = luaL_checkudata(L, 1, ROW);
  const tcb_record *r = record_of(L, u, 1);
  tcb_dialect dialect = tcb_feed_dialect(u->feed);
  if (!lua_isnoneornil(L, 2)) luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  lua_createtable(L, 0, TCB_FIELDS);
  for (int i = 0; i < TCB_FIELDS; i++) {
    push_value(L, u, 1, r, i);
    lua_setfield(L, 3, tcb_rules[i].name[dialect]);
  }
  if (lua_istable(L, 2))
    for (lua_pushnil(L); lua_next(L, 2);) {
      lua_pushvalue(L, -2);
      lua_insert(L, -2);
      lua_settable(L, 3);
    }
  return 1;
}

static int row_index(lua_State *L) {                     /* row.field, row.column, row.line, row.table */
  row_ud *u = luaL_checkudata(L, 1, ROW);
  size_t len;
  const char *name = luaL_checklstring(L, 2, &len);
  const tcb_record *r = record_of(L, u, 1);
  int field = l_fieldof(tcb_feed_dialect(u->feed), name);
  tcb_text cell;
  tcb_err err;
  if (field < TCB_FIELDS) {
    push_value(L, u, 1, r, field);
    return 1;
  }
  if (strcmp(name, "table") == 0) {
    lua_pushcfunction(L, row_table);
    return 1;
  }
  if (tcb_feed_cell(u->feed, name, len, &u->scratch, &cell, &err) != TCB_OK) return luaL_error(L, "%s", err.message);
  if (cell.data) lua_pushlstring(L, cell.data, cell.len);
  else if (strcmp(name, "line") == 0) l_pushint(L, u->line);
  else lua_pushnil(L);
  return 1;
}

static int row_newindex(lua_State *L) {                  /* row.field = value; nil takes an optional field away */
  row_ud *u = luaL_checkudata(L, 1, ROW);
  const char *name = luaL_checkstring(L, 2);
  record_of(L, u, 1);
  tcb_dialect dialect = tcb_feed_dialect(u->feed);
  int field = l_fieldof(dialect, name);
  if (field == TCB_FIELDS) return luaL_error(L, "a record has no field '%s'", name);
  tcb_cell cell;
  lua_settop(L, 3);
  l_readcell(L, 3, 0, (tcb_field)field, dialect, &cell);
  l_getparent(L, 1);
  lua_pushvalue(L, 3);
  lua_rawseti(L, -2, field + 1);
  u->set |= 1u << field;
  return 0;
}

/* feed:put(row | table) -> true | nil, err: a record of the row at hand, out of its view or out of a table. */
int l_row_put(lua_State *L) {
  tcb_feed *feed = l_checkfeed(L, 1);
  tcb_cell cells[TCB_FIELDS];
  tcb_err err;
  tcb_dialect dialect = tcb_feed_dialect(feed);
  luaL_argcheck(L, tcb_feed_record(feed) != NULL, 1, "no row is at hand");
  lua_settop(L, 2);
  luaL_checkstack(L, TCB_FIELDS + 8, "too many values");
  if (lua_istable(L, 2)) l_readcells(L, 2, 2, 0, dialect, (tcb_text){ NULL, 0 }, cells);
  else {
    row_ud *u = luaL_checkudata(L, 2, ROW);
    const tcb_record *r = record_of(L, u, 2);
    luaL_argcheck(L, u->feed == feed, 2, "the row is of another feed");
    if (u->set == 0) {                                   /* nothing was changed: it was checked already */
      if (tcb_feed_keep(feed, &err) != TCB_OK) return l_fail(L, &err);
      lua_pushboolean(L, 1);
      return 1;
    }
    for (int i = 0; i < TCB_FIELDS; i++) {
      push_value(L, u, 2, r, i);
      l_readcell(L, 2, 0, (tcb_field)i, dialect, &cells[i]);
    }
  }
  if (tcb_feed_put(feed, cells, &err) != TCB_OK) return l_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}

static int row_gc(lua_State *L) {
  tcb_buf_free(&((row_ud *)luaL_checkudata(L, 1, ROW))->scratch);
  return 0;
}

static int row_tostring(lua_State *L) {
  lua_pushliteral(L, ROW);
  return 1;
}

static const luaL_Reg meta[] = {
  {"__newindex", row_newindex}, {"__gc", row_gc}, {"__tostring", row_tostring}, {NULL, NULL}
};

void l_row_register(lua_State *L) {
  l_newclass(L, ROW, NULL, meta);
  luaL_getmetatable(L, ROW);
  lua_pushcfunction(L, row_index);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
