/* bind/zlib_reader.c: Lua face of gzip input: a tcb.reader over a tcb.reader. */
#include "bind/zlib_reader.h"

#include "bind/reader.h"
#include "io/zlib_reader.h"

static int zlib_reader_new(lua_State *L) {               /* (reader) -> reader of what it decompresses to | nil, err; takes it over */
  luaL_checkudata(L, 1, L_READER);
  reader_ud *u = l_newreader(L);
  tcb_err err;
  return tcb_zlib_reader(&u->core, l_ctx(L), l_takereader(L, 1), &err) == TCB_OK ? 1 : l_fail(L, &err);
}

void l_zlib_reader_register(lua_State *L) {              /* module table on top, left on top */
  lua_pushcfunction(L, zlib_reader_new);
  lua_setfield(L, -2, "reader");
}
