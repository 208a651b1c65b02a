/* host/main.c: the tcb binary. Everything that can raise runs in one protected function; what the arguments mean is said by
   lua/tcb/host/main.lua. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <lauxlib.h>
#include <lua.h>

#include "host/host.h"
#include "host/sources.h"

/* lua/tcb/host/main.lua's function on the stack: compiled in advance, but not when a checkout is to be run, or by another Lua 5.4. */
static void load_main(lua_State *L) {
  const char *checkout = getenv("TCB_LUADIR");
  if (!(checkout && *checkout) && luaL_loadbufferx(L, host_main.code, host_main.code_bytes, host_main.chunk, "b") == LUA_OK) {
    lua_call(L, 0, 1);
    return;
  }
  lua_settop(L, 0);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "tcb.host.main");
  lua_call(L, 1, 1);
}

static int run(lua_State *L) {                           /* (argc, argv) -> exit code */
  int argc = (int)lua_tointeger(L, 1);
  char **argv = lua_touserdata(L, 2);
  host_setup(L);
  host_coroutines(L);
  load_main(L);
  lua_createtable(L, argc, 1);
  for (int i = 0; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i);
  }
  lua_call(L, 1, 1);
  return 1;
}

/* libcurl allocates and frees its buffers with each request: given back to the system every time they cost 25 page faults a batch. */
static void keep_freed_memory(void) {
#ifdef __GLIBC__
  mallopt(M_TRIM_THRESHOLD, 8 << 20);
  mallopt(M_MMAP_THRESHOLD, 2 << 20);
#endif
}

int main(int argc, char **argv) {
  keep_freed_memory();
  lua_State *L = luaL_newstate();
  if (L == NULL) {
    fputs("tcb: not enough memory\n", stderr);
    return 1;
  }
  host_signals_start(L);
  lua_pushcfunction(L, run);
  lua_pushinteger(L, argc);
  lua_pushlightuserdata(L, argv);
  int code = 1;
  if (lua_pcall(L, 2, 1, 0) == LUA_OK) code = (int)lua_tointeger(L, -1);
  else if (host_signals_caught()) code = 128 + host_signals_caught();      /* it came when all was said: while the output was flushed */
  else fprintf(stderr, "tcb: %s\n", lua_tostring(L, -1) ? lua_tostring(L, -1) : "failed");
  lua_close(L);
#ifndef __SANITIZE_ADDRESS__
  /* The libraries' own tidying up reads 4 MB of pages in, for nothing: the state is closed, the system takes back the rest. */
  fflush(NULL);
  _exit(code);
#endif
  return code;
}
