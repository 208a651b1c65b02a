/* host/signals.c: Ctrl-C, SIGTERM, a reader that went away, and --time-limit, turned into something Lua can unwind from.

   A handler only notes the signal and sets a hook on the coroutine that runs; the hook, called by Lua at its next instruction,
   tells the command (native.on_interrupt) or raises. Until that has happened a timer repeats the handler's work, so that a signal
   that falls just before a wait still ends the wait. The second signal ends the process at once. */
#include "host/host.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lualib.h>

#define INTERRUPT "tcb.host.on_interrupt"
#define INNER "tcb.host.inner"
enum { TICK_US = 20000, GRACE_S = 2 };

static lua_State *volatile running;                      /* the coroutine whose instructions are executed now */
static pthread_t main_thread;
static volatile sig_atomic_t caught;                     /* SIGINT, SIGTERM or SIGPIPE */
static volatile sig_atomic_t pending;                    /* the hook has not run yet */
static volatile double deadline;                         /* monotonic seconds; 0 = none */
static double limit_s;

static double now_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int is_late(void) { return deadline > 0 && now_s() >= deadline; }

static void tick_every(double first_s, int interval_us) {
  struct itimerval t = { { 0, interval_us }, { (time_t)first_s, (suseconds_t)((first_s - (double)(time_t)first_s) * 1e6) } };
  setitimer(ITIMER_REAL, &t, NULL);
}

static void set_timer(void) {                            /* for what is still to be said, else for the deadline, else none */
  double left = deadline > 0 ? deadline - now_s() : 0;
  if (pending || (deadline > 0 && left <= 0)) tick_every(TICK_US / 1e6, TICK_US);
  else if (deadline > 0) tick_every(left + 0.001, TICK_US);
  else tick_every(0, 0);
}

static void raise_late(lua_State *L) {
  char text[64];
  snprintf(text, sizeof text, "time limit of %g s reached", limit_s);
  lua_pushstring(L, text);                               /* no place in front: the traceback tells it */
  lua_error(L);
}

static void hook(lua_State *L, lua_Debug *ar) {
  (void)ar;
  lua_sethook(L, NULL, 0, 0);
  if (is_late()) raise_late(L);
  if (!pending) return;
  pending = 0;
  set_timer();
  lua_getfield(L, LUA_REGISTRYINDEX, INTERRUPT);
  if (lua_isfunction(L, -1) && caught != SIGPIPE) {
    lua_pushstring(L, caught == SIGTERM ? "TERM" : "INT");
    lua_call(L, 1, 0);
    return;
  }
  lua_getglobal(L, "require");
  lua_pushliteral(L, "tcb.errors");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "new");
  lua_createtable(L, 0, 2);
  lua_pushliteral(L, "cancelled");
  lua_setfield(L, -2, "kind");
  lua_pushstring(L, caught == SIGPIPE ? "nobody reads the output any more" : "interrupted");
  lua_setfield(L, -2, "message");
  lua_call(L, 1, 1);
  lua_error(L);
}

static void arm(void) {
  lua_State *L = running;
  if (L) lua_sethook(L, hook, LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
}

static void on_signal(int sig) {
  if (!pthread_equal(pthread_self(), main_thread)) {     /* a thread of a library: waits are in the main thread */
    pthread_kill(main_thread, sig);
    return;
  }
  if (sig == SIGALRM) {
    if (deadline > 0 && now_s() >= deadline + GRACE_S) {
      static const char text[] = "tcb: time limit reached, and the script does not stop: ended\n";
      if (write(STDERR_FILENO, text, sizeof text - 1) < 0) _exit(1);
      _exit(1);
    }
    if (pending || is_late()) arm();
    return;
  }
  if (sig == SIGPIPE) {                                  /* a socket's is none of our business: only that of stdout ends a program */
    struct pollfd out = { STDOUT_FILENO, POLLOUT, 0 };
    if (caught || poll(&out, 1, 0) != 1 || !(out.revents & POLLERR)) return;
  } else if (caught && caught != SIGPIPE) {
    _exit(128 + sig);
  }
  caught = sig;
  pending = 1;
  arm();
  tick_every(TICK_US / 1e6, TICK_US);
}

int host_signals_caught(void) { return caught; }

void host_time_limit(double seconds) {
  limit_s = seconds;
  deadline = now_s() + seconds;
  set_timer();
}

int host_on_interrupt(lua_State *L) {
  lua_settop(L, 1);
  lua_getfield(L, LUA_REGISTRYINDEX, INTERRUPT);
  lua_insert(L, 1);
  lua_setfield(L, LUA_REGISTRYINDEX, INTERRUPT);
  return 1;
}

void host_signals_forget(void) {                         /* the REPL: one call was cancelled, the session goes on */
  caught = 0;
  pending = 0;
  set_timer();
}

/* coroutine.resume and wrap as in Lua 5.4, which also say which coroutine runs, and keep the traceback of one that failed. */
static int resume(lua_State *L, lua_State *co, int args) {
  int results = 0;
  if (!lua_checkstack(co, args)) {
    lua_pushliteral(L, "too many arguments to resume");
    return -1;
  }
  lua_xmove(L, co, args);
  lua_State *before = running;
  running = co;
  int status = lua_resume(co, L, args, &results);
  running = before;
  if (status == LUA_OK || status == LUA_YIELD) {
    if (!lua_checkstack(L, results + 1)) {
      lua_pop(co, results);
      lua_pushliteral(L, "too many results to resume");
      return -1;
    }
    lua_xmove(co, L, results);
    return results;
  }
  lua_pushvalue(co, -1);                                 /* a copy stays: lua_resetthread wants it there */
  lua_xmove(co, L, 1);
  if (status != LUA_ERRMEM && lua_status(co) != LUA_OK && lua_checkstack(L, 4)) {
    lua_createtable(L, 2, 0);
    lua_pushvalue(L, -2);
    lua_rawseti(L, -2, 1);
    luaL_traceback(L, co, NULL, 0);
    lua_rawseti(L, -2, 2);
    lua_setfield(L, LUA_REGISTRYINDEX, INNER);
  }
  return -1;
}

static int co_resume(lua_State *L) {
  lua_State *co = lua_tothread(L, 1);
  luaL_argexpected(L, co, 1, "coroutine");
  int n = resume(L, co, lua_gettop(L) - 1);
  lua_pushboolean(L, n >= 0);
  if (n < 0) n = 1;
  lua_insert(L, -(n + 1));
  return n + 1;
}

static int co_step(lua_State *L) {                       /* the function that wrap gives */
  lua_State *co = lua_tothread(L, lua_upvalueindex(1));
  int n = resume(L, co, lua_gettop(L));
  if (n >= 0) return n;
  int status = lua_status(co);
  if (status != LUA_OK && status != LUA_YIELD) {
    status = lua_resetthread(co);                        /* closes its variables, which may fail anew */
    lua_pop(L, 1);
    lua_xmove(co, L, 1);
  }
  if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
    luaL_where(L, 1);
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
  return lua_error(L);
}

static int co_wrap(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_State *co = lua_newthread(L);
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1);
  lua_pushcclosure(L, co_step, 1);
  return 1;
}

void host_coroutines(lua_State *L) {
  lua_getglobal(L, LUA_COLIBNAME);
  lua_pushcfunction(L, co_resume);
  lua_setfield(L, -2, "resume");
  lua_pushcfunction(L, co_wrap);
  lua_setfield(L, -2, "wrap");
  lua_pop(L, 1);
}

void host_signals_start(lua_State *L) {
  running = L;
  main_thread = pthread_self();
  struct sigaction act;
  memset(&act, 0, sizeof act);
  act.sa_handler = on_signal;                            /* no SA_RESTART: a read or a wait must end */
  sigemptyset(&act.sa_mask);
  static const int ours[] = { SIGINT, SIGTERM, SIGALRM, SIGPIPE };
  /* Also where a script's `&` left SIGINT ignored: whoever sends it to such a process means it. */
  for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) sigaction(ours[i], &act, NULL);
}
