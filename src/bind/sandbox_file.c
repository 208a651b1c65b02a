/* bind/sandbox_file.c: Lua face of tcb_sandbox_file. The userdata owns the file. */
#include "bind/core_open.h"

#include "io/sandbox_file.h"

#define FILE_NAME "tcb.sandbox_file"
typedef struct { tcb_sandbox_file *core; } file_ud;      /* NULL: not open yet, or closed */

static tcb_sandbox_file *check_file(lua_State *L) {
  file_ud *u = luaL_checkudata(L, 1, FILE_NAME);
  luaL_argcheck(L, u->core != NULL, 1, "file is closed");
  return u->core;
}

static int file_new(lua_State *L) {                      /* (path?) -> file | nil, err */
  const char *path = luaL_optstring(L, 1, NULL);
  tcb_err err;
  file_ud *u = l_newuserdata(L, sizeof *u);
  u->core = NULL;
  luaL_getmetatable(L, FILE_NAME);
  lua_setmetatable(L, -2);
  return tcb_sandbox_file_open(&u->core, l_ctx(L), path, &err) == TCB_OK ? 1 : l_fail(L, &err);
}

static int file_add(lua_State *L) {                      /* (bytes, ...) -> offset they begin at | nil, err */
  tcb_sandbox_file *f = check_file(L);
  tcb_sandbox_part parts[TCB_SANDBOX_PARTS_MAX];
  int count = lua_gettop(L) - 1;
  int64_t at = tcb_sandbox_file_bytes(f);
  tcb_err err;
  luaL_argcheck(L, count <= TCB_SANDBOX_PARTS_MAX, 2, "too many parts");
  for (int i = 0; i < count; i++) parts[i].data = l_checkbytes(L, i + 2, &parts[i].len);
  if (tcb_sandbox_file_add(f, parts, count, &err) != TCB_OK) return l_fail(L, &err);
  l_pushint(L, at);
  return 1;
}

static int file_read(lua_State *L) {                     /* (offset, bytes, buf?) -> buf | nil, err */
  tcb_sandbox_file *f = check_file(L);
  int64_t at = l_checkrange(L, 2, 0, INT64_C(1) << 52), len = l_checkrange(L, 3, 0, INT64_C(1) << 40);
  tcb_err err;
  tcb_buf *out;
  if (lua_isnoneornil(L, 4)) out = l_newbuf(L);
  else {
    out = l_checkbuf(L, 4);
    out->len = 0;
    lua_settop(L, 4);
  }
  return tcb_sandbox_file_read(f, at, (size_t)len, out, &err) == TCB_OK ? 1 : l_fail(L, &err);
}

static int file_bytes(lua_State *L) {
  l_pushint(L, tcb_sandbox_file_bytes(check_file(L)));
  return 1;
}

static int file_close(lua_State *L) {
  file_ud *u = luaL_checkudata(L, 1, FILE_NAME);
  tcb_sandbox_file *core = u->core;
  u->core = NULL;
  tcb_sandbox_file_close(core);
  return 0;
}

static int file_tostring(lua_State *L) {
  file_ud *u = luaL_checkudata(L, 1, FILE_NAME);
  lua_pushfstring(L, "tcb.sandbox_file (%s)", u->core ? "open" : "closed");
  return 1;
}

static const luaL_Reg methods[] = {
  {"add", file_add}, {"read", file_read}, {"bytes", file_bytes}, {"close", file_close}, {NULL, NULL}
};
static const luaL_Reg meta[] = { {"__gc", file_close}, {"__close", file_close}, {"__tostring", file_tostring}, {NULL, NULL} };

void l_sandbox_file_register(lua_State *L) {             /* module table on top, left on top */
  l_newclass(L, FILE_NAME, methods, meta);
  lua_pushcfunction(L, file_new);
  lua_setfield(L, -2, "sandbox_file");
}
