/* spec/support/runner.c: the smallest interpreter that busted needs, linked with one of the Luas (Debian's luajit binary
   conflicts with OpenResty's library) and, for `make sanitize`, with the sanitizers. `runner [-e CHUNK] [SCRIPT ARGS...]`. */
#include <stdio.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

static int traceback(lua_State *L) {
  const char *text = lua_tostring(L, 1);
  luaL_traceback(L, L, text ? text : "(error object)", 1);
  return 1;
}

static int call(lua_State *L, int load_status) {
  int base = lua_gettop(L);
  if (load_status == 0) {
    lua_pushcfunction(L, traceback);
    lua_insert(L, base);
    load_status = lua_pcall(L, 0, 0, base);
  }
  if (load_status != 0) fprintf(stderr, "runner: %s\n", lua_tostring(L, -1));
  return load_status == 0 ? 0 : 1;
}

int main(int argc, char **argv) {
  int status = 0, at = 1;
  lua_State *L = luaL_newstate();
  luaL_openlibs(L);
  while (status == 0 && at + 1 < argc && strcmp(argv[at], "-e") == 0) {
    status = call(L, luaL_loadstring(L, argv[at + 1]));
    at += 2;
  }
  lua_newtable(L);
  for (int i = 0; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i - at);
  }
  lua_setglobal(L, "arg");
  if (status == 0 && at < argc) status = call(L, luaL_loadfile(L, argv[at]));
  lua_close(L);
  return status;
}
