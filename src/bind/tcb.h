/* tcb.h: tcb for C programs with a Lua state of their own. Link libtcb.a and the archives of the libraries you want
   (libtcb_curl.a, libtcb_sqlite.a, ...), each with its pkg-config file: tcb, tcb-curl, tcb-sqlite, tcb-httpd, tcb-zlib.
   The Lua files (`make install` puts them into LUADIR) are found through package.path as ever.

   Any number of lua_States on any number of threads, each used by one thread at a time. Nothing process-wide is kept but
   libcurl's own state. */
#ifndef TCB_H
#define TCB_H

#include <stddef.h>

#include <lauxlib.h>
#include <lua.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The release of the linked library: "0.1.0". */
const char *tcb_version(void);

/* Memory for the core of one lua_State; works like lua_Alloc: (ud, NULL, 0, n) allocates, (ud, p, old, n) resizes, n = 0 frees.
   May return NULL: the call that needed memory then fails with an error of kind `memory`, and nothing is lost. */
typedef void *(*tcb_alloc)(void *ud, void *block, size_t old_bytes, size_t new_bytes);

/* One opener a module; reference those that the program links. */
int luaopen_tcb_core(lua_State *L);
int luaopen_tcb_curl(lua_State *L);
int luaopen_tcb_sqlite(lua_State *L);
int luaopen_tcb_httpd(lua_State *L);
int luaopen_tcb_zlib(lua_State *L);

/* Puts the modules of `list` ({"tcb.curl", luaopen_tcb_curl}, ..., {NULL, NULL}) into package.preload, so that `require` takes the
   linked ones; every other comes from package.cpath. tcb.core is always registered. Runs nothing of them. May raise for want of
   memory: call it in protected mode. */
void tcb_register_preload(lua_State *L, const luaL_Reg *list);

/* Gives this lua_State's core its allocator and registers tcb.core; call it once, before the first require of tcb. `alloc` NULL:
   malloc. `alloc` and `ud` must outlive the state. Raises when tcb.core is already loaded, or for want of memory. */
void tcb_openlibs(lua_State *L, tcb_alloc alloc, void *ud);

#ifdef __cplusplus
}
#endif

#endif
