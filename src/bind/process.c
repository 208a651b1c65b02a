/* bind/process.c: Lua face of a started program. A process that is collected goes on: nothing here ends it unasked. */
#include "bind/core_open.h"

#include <signal.h>
#include <string.h>

#include "io/process.h"

#define PROCESS "tcb.process"
#define ARGS_MAX 256
typedef struct { int pid, has_ended, status; } process_ud;

static process_ud *check_process(lua_State *L) { return luaL_checkudata(L, 1, PROCESS); }

static size_t read_list(lua_State *L, int arg, const char **out) {       /* the strings stay in the table */
  luaL_checktype(L, arg, LUA_TTABLE);
  size_t n = l_rawlen(L, arg);
  luaL_argcheck(L, n <= ARGS_MAX, arg, "too long a list");
  for (size_t i = 0; i < n; i++) {
    lua_rawgeti(L, arg, (int)i + 1);
    luaL_argcheck(L, lua_type(L, -1) == LUA_TSTRING, arg, "a list of strings is expected");
    out[i] = lua_tostring(L, -1);
    lua_pop(L, 1);
  }
  out[n] = NULL;
  return n;
}

static int process_start(lua_State *L) {                 /* ({ program, args... }, { "NAME=value", ... }) -> process | nil, err */
  const char *argv[ARGS_MAX + 1], *extra[ARGS_MAX + 1];
  tcb_err err;
  luaL_argcheck(L, read_list(L, 1, argv) > 0, 1, "a program is expected");
  read_list(L, 2, extra);
  process_ud *u = l_newuserdata(L, sizeof *u);
  memset(u, 0, sizeof *u);
  luaL_getmetatable(L, PROCESS);
  lua_setmetatable(L, -2);
  return tcb_process_start(argv, extra, &u->pid, &err) == TCB_OK ? 1 : l_fail(L, &err);
}

static int process_wait(lua_State *L) {                  /* () -> exit status (128 + signal) | nil: a signal came first. Blocks */
  process_ud *u = check_process(L);
  if (!u->has_ended) {
    tcb_status status = tcb_process_wait(u->pid, &u->status);
    if (status == TCB_AGAIN) return lua_pushnil(L), 1;
    if (status == TCB_NOT_FOUND) u->status = 1;
    u->has_ended = 1;
  }
  l_pushint(L, u->status);
  return 1;
}

static int process_signal(lua_State *L) {                /* ("INT" | "TERM") */
  static const char *const names[] = { "INT", "TERM", NULL };
  static const int numbers[] = { SIGINT, SIGTERM };
  process_ud *u = check_process(L);
  int which = luaL_checkoption(L, 2, "TERM", names);
  if (!u->has_ended) tcb_process_signal(u->pid, numbers[which]);
  return 0;
}

static int process_tostring(lua_State *L) {
  process_ud *u = check_process(L);
  lua_pushfstring(L, "tcb.process %d (%s)", u->pid, u->has_ended ? "ended" : "started");
  return 1;
}

static const luaL_Reg methods[] = { {"wait", process_wait}, {"signal", process_signal}, {NULL, NULL} };
static const luaL_Reg meta[] = { {"__tostring", process_tostring}, {NULL, NULL} };

void l_process_register(lua_State *L) {                  /* module table on top, left on top */
  l_newclass(L, PROCESS, methods, meta);
  lua_pushcfunction(L, process_start);
  lua_setfield(L, -2, "process");
}
