/* host/state.c: what every Lua state of the binary starts with: libraries, tcb.core, the Lua sources inside, the modules beside. */
#include "host/host.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lualib.h>

#include "host/sources.h"

int luaopen_tcb_core(lua_State *L);

const char *host_exe(void) {
  static char path[PATH_MAX];
  if (path[0] == 0) {
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    path[n > 0 ? n : 0] = 0;
  }
  return path;
}

static int load_embedded(lua_State *L) {                 /* a package searcher: name -> loader, place | message */
  const char *name = luaL_checkstring(L, 1);
  for (const host_source *s = host_sources; s->name; s++) {
    if (strcmp(s->name, name) != 0) continue;
    /* The text where the Lua at work is another than the one that compiled. */
    if (luaL_loadbufferx(L, s->code, s->code_bytes, s->chunk, "b") != LUA_OK &&
        luaL_loadbufferx(L, s->text, s->bytes, s->chunk, "t") != LUA_OK) return lua_error(L);
    lua_pushstring(L, s->chunk + 1);
    return 2;
  }
  lua_pushfstring(L, "no module '%s' inside tcb", name);
  return 1;
}

/* Modules lie in lua5.4/ beside the binary (a build tree), or in ../lib/lua/5.4/ (installed). */
static void beside(lua_State *L) {                       /* package table on top, left on top */
  char dir[PATH_MAX];
  strcpy(dir, host_exe());
  char *slash = strrchr(dir, '/');
  if (slash == NULL) return;
  const char *suffix = strstr(slash, "-asan") ? "-asan" : "";
  *slash = 0;
  lua_getfield(L, -1, "cpath");
  lua_pushfstring(L, "%s/lua5.4%s/?.so;%s/../lib/lua/5.4/?.so;%s", dir, suffix, dir, lua_tostring(L, -1));
  lua_setfield(L, -3, "cpath");
  lua_pop(L, 1);
}

int host_setup(lua_State *L) {
  luaL_openlibs(L);
  lua_pushcfunction(L, host_setup);
  lua_setfield(L, LUA_REGISTRYINDEX, "tcb.host.setup");
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, luaopen_tcb_core);
  lua_setfield(L, -2, "tcb.core");
  lua_pushcfunction(L, luaopen_tcb_host_native);
  lua_setfield(L, -2, "tcb.host.native");
  lua_getglobal(L, LUA_LOADLIBNAME);
  beside(L);
  const char *checkout = getenv("TCB_LUADIR");
  if (checkout && *checkout) {
    lua_getfield(L, -1, "path");
    lua_pushfstring(L, "%s/?.lua;%s/?/init.lua;%s", checkout, checkout, lua_tostring(L, -1));
    lua_setfield(L, -3, "path");
    lua_pop(L, 1);
  }
  lua_getfield(L, -1, "searchers");
  int at = checkout && *checkout ? 4 : 2;                /* behind preload; or behind the files, for what a checkout lacks */
  for (lua_Integer i = (lua_Integer)lua_rawlen(L, -1); i >= at; i--) {
    lua_rawgeti(L, -1, i);
    lua_rawseti(L, -2, i + 1);
  }
  lua_pushcfunction(L, load_embedded);
  lua_rawseti(L, -2, at);
  lua_settop(L, 0);
  return 0;
}
