/* bind/private.c: Lua face of the user's private files. */
#include "bind/core_open.h"

#include "io/private.h"

static int private_read(lua_State *L) {                  /* (path) -> text | nothing when absent | nil, err */
  const char *path = luaL_checkstring(L, 1);
  tcb_buf *text = l_newbuf(L);
  tcb_err err;
  tcb_status status = tcb_private_read(path, text, &err);
  if (status == TCB_NOT_FOUND) return 0;
  if (status != TCB_OK) return l_fail(L, &err);
  lua_pushlstring(L, text->data, text->len);
  tcb_buf_free(text);
  return 1;
}

static int private_write(lua_State *L) {                 /* (path, text) -> true | nil, err */
  size_t len;
  const char *path = luaL_checkstring(L, 1), *text = luaL_checklstring(L, 2, &len);
  tcb_err err;
  if (tcb_private_write(l_ctx(L), path, text, len, &err) != TCB_OK) return l_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}

static const luaL_Reg functions[] = { {"private_read", private_read}, {"private_write", private_write}, {NULL, NULL} };

void l_private_register(lua_State *L) {                  /* module table on top, left on top */
  l_setfuncs(L, functions);
}
