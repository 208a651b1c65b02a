/* host/main.c: the tcb binary. Everything that can raise runs in one protected function. */
#include <stdio.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "host/sources.h"

int luaopen_tcb_core(lua_State *L);

static int load_embedded(lua_State *L) {                 /* a package searcher: name -> loader | message */
  const char *name = luaL_checkstring(L, 1);
  for (const host_source *s = host_sources; s->name; s++) {
    if (strcmp(s->name, name) != 0) continue;
    if (luaL_loadbuffer(L, s->text, s->bytes, s->chunk) != LUA_OK) return lua_error(L);
    lua_pushstring(L, s->chunk + 1);
    return 2;
  }
  lua_pushfstring(L, "no module '%s' inside tcb", name);
  return 1;
}

static int run(lua_State *L) {
  int argc = (int)lua_tointeger(L, 1);
  char **argv = lua_touserdata(L, 2);
  luaL_openlibs(L);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, luaopen_tcb_core);
  lua_setfield(L, -2, "tcb.core");
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "searchers");
  for (lua_Integer i = (lua_Integer)lua_rawlen(L, -1); i >= 2; i--) {
    lua_rawgeti(L, -1, i);
    lua_rawseti(L, -2, i + 1);
  }
  lua_pushcfunction(L, load_embedded);
  lua_rawseti(L, -2, 2);
  if (argc > 2 && strcmp(argv[1], "-e") == 0 && luaL_dostring(L, argv[2]) != LUA_OK) return lua_error(L);
  return 0;
}

int main(int argc, char **argv) {
  lua_State *L = luaL_newstate();
  if (L == NULL) return 1;
  lua_pushcfunction(L, run);
  lua_pushinteger(L, argc);
  lua_pushlightuserdata(L, argv);
  int status = lua_pcall(L, 2, 0, 0);
  if (status != LUA_OK) fprintf(stderr, "tcb: %s\n", lua_tostring(L, -1));
  lua_close(L);
  return status == LUA_OK ? 0 : 1;
}
