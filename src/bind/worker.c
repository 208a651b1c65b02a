/* bind/worker.c: a Lua module that runs in a thread and a lua_State of its own, so that a caller who blocks does not stop it. The
   userdata owns thread, state and mailbox. The module's function `main(text, mailbox)` runs until mailbox:is_stopping(). */
#include "bind/core_open.h"

#include <lualib.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bind/mailbox.h"

#define WORKER "tcb.worker"

typedef struct {
  lua_State *L;                     /* the worker's; only its thread touches it while that runs */
  tcb_mailbox *mailbox;
  pthread_t thread;
  char *module, *text;              /* malloc: read by the thread */
  size_t text_len;
} worker;
typedef struct { worker *core; } worker_ud;              /* NULL: not started, or closed */

static worker *check_worker(lua_State *L) {
  worker_ud *u = luaL_checkudata(L, 1, WORKER);
  luaL_argcheck(L, u->core != NULL, 1, "worker is closed");
  return u->core;
}

static int run(lua_State *L) {                           /* (worker) in the worker's state, protected */
  worker *w = lua_touserdata(L, 1);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "tcb.core");
  lua_call(L, 1, 0);
  lua_getglobal(L, "require");
  lua_pushstring(L, w->module);
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "main");
  lua_pushlstring(L, w->text, w->text_len);
  l_mailbox_push(L, w->mailbox);
  lua_call(L, 2, 0);
  return 0;
}

static int describe(lua_State *L) {                      /* (error) -> text: error objects have a __tostring */
  lua_getglobal(L, "tostring");
  lua_insert(L, 1);
  lua_call(L, 1, 1);
  return 1;
}

static void *thread_main(void *arg) {
  worker *w = arg;
  lua_State *L = w->L;
  lua_pushcfunction(L, run);
  lua_pushlightuserdata(L, w);
  if (lua_pcall(L, 1, 0, 0) == 0) {
    tcb_mailbox_end(w->mailbox, "it was stopped");
    return NULL;
  }
  lua_pushcfunction(L, describe);
  lua_insert(L, -2);
  const char *text = lua_pcall(L, 1, 1, 0) == 0 ? lua_tostring(L, -1) : NULL;
  tcb_mailbox_end(w->mailbox, text ? text : "it failed");
  return NULL;
}

static void worker_free(worker *w) {
  if (w == NULL) return;
  if (w->L) lua_close(w->L);
  tcb_mailbox_close(w->mailbox);
  free(w->module);
  free(w->text);
  free(w);
}

/* Hands a C function over to another state: only one without upvalues means the same there. */
static int copy_function(lua_State *from, int at, lua_State *to) {
  lua_CFunction f = lua_tocfunction(from, at);
  if (f == NULL || lua_getupvalue(from, at, 1) != NULL) {
    if (f) lua_pop(from, 1);
    return 0;
  }
  lua_pushcfunction(to, f);
  return 1;
}

static int prepare(lua_State *to) {                      /* (parent's state): the worker finds modules where its owner does */
  lua_State *from = lua_touserdata(to, 1);
  static const char *const paths[] = { "path", "cpath" };
  luaL_openlibs(to);
  lua_getglobal(to, "package");
  int package = lua_gettop(to);
  lua_getglobal(from, "package");
  int theirs = lua_gettop(from);
  for (int i = 0; i < 2; i++) {
    lua_getfield(from, theirs, paths[i]);
    lua_pushstring(to, lua_tostring(from, -1));
    lua_setfield(to, package, paths[i]);
  }
  lua_getfield(from, theirs, "preload");
  lua_getfield(to, package, "preload");
  for (lua_pushnil(from); lua_next(from, -2); lua_pop(from, 1)) {
    if (lua_type(from, -2) == LUA_TSTRING && copy_function(from, lua_gettop(from), to)) lua_setfield(to, -2, lua_tostring(from, -2));
  }
  const char *name = LUA_VERSION_NUM == 501 ? "loaders" : "searchers";
  lua_getfield(from, theirs, name);
  lua_getfield(to, package, name);
  int n = (int)l_rawlen(from, -1), own = (int)l_rawlen(to, -1);
  for (int i = 1, at = 2; i <= n; i++) {                 /* the host's own searcher; the standard ones are there already */
    int known = 0;
    lua_rawgeti(from, -1, i);
    for (int k = 1; k <= own; k++) {
      lua_rawgeti(to, -1, k);
      known = known || lua_tocfunction(to, -1) == lua_tocfunction(from, -1);
      lua_pop(to, 1);
    }
    if (!known && copy_function(from, lua_gettop(from), to)) {
      for (int k = own; k >= at; k--) {
        lua_rawgeti(to, -2, k);
        lua_rawseti(to, -3, k + 1);
      }
      lua_rawseti(to, -2, at++);
      own++;
    }
    lua_pop(from, 1);
  }
  return 0;
}

static tcb_status make_state(lua_State *L, worker *w, tcb_err *err) {
  int top = lua_gettop(L);
  w->L = luaL_newstate();
  if (w->L == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory for a Lua state");
  lua_pushcfunction(w->L, prepare);
  lua_pushlightuserdata(w->L, L);
  int failed = lua_pcall(w->L, 1, 0, 0);
  lua_settop(L, top);
  return failed ? tcb_fail(err, TCB_E_MEMORY, "cannot prepare a Lua state: %s", lua_tostring(w->L, -1)) : TCB_OK;
}

static tcb_status start_thread(worker *w, tcb_err *err) {
  sigset_t all, before;
  sigfillset(&all);                                      /* signals belong to the program's own threads */
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failed = pthread_create(&w->thread, NULL, thread_main, w);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return failed ? tcb_fail(err, TCB_E_MEMORY, "cannot start a thread: %s", strerror(failed)) : TCB_OK;
}

static char *copy_text(const char *text, size_t len) {
  char *copy = malloc(len + 1);
  if (copy) memcpy(copy, text, len), copy[len] = '\0';
  return copy;
}

static int worker_new(lua_State *L) {                    /* (module, text) -> worker, its first answer | nil, err */
  size_t module_len, len;
  const char *module = luaL_checklstring(L, 1, &module_len), *text = luaL_checklstring(L, 2, &len);
  tcb_err err;
  worker_ud *u = l_newuserdata(L, sizeof *u);
  u->core = NULL;
  luaL_getmetatable(L, WORKER);
  lua_setmetatable(L, -2);
  tcb_buf *answer = l_newbuf(L);
  luaL_checkstack(L, 20, "too many values");
  worker *w = calloc(1, sizeof *w);
  if (w) w->module = copy_text(module, module_len), w->text = copy_text(text, len), w->text_len = len;
  if (w == NULL || w->module == NULL || w->text == NULL) {
    worker_free(w);
    tcb_fail(&err, TCB_E_MEMORY, "not enough memory for a thread");
    return l_fail(L, &err);
  }
  if (tcb_mailbox_open(&w->mailbox, &err) != TCB_OK || make_state(L, w, &err) != TCB_OK || start_thread(w, &err) != TCB_OK) {
    worker_free(w);
    return l_fail(L, &err);
  }
  u->core = w;
  if (tcb_mailbox_wait_ready(w->mailbox, answer, &err) != TCB_OK) return l_fail(L, &err);
  lua_pushvalue(L, -2);
  lua_pushlstring(L, answer->data ? answer->data : "", answer->len);
  return 2;
}

static int worker_ask(lua_State *L) {                    /* (text) -> text | nil, err: it has ended */
  worker *w = check_worker(L);
  size_t len;
  const char *text = luaL_checklstring(L, 2, &len);
  tcb_err err;
  tcb_buf *answer = l_newbuf(L);
  if (tcb_mailbox_ask(w->mailbox, text, len, answer, &err) != TCB_OK) return l_fail(L, &err);
  lua_pushlstring(L, answer->data ? answer->data : "", answer->len);
  return 1;
}

static int worker_close(lua_State *L) {                  /* ends the thread and waits for it; harmless when repeated */
  worker_ud *u = luaL_checkudata(L, 1, WORKER);
  worker *w = u->core;
  u->core = NULL;
  if (w == NULL) return 0;
  tcb_mailbox_stop(w->mailbox);
  pthread_join(w->thread, NULL);
  worker_free(w);
  return 0;
}

static int worker_tostring(lua_State *L) {
  worker_ud *u = luaL_checkudata(L, 1, WORKER);
  lua_pushfstring(L, "tcb.worker (%s)", u->core ? u->core->module : "closed");
  return 1;
}

static const luaL_Reg methods[] = { {"ask", worker_ask}, {"close", worker_close}, {NULL, NULL} };
static const luaL_Reg meta[] = {
  {"__gc", worker_close}, {"__close", worker_close}, {"__tostring", worker_tostring}, {NULL, NULL}
};

void l_worker_register(lua_State *L) {                   /* module table on top, left on top */
  l_newclass(L, WORKER, methods, meta);
  lua_pushcfunction(L, worker_new);
  lua_setfield(L, -2, "worker");
}
