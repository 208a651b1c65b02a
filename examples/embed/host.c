/* examples/embed/host.c: a C program with a Lua of its own, capped at 16 MB: a timer twice a second, and a tcb campaign that goes on
   meanwhile, all in one thread over poll(2).
     cc -o host host.c $(pkg-config --cflags --libs tcb-curl tcb-sqlite)
     TCB_CLOCK=2026-12-01T06:00:00Z tcb sandbox -- ./host campaign.lua ../data/deliveries.csv /tmp/journal.db
   TCB_CLOCK is for the dates of the example's data alone. */
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <lualib.h>
#include <tcb.h>

typedef struct { size_t used, cap; } budget;             /* bytes */
typedef struct { const char *script, *csv, *journal; int timer; } job;

/* For Lua and for tcb's core alike. When the cap is reached, Lua raises "not enough memory", and tcb's calls return errors of kind memory. */
static void *capped(void *ud, void *block, size_t old_bytes, size_t new_bytes) {
  budget *b = ud;
  if (block == NULL) old_bytes = 0;                      /* Lua passes a type here */
  if (new_bytes == 0) {
    b->used -= old_bytes;
    free(block);
    return NULL;
  }
  if (new_bytes > old_bytes && b->used + (new_bytes - old_bytes) > b->cap) return NULL;
  void *moved = realloc(block, new_bytes);
  if (moved) b->used += new_bytes - old_bytes;
  return moved;
}

/* Opens the libraries and runs the script; leaves the table of functions that it returns on the stack. */
static void open_script(lua_State *L, const job *j) {
  static const luaL_Reg linked[] = { {"tcb.curl", luaopen_tcb_curl}, {"tcb.sqlite", luaopen_tcb_sqlite}, {NULL, NULL} };
  void *ud;
  lua_Alloc alloc = lua_getallocf(L, &ud);
  luaL_openlibs(L);
  tcb_openlibs(L, alloc, ud);
  tcb_register_preload(L, linked);
  if (luaL_loadfile(L, j->script) != LUA_OK) lua_error(L);
  lua_pushstring(L, j->csv);
  lua_pushstring(L, j->journal);
  lua_call(L, 2, 1);
}

/* Calls a function of the table on top; its result is on top, above the table. */
static void call(lua_State *L, const char *name) {
  lua_getfield(L, -1, name);
  lua_call(L, 0, 1);
}

/* Protected: all that may raise. (job) -> the campaign's result. Gives tcb its turns, and the host's own timer goes on. */
static int program(lua_State *L) {
  const job *j = lua_touserdata(L, 1);
  open_script(L, j);
  for (int base = lua_gettop(L);; lua_settop(L, base)) {
    call(L, "step");
    lua_settop(L, base);
    call(L, "result");
    if (!lua_isnil(L, -1)) return 1;
    lua_settop(L, base);
    call(L, "timeout");
    int wait_ms = lua_isnil(L, -1) ? -1 : (int)(lua_tonumber(L, -1) * 1000) + 1;
    lua_settop(L, base);
    call(L, "fd");
    struct pollfd fds[2] = { { (int)lua_tointeger(L, -1), POLLIN, 0 }, { j->timer, POLLIN, 0 } };
    lua_settop(L, base);
    poll(fds, 2, wait_ms);
    uint64_t ticks;
    if (!fds[1].revents || read(j->timer, &ticks, sizeof ticks) < 0) continue;
    call(L, "progress");
    fprintf(stderr, "tick: %s\n", lua_tostring(L, -1));
  }
}

static int as_text(lua_State *L) {                       /* message handler: error objects become their sentence */
  luaL_tolstring(L, 1, NULL);
  return 1;
}

int main(int argc, char **argv) {
  budget memory = { 0, (size_t)16 << 20 };
  lua_State *L = argc == 4 ? lua_newstate(capped, &memory) : NULL;
  if (L == NULL) {
    fprintf(stderr, "usage: host SCRIPT CSV JOURNAL\n");
    return 2;
  }
  job j = { argv[1], argv[2], argv[3], timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC) };
  timerfd_settime(j.timer, 0, &(struct itimerspec){ { 0, 500000000 }, { 0, 500000000 } }, NULL);
  lua_pushcfunction(L, as_text);
  lua_pushcfunction(L, program);
  lua_pushlightuserdata(L, &j);
  int is_good = lua_pcall(L, 1, 1, 1) == LUA_OK;
  fprintf(is_good ? stdout : stderr, "%s%s\n", is_good ? "" : "failed: ", lua_tostring(L, -1));
  lua_close(L);
  close(j.timer);
  fprintf(stderr, "%zu bytes left\n", memory.used);
  return is_good ? 0 : 1;
}
