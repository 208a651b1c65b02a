/* host/host.h: the parts of the binary: Lua state and its searchers, signals, limits, what tcb.host sees of the machine. */
#ifndef TCB_HOST_H
#define TCB_HOST_H

#include <stddef.h>

#include <lua.h>

/* Libraries, tcb.core, the embedded Lua sources and the paths beside the binary: for the main state, and for any other that a
   module makes (it finds this function in the registry as "tcb.host.setup"). May raise. */
int host_setup(lua_State *L);
/* The place of the running binary, without links; "" where the system does not tell. Static. */
const char *host_exe(void);
/* tcb.host.native: what Lua cannot ask for itself. */
int luaopen_tcb_host_native(lua_State *L);

/* From here on SIGINT, SIGTERM, SIGPIPE and SIGALRM are ours. `L` is the main state; coroutine.resume and wrap are replaced so
   that the running coroutine is known. */
void host_signals_start(lua_State *L);
/* Puts the tracking resume and wrap into the coroutine library of `L`. */
void host_coroutines(lua_State *L);
/* The signal that asked this process to stop, 0 when none did. */
int host_signals_caught(void);
/* The REPL: a call was cancelled, the session goes on. */
void host_signals_forget(void);
void host_time_limit(double seconds);
/* native.on_interrupt(fn | nil) -> the previous one. */
int host_on_interrupt(lua_State *L);
/* native.trim() -> kB of clean pages given back to the system. */
int host_trim(lua_State *L);

/* Counts every byte of Lua and of the core; 0 = no limit. */
void host_memory_limit(lua_State *L, size_t bytes);
size_t host_memory_used(void);

#endif
