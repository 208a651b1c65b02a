/* bind/httpd_thread.c: a thread with a Lua state of its own, for servers that answer while their owner is busy or blocked.
   Its state gets the owner's package paths, preloaded C modules and C searchers, clock, log level and secrets. The two sides share
   nothing but a channel of texts. */
#include "bind/httpd_open.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <lualib.h>

#include "core/redact.h"
#include "io/httpd_channel.h"

#define THREAD "tcb.httpd.thread"
typedef struct {
  tcb_channel *channel;             /* NULL: closed */
  pthread_t thread;
  int is_running;                   /* started and not joined */
  int failed;                       /* read after the join */
} thread_ud;

static thread_ud *check_thread(lua_State *L) {
  thread_ud *u = luaL_checkudata(L, 1, THREAD);
  luaL_argcheck(L, u->channel != NULL, 1, "thread is closed");
  return u;
}

/* What the new state takes over from its owner's. Strings and functions stay referenced by the owner's package table. */
#define COPIES_MAX 32
typedef struct {
  const char *path, *cpath;
  struct { const char *name; lua_CFunction open; } preload[COPIES_MAX];
  lua_CFunction searchers[COPIES_MAX];
  int preload_count, searcher_count;
  const tcb_ctx *ctx;
} inheritance;

#define SEARCHERS (LUA_VERSION_NUM == 501 ? "loaders" : "searchers")

/* A C function without upvalues can be used in any state: those of the host binary are such. */
static lua_CFunction plain_function(lua_State *L, int at) {
  lua_CFunction f = lua_tocfunction(L, at);
  if (f == NULL) return NULL;
  if (lua_getupvalue(L, at, 1)) {
    lua_pop(L, 1);
    return NULL;
  }
  return f;
}

static void read_package(lua_State *L, inheritance *h) {
  int top = lua_gettop(L);
  memset(h, 0, sizeof *h);
  h->ctx = l_ctx(L);
  lua_getglobal(L, "package");
  lua_getfield(L, top + 1, "path");
  lua_getfield(L, top + 1, "cpath");
  h->path = lua_tostring(L, top + 2);
  h->cpath = lua_tostring(L, top + 3);
  lua_getfield(L, top + 1, "preload");
  luaL_checktype(L, top + 4, LUA_TTABLE);
  for (lua_pushnil(L); lua_next(L, top + 4); lua_pop(L, 1)) {
    lua_CFunction f = plain_function(L, lua_gettop(L));
    if (f == NULL || lua_type(L, -2) != LUA_TSTRING || h->preload_count == COPIES_MAX) continue;
    h->preload[h->preload_count].name = lua_tostring(L, -2);
    h->preload[h->preload_count++].open = f;
  }
  lua_getfield(L, top + 1, SEARCHERS);
  luaL_checktype(L, top + 5, LUA_TTABLE);
  int n = (int)l_rawlen(L, top + 5);
  for (int i = 1; i <= n && h->searcher_count < COPIES_MAX; i++, lua_pop(L, 1)) {
    lua_rawgeti(L, top + 5, i);
    lua_CFunction f = plain_function(L, lua_gettop(L));
    if (f) h->searchers[h->searcher_count++] = f;
  }
  lua_settop(L, top);
}

static int has_function(lua_State *to, lua_CFunction f) {  /* in the list on top? */
  int found = 0, n = (int)l_rawlen(to, -1);
  for (int i = 1; i <= n && !found; i++, lua_pop(to, 1)) {
    lua_rawgeti(to, -1, i);
    found = lua_tocfunction(to, -1) == f;
  }
  return found;
}

static void add_searchers(lua_State *to, const inheritance *h) {
  int at = 1;
  for (int i = 0; i < h->searcher_count; i++) {
    if (has_function(to, h->searchers[i])) continue;       /* LuaJIT's own ones are plain too */
    at++;                                                  /* behind the preload searcher, as in the host binary */
    for (int k = (int)l_rawlen(to, -1); k >= at; k--) {
      lua_rawgeti(to, -1, k);
      lua_rawseti(to, -2, k + 1);
    }
    lua_pushcfunction(to, h->searchers[i]);
    lua_rawseti(to, -2, at);
  }
}

static void inherit_context(lua_State *to, const tcb_ctx *from) {
  lua_getglobal(to, "require");
  lua_pushliteral(to, "tcb.core");
  lua_call(to, 1, 0);
  tcb_ctx *ctx = l_ctx_need(to, "tcb.httpd");
  ctx->clock = from->clock;
  ctx->log_level = from->log_level;
  for (unsigned i = 0; i < TCB_SECRETS_MAX; i++)
    if (from->secrets.text[i]) tcb_secret_add(ctx, from->secrets.text[i], from->secrets.len[i], NULL);
}

static int prepare(lua_State *to) {                      /* runs in the new state, protected: (lightuserdata inheritance) */
  const inheritance *h = lua_touserdata(to, 1);
  luaL_openlibs(to);
  lua_getglobal(to, "package");
  lua_pushstring(to, h->path);
  lua_setfield(to, 2, "path");
  lua_pushstring(to, h->cpath);
  lua_setfield(to, 2, "cpath");
  lua_getfield(to, 2, "preload");
  for (int i = 0; i < h->preload_count; i++) {
    lua_pushcfunction(to, h->preload[i].open);
    lua_setfield(to, 3, h->preload[i].name);
  }
  lua_getfield(to, 2, SEARCHERS);
  add_searchers(to, h);
  inherit_context(to, h->ctx);
  return 0;
}

static void copy_arguments(lua_State *L, int arg, lua_State *to) {
  lua_createtable(to, 0, 8);
  if (!lua_istable(L, arg)) return;
  for (lua_pushnil(L); lua_next(L, arg); lua_pop(L, 1)) {
    size_t len;
    const char *text;
    switch (lua_type(L, -1)) {
    case LUA_TBOOLEAN: lua_pushboolean(to, lua_toboolean(L, -1)); break;
    case LUA_TNUMBER: {
#if LUA_VERSION_NUM >= 503
      if (lua_isinteger(L, -1)) lua_pushinteger(to, lua_tointeger(L, -1)); else
#endif
      lua_pushnumber(to, lua_tonumber(L, -1));
      break;
    }
    default: text = lua_tolstring(L, -1, &len); lua_pushlstring(to, text, len);
    }
    lua_setfield(to, -2, lua_tostring(L, -2));
  }
}

static void check_arguments(lua_State *L, int arg) {
  if (lua_isnoneornil(L, arg)) return;
  luaL_checktype(L, arg, LUA_TTABLE);
  for (lua_pushnil(L); lua_next(L, arg); lua_pop(L, 1)) {
    int t = lua_type(L, -1);
    luaL_argcheck(L, lua_type(L, -2) == LUA_TSTRING && (t == LUA_TSTRING || t == LUA_TNUMBER || t == LUA_TBOOLEAN), arg,
                  "a thread takes a map of strings, numbers and booleans");
  }
}

/* Runs in the thread, protected: (function, module, arguments, port lightuserdata). */
static int body(lua_State *T) {
  lua_getglobal(T, "require");
  lua_pushliteral(T, "tcb.httpd");                       /* registers the port's class in this state */
  lua_call(T, 1, 0);
  lua_getglobal(T, "require");
  lua_pushvalue(T, 1);
  lua_call(T, 1, 1);
  lua_getfield(T, -1, lua_tostring(T, 2));
  tcb_channel *c = lua_touserdata(T, 4);
  l_httpd_port_new(T, c);
  lua_pushvalue(T, 3);
  lua_call(T, 2, 0);
  return 0;
}

static int with_traceback(lua_State *T) {
  lua_getglobal(T, "tostring");
  lua_pushvalue(T, 1);
  lua_call(T, 1, 1);
  luaL_traceback(T, T, lua_tostring(T, -1), 1);
  return 1;
}

typedef struct { lua_State *T; tcb_channel *channel; int *failed; } start_args;

static void *thread_main(void *p) {
  start_args a = *(start_args *)p;
  free(p);
  int status = lua_pcall(a.T, 4, 0, 1);
  if (status != 0) {
    size_t len;
    const char *text = lua_tolstring(a.T, -1, &len);
    tcb_channel_send(a.channel, TCB_SIDE_THREAD, text ? text : "(no memory)", text ? len : 11, NULL);
  }
  *a.failed = status != 0;
  lua_close(a.T);                    /* its servers and files close in the thread that used them */
  tcb_channel_finish(a.channel, TCB_SIDE_THREAD);
  tcb_channel_release(a.channel);
  return NULL;
}

static int start(thread_ud *u, lua_State *T, tcb_err *err) {
  start_args *a = malloc(sizeof *a);
  sigset_t all, before;
  if (a == NULL) {
    tcb_fail(err, TCB_E_MEMORY, "not enough memory for a thread");
    return 0;
  }
  *a = (start_args){ T, u->channel, &u->failed };
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);           /* signals are for the owner's thread */
  int why = pthread_create(&u->thread, NULL, thread_main, a);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (why == 0) return u->is_running = 1;
  free(a);
  tcb_fail(err, TCB_E_CONFIG, "cannot start a thread: %s", strerror(why));
  return 0;
}

static int fail_state(lua_State *L, lua_State *T, const char *what) {
  tcb_err err;
  const char *text = T && lua_type(T, -1) == LUA_TSTRING ? lua_tostring(T, -1) : "not enough memory";
  tcb_fail(&err, TCB_E_CONFIG, "%s: %.200s", what, text);
  if (T) lua_close(T);
  return l_fail(L, &err);
}

static int thread_new(lua_State *L) {                    /* (module, function, arguments?) -> thread | nil, err */
  const char *module = luaL_checkstring(L, 1), *function = luaL_checkstring(L, 2);
  tcb_err err;
  check_arguments(L, 3);
  lua_settop(L, 3);
  thread_ud *u = l_newuserdata(L, sizeof *u);
  memset(u, 0, sizeof *u);
  luaL_getmetatable(L, THREAD);
  lua_setmetatable(L, -2);
  inheritance from;
  read_package(L, &from);
  if (tcb_channel_open(&u->channel, &err) != TCB_OK) return l_fail(L, &err);
  tcb_channel *theirs = u->channel;                      /* the thread's reference, given back here when it does not start */
  lua_State *T = luaL_newstate();
  if (T) {
    lua_pushcfunction(T, prepare);
    lua_pushlightuserdata(T, &from);
  }
  if (T == NULL || lua_pcall(T, 1, 0, 0) != 0) {
    tcb_channel_release(theirs);
    return fail_state(L, T, "cannot start a thread");
  }
  lua_pushcfunction(T, with_traceback);
  lua_pushcfunction(T, body);
  lua_pushstring(T, module);
  lua_pushstring(T, function);
  copy_arguments(L, 3, T);
  lua_pushlightuserdata(T, u->channel);
  if (start(u, T, &err)) return 1;
  lua_close(T);
  tcb_channel_release(theirs);
  return l_fail(L, &err);
}

static int thread_send(lua_State *L) {                   /* (text) -> true | nil, err */
  size_t len;
  thread_ud *u = check_thread(L);
  const char *text = luaL_checklstring(L, 2, &len);
  tcb_err err;
  if (tcb_channel_send(u->channel, TCB_SIDE_OWNER, text, len, &err) != TCB_OK) return l_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}

/* (timeout_s?) -> text | nil: nothing yet, or ended; 0 by default, negative: for ever */
static int thread_receive(lua_State *L) {
  return l_httpd_receive(L, check_thread(L)->channel, TCB_SIDE_OWNER);
}

static int thread_fd(lua_State *L) {                     /* () -> descriptor, readable when a text waits or the thread has ended */
  l_pushint(L, tcb_channel_fd(check_thread(L)->channel, TCB_SIDE_OWNER));
  return 1;
}

static int thread_ended(lua_State *L) {                  /* () -> boolean: its function has returned or failed (the text says why) */
  lua_pushboolean(L, tcb_channel_is_finished(check_thread(L)->channel, TCB_SIDE_OWNER));
  return 1;
}

static int thread_close(lua_State *L) {                  /* asks it to stop and waits for its end -> true when it ended well */
  thread_ud *u = luaL_checkudata(L, 1, THREAD);
  tcb_channel *c = u->channel;
  if (c && u->is_running) {
    tcb_channel_finish(c, TCB_SIDE_OWNER);
    pthread_join(u->thread, NULL);
    u->is_running = 0;
  }
  u->channel = NULL;
  tcb_channel_release(c);
  lua_pushboolean(L, !u->failed);
  return 1;
}

static int thread_tostring(lua_State *L) {
  thread_ud *u = luaL_checkudata(L, 1, THREAD);
  int ended = u->channel == NULL || tcb_channel_is_finished(u->channel, TCB_SIDE_OWNER);
  lua_pushstring(L, u->channel == NULL ? THREAD " (closed)" : ended ? THREAD " (ended)" : THREAD " (running)");
  return 1;
}

static const luaL_Reg methods[] = {
  {"send", thread_send}, {"receive", thread_receive}, {"fd", thread_fd}, {"ended", thread_ended}, {"close", thread_close}, {NULL, NULL}
};
static const luaL_Reg meta[] = {
  {"__gc", thread_close}, {"__close", thread_close}, {"__tostring", thread_tostring}, {NULL, NULL}
};

void l_httpd_thread_register(lua_State *L) {             /* module table on top, left on top */
  l_newclass(L, THREAD, methods, meta);
  lua_pushcfunction(L, thread_new);
  lua_setfield(L, -2, "thread");
}
