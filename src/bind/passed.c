/* bind/passed.c: what passed through a hashing reader. */
#include "bind/core_open.h"

#include <stdio.h>

#include "bind/reader.h"
#include "core/reader_hash.h"

#define PASSED "tcb.passed"
typedef struct { tcb_passed *core; } passed_ud;          /* NULL: closed */

static int passed_hashed(lua_State *L) {                 /* (reader) -> reader, passed | nil, err; takes the reader over */
  luaL_checkudata(L, 1, L_READER);
  reader_ud *out = l_newreader(L);
  passed_ud *u = l_newuserdata(L, sizeof *u);
  u->core = NULL;
  luaL_getmetatable(L, PASSED);
  lua_setmetatable(L, -2);
  tcb_ctx *ctx = l_ctx(L);
  tcb_err err;
  return tcb_reader_hashed(&out->core, &u->core, ctx, l_takereader(L, 1), &err) == TCB_OK ? 2 : l_fail(L, &err);
}

static int passed_digest(lua_State *L) {                 /* () -> from, to, hash in hex */
  passed_ud *u = luaL_checkudata(L, 1, PASSED);
  luaL_argcheck(L, u->core != NULL, 1, "closed");
  int64_t from, to;
  uint64_t hash;
  char text[17];
  tcb_passed_digest(u->core, &from, &to, &hash);
  snprintf(text, sizeof text, "%016llx", (unsigned long long)hash);
  l_pushint64(L, from);
  l_pushint64(L, to);
  lua_pushstring(L, text);
  return 3;
}

static int passed_close(lua_State *L) {
  passed_ud *u = luaL_checkudata(L, 1, PASSED);
  tcb_passed *core = u->core;
  u->core = NULL;
  tcb_passed_free(core);
  return 0;
}

static const luaL_Reg methods[] = { {"digest", passed_digest}, {"close", passed_close}, {NULL, NULL} };
static const luaL_Reg meta[] = { {"__gc", passed_close}, {"__close", passed_close}, {NULL, NULL} };

void l_passed_register(lua_State *L) {                   /* module table on top, left on top; behind the readers */
  l_newclass(L, PASSED, methods, meta);
  lua_getfield(L, -1, "reader");
  lua_pushcfunction(L, passed_hashed);
  lua_setfield(L, -2, "hashed");
  lua_pop(L, 1);
}
