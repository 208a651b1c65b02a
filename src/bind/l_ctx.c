/* bind/l_ctx.c: one tcb_ctx per lua_State, found in the registry by name, checked for its build. */
#define _GNU_SOURCE                 /* dladdr */
#include "bind/l_bind.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "build_id.h"               /* generated: TCB_BUILD_ID, a hash of all headers */

#define CTX "tcb.ctx"

typedef struct {
  char build[24];
  char path[200];                   /* of the module that made it, for messages */
  tcb_ctx ctx;
} ctx_ud;

static int ctx_gc(lua_State *L) {
  ctx_ud *u = lua_touserdata(L, 1);
  if (u) tcb_ctx_clear(&u->ctx);
  return 0;
}

/* Stays referenced by the registry: by its name, and for this module under an address of its own, which is found faster. */
static ctx_ud *find(lua_State *L) {
  static const char own_key = 0;
  lua_pushlightuserdata(L, (void *)(uintptr_t)&own_key);
  lua_rawget(L, LUA_REGISTRYINDEX);
  ctx_ud *u = lua_touserdata(L, -1);
  lua_pop(L, 1);
  if (u) return u;
  lua_getfield(L, LUA_REGISTRYINDEX, CTX);
  u = lua_touserdata(L, -1);
  if (u) {
    lua_pushlightuserdata(L, (void *)(uintptr_t)&own_key);
    lua_pushvalue(L, -2);
    lua_rawset(L, LUA_REGISTRYINDEX);
  }
  lua_pop(L, 1);
  return u;
}

/* The file that this copy of the code was loaded from. */
static const char *own_path(void) {
  Dl_info info;
  return dladdr((void *)(uintptr_t)&own_path, &info) && info.dli_fname ? info.dli_fname : "(unknown)";
}

int l_ctx_exists(lua_State *L) {
  return find(L) != NULL;
}

void l_ctx_open(lua_State *L) {
  if (find(L)) return;
  ctx_ud *u = l_newuserdata(L, sizeof *u);
  memset(u, 0, sizeof *u);
  tcb_ctx_init(&u->ctx);
  strncpy(u->build, TCB_BUILD_ID, sizeof u->build - 1);
  snprintf(u->path, sizeof u->path, "%s", own_path());
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, ctx_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_setfield(L, LUA_REGISTRYINDEX, CTX);
}

tcb_ctx *l_ctx(lua_State *L) {
  ctx_ud *u = find(L);
  if (u == NULL) luaL_error(L, "tcb.core must be loaded first");
  return &u->ctx;
}

tcb_ctx *l_ctx_need(lua_State *L, const char *module) {
  ctx_ud *u = find(L);
  if (u == NULL) {
    lua_getglobal(L, "require");
    lua_pushliteral(L, "tcb.core");
    lua_call(L, 1, 0);
    u = find(L);
  }
  if (u == NULL || strncmp(u->build, TCB_BUILD_ID, sizeof u->build) != 0) {
    luaL_error(L, "%s (%s, build %s) is of another build than tcb.core (%s, build %s): install both from one build of tcb",
               module, own_path(), TCB_BUILD_ID, u ? u->path : "not there", u ? u->build : "none");
  }
  return &u->ctx;
}
