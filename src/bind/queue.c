/* bind/queue.c: Lua face of the queue that fills a reader: records as lines of NDJSON. */
#include "bind/queue.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bind/reader.h"
#include "core/reader_queue.h"
#include "core/record.h"

#define QUEUE "tcb.queue"
#define MEMBERS_MAX 256

typedef struct {
  tcb_reader *core;                 /* NULL: finished */
  tcb_buf line;
} queue_ud;

int l_queue_new(lua_State *L) {
  tcb_ctx *ctx = l_ctx(L);
  reader_ud *u = l_newreader(L);
  queue_ud *queue = l_newuserdata(L, sizeof *queue);
  queue->core = NULL;
  tcb_buf_init(&queue->line, ctx);
  luaL_getmetatable(L, QUEUE);
  lua_setmetatable(L, -2);
  tcb_err err;
  if (tcb_reader_queue(&u->core, ctx, &err) != TCB_OK) return l_fail(L, &err);
  queue->core = u->core;
  return 2;
}

static queue_ud *check_queue(lua_State *L, int arg) {
  queue_ud *u = luaL_checkudata(L, arg, QUEUE);
  luaL_argcheck(L, u->core != NULL, arg, "queue is closed");
  return u;
}

static int queue_push(lua_State *L) {                    /* (bytes) -> true | nil, err */
  queue_ud *u = check_queue(L, 1);
  size_t len;
  const char *bytes = l_checkbytes(L, 2, &len);
  tcb_err err;
  if (tcb_queue_push(u->core, bytes, len, &err) != TCB_OK) return l_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}

static int by_text(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Keys of the table at 2 whose values are strings, numbers or booleans, in order: the same record gives the same line every time. */
static int sorted_keys(lua_State *L, const char *keys[MEMBERS_MAX]) {
  int n = 0;
  for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) {
    int type = lua_type(L, -1);
    if (lua_type(L, -2) != LUA_TSTRING || (type != LUA_TSTRING && type != LUA_TNUMBER && type != LUA_TBOOLEAN)) continue;
    if (n == MEMBERS_MAX) return luaL_argerror(L, 2, "a record has at most 256 members");
    keys[n++] = lua_tostring(L, -2);
  }
  qsort(keys, (size_t)n, sizeof *keys, by_text);
  return n;
}

static tcb_status add_value(lua_State *L, tcb_buf *line, tcb_err *err) {       /* the value on top */
  size_t len;
  if (lua_type(L, -1) == LUA_TBOOLEAN) return tcb_buf_addf(line, err, "%s", lua_toboolean(L, -1) ? "true" : "false");
  if (lua_type(L, -1) == LUA_TNUMBER) {
    lua_Number n = lua_tonumber(L, -1);
    if (n == floor(n) && fabs(n) < 9e15) return tcb_buf_addf(line, err, "%lld", (long long)n);
    return isfinite(n) ? tcb_buf_addf(line, err, "%.17g", (double)n) : tcb_buf_addf(line, err, "null");
  }
  const char *text = lua_tolstring(L, -1, &len);
  return tcb_json_text(text, len, line, err);
}

static int queue_add(lua_State *L) {                     /* (record) -> true | nil, err: as one line of NDJSON */
  queue_ud *u = check_queue(L, 1);
  const char *keys[MEMBERS_MAX] = { NULL };
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  int n = sorted_keys(L, keys);
  tcb_buf *line = &u->line;
  tcb_err err;
  line->len = 0;
  tcb_status status = TCB_OK;
  for (int i = 0; i < n && status == TCB_OK; i++) {
    lua_getfield(L, 2, keys[i]);
    status = tcb_buf_add(line, i ? "," : "{", 1, &err);
    if (status == TCB_OK) status = tcb_json_text(keys[i], strlen(keys[i]), line, &err);
    if (status == TCB_OK) status = tcb_buf_add(line, ":", 1, &err);
    if (status == TCB_OK) status = add_value(L, line, &err);
    lua_pop(L, 1);
  }
  if (status == TCB_OK) status = n ? tcb_buf_add(line, "}\n", 2, &err) : tcb_buf_add(line, "{}\n", 3, &err);
  if (status == TCB_OK) status = tcb_queue_push(u->core, line->data, line->len, &err);
  if (status != TCB_OK) return l_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}

static int queue_close(lua_State *L) {                   /* nothing comes any more; also __gc; harmless when repeated */
  queue_ud *u = luaL_checkudata(L, 1, QUEUE);
  tcb_reader *core = u->core;
  u->core = NULL;
  tcb_buf_free(&u->line);
  if (core) tcb_queue_finish(core), tcb_reader_free(core);
  return 0;
}

static const luaL_Reg methods[] = { {"push", queue_push}, {"add", queue_add}, {"close", queue_close}, {NULL, NULL} };
static const luaL_Reg meta[] = { {"__gc", queue_close}, {"__close", queue_close}, {NULL, NULL} };

void l_queue_register(lua_State *L) {
  l_newclass(L, QUEUE, methods, meta);
}
