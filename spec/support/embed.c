/* spec/support/embed.c: a C program against tcb.h alone: a counting allocator, one that fails, the order of calls, two states. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bind/tcb.h"

#include <lualib.h>

static long live_bytes, fail_after = -1;

static void *counting(void *ud, void *block, size_t old_bytes, size_t new_bytes) {
  (void)ud;
  if (new_bytes == 0) {
    live_bytes -= (long)old_bytes;
    free(block);
    return NULL;
  }
  if (fail_after == 0) return NULL;
  if (fail_after > 0) fail_after--;
  void *got = realloc(block, new_bytes);
  if (got) live_bytes += (long)new_bytes - (long)(block ? old_bytes : 0);
  return got;
}

static int open_all(lua_State *L) {
  luaL_openlibs(L);
  tcb_openlibs(L, counting, NULL);
  return 0;
}

static int open_twice(lua_State *L) {
  tcb_openlibs(L, NULL, NULL);
  return 0;
}

static void expect(int ok, const char *what) {
  if (ok) return;
  printf("FAILED: %s\n", what);
  exit(1);
}

static void run(lua_State *L, const char *chunk) {
  if (luaL_dostring(L, chunk) != 0) {
    printf("FAILED: %s\n", lua_tostring(L, -1));
    exit(1);
  }
}

int main(int argc, char **argv) {
  (void)argc;
  lua_State *a = luaL_newstate(), *b = luaL_newstate();
  lua_State *states[] = { a, b };
  for (int i = 0; i < 2; i++) {
    lua_pushcfunction(states[i], open_all);
    expect(lua_pcall(states[i], 0, 0, 0) == 0, "tcb_openlibs");
    lua_pushstring(states[i], argv[1]);
    lua_setglobal(states[i], "LUADIR");
    run(states[i], "package.path = LUADIR .. '/?.lua;' .. LUADIR .. '/?/init.lua'; package.cpath = ''");
  }
  expect(strlen(tcb_version()) > 0, "tcb_version");
  run(a, "local core = require 'tcb.core'; keep = core.buf(('x'):rep(100000)); core.clock.virtual(1893456000000)");
  expect(live_bytes >= 100000, "the core uses the allocator it was given");
  run(b, "local core = require 'tcb.core'; assert(not core.clock.virtual(), 'clocks are per state')");
  fail_after = 0;
  run(a, "local b, err = require('tcb.core').buf(('y'):rep(1000)); assert(b == nil and err.kind == 'memory', tostring(err))");
  fail_after = -1;
  run(a, "assert(keep:len() == 100000)");
  lua_pushcfunction(a, open_twice);
  expect(lua_pcall(a, 0, 0, 0) != 0 && strstr(lua_tostring(a, -1), "once"), "a second tcb_openlibs is refused");
  lua_close(a);
  lua_close(b);
  expect(live_bytes == 0, "everything was given back");
  printf("ok %s\n", tcb_version());
  return 0;
}
