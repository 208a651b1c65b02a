/* bind/spans.c: packed input ranges for Lua: read for export and why, packed by sources that are written in Lua. */
#include "bind/core_open.h"

#include "core/spans.h"

static int spans_list(lua_State *L) {                    /* (packed) -> list of {offset, bytes, line, records} | nil, err */
  size_t len;
  const char *packed = l_checkbytes(L, 1, &len);
  tcb_spans_reader r = { .at = packed, .last = packed + len };
  tcb_span span;
  int n = 0, more;
  lua_newtable(L);
  while ((more = tcb_spans_next(&r, &span)) == 1) {
    lua_createtable(L, 0, 4);
    l_pushint(L, span.offset), lua_setfield(L, -2, "offset");
    l_pushint(L, span.bytes), lua_setfield(L, -2, "bytes");
    l_pushint(L, span.line), lua_setfield(L, -2, "line");
    l_pushint(L, span.records), lua_setfield(L, -2, "records");
    lua_rawseti(L, -2, ++n);
  }
  if (more == 0) return 1;
  tcb_err err;
  tcb_fail(&err, TCB_E_STORE, "input ranges of a batch cannot be read: the journal is damaged");
  return l_fail(L, &err);
}

static int spans_pack(lua_State *L) {                    /* (list of {offset, bytes, line, records?}) -> packed */
  luaL_checktype(L, 1, LUA_TTABLE);
  tcb_buf *out = l_newbuf(L);
  tcb_spans s = { 0 };
  tcb_err err;
  int n = (int)l_rawlen(L, 1);
  for (int i = 1; i <= n; i++) {
    lua_rawgeti(L, 1, i);
    luaL_argcheck(L, lua_istable(L, -1), 1, "a list of tables is expected");
    int at = lua_gettop(L);
    int64_t records = l_fieldint(L, at, "records", 1);
    tcb_status status = tcb_spans_add(&s, out, l_fieldint(L, at, "offset", 0), l_fieldint(L, at, "bytes", 0),
                                      l_fieldint(L, at, "line", 0), &err);
    if (status != TCB_OK) return l_fail(L, &err);
    s.open.records += records - 1;
    lua_pop(L, 1);
  }
  if (tcb_spans_end(&s, out, &err) != TCB_OK) return l_fail(L, &err);
  lua_pushlstring(L, out->data ? out->data : "", out->len);
  tcb_buf_free(out);
  return 1;
}

static const luaL_Reg functions[] = { {"list", spans_list}, {"pack", spans_pack}, {NULL, NULL} };

void l_spans_register(lua_State *L) {                    /* module table on top, left on top */
  lua_createtable(L, 0, 2);
  l_setfuncs(L, functions);
  lua_setfield(L, -2, "spans");
}
