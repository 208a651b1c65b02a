/* bind/event.c: Lua face of tcb_event. */
#include "bind/core_open.h"

#include "core/event.h"

static int event_read(lua_State *L) {                    /* (bytes) -> event_id, type, digits | "", created_at ms | 0; or nil, err */
  size_t len;
  const char *text = l_checkbytes(L, 1, &len);
  tcb_event e;
  tcb_err err;
  if (tcb_event_read(text, len, &e, &err) != TCB_OK) return l_fail(L, &err);
  lua_pushlstring(L, e.id, e.id_len);
  lua_pushlstring(L, e.type, e.type_len);
  lua_pushstring(L, e.number);
  l_pushint64(L, e.created_at);
  return 4;
}

void l_event_register(lua_State *L) {                    /* module table on top, left on top */
  lua_pushcfunction(L, event_read);
  lua_setfield(L, -2, "event_head");
}
