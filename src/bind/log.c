/* bind/log.c: Lua face of redaction and the log. */
#include "bind/core_open.h"

#include "core/redact.h"
#include "io/file.h"

static const char *const levels[] = { "error", "warn", "info", "debug", "trace", NULL };

static int log_level(lua_State *L) {                     /* (name?) -> name; sets where given, and sends lines to stderr */
  tcb_ctx *ctx = l_ctx(L);
  if (!lua_isnoneornil(L, 1)) ctx->log_level = (tcb_log_level)luaL_checkoption(L, 1, NULL, levels);
  lua_pushstring(L, levels[ctx->log_level]);
  return 1;
}

static int log_format(lua_State *L) {                    /* ("text" | "json"): of the lines on stderr */
  static const char *const formats[] = { "text", "json", NULL };
  tcb_ctx *ctx = l_ctx(L);
  ctx->log_sink = luaL_checkoption(L, 1, NULL, formats) ? tcb_file_log_sink_json : tcb_file_log_sink;
  ctx->log_ud = ctx;
  return 0;
}

static int log_write(lua_State *L) {                     /* (level, text) */
  tcb_log_level level = (tcb_log_level)luaL_checkoption(L, 1, NULL, levels);
  tcb_log(l_ctx(L), level, "%s", luaL_checkstring(L, 2));
  return 0;
}

static int log_enabled(lua_State *L) {                   /* (level) -> boolean: is a line of this level made at all */
  tcb_ctx *ctx = l_ctx(L);
  lua_pushboolean(L, ctx->log_sink && (tcb_log_level)luaL_checkoption(L, 1, NULL, levels) <= ctx->log_level);
  return 1;
}

static int log_redact(lua_State *L) {                    /* (text) -> text without secrets and whole phone numbers */
  size_t len;
  const char *text = luaL_checklstring(L, 1, &len);
  tcb_buf *out = l_newbuf(L);
  tcb_err err;
  if (tcb_redact(l_ctx(L), text, len, out, &err) != TCB_OK) return l_fail(L, &err);
  lua_pushlstring(L, out->data ? out->data : "", out->len);
  tcb_buf_free(out);
  return 1;
}

static int log_secret(lua_State *L) {                    /* (text): registers a secret */
  size_t len;
  const char *text = luaL_checklstring(L, 1, &len);
  tcb_err err;
  if (tcb_secret_add(l_ctx(L), text, len, &err) != TCB_OK) return l_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}

static int log_mask(lua_State *L) {                      /* (digits) -> "91******7890" */
  size_t len;
  const char *digits = luaL_checklstring(L, 1, &len);
  char out[16];
  tcb_mask(digits, len, out);
  lua_pushstring(L, out);
  return 1;
}

static const luaL_Reg functions[] = {
  {"level", log_level}, {"format", log_format}, {"write", log_write}, {"enabled", log_enabled}, {"redact", log_redact}, {"secret", log_secret},
  {"mask", log_mask}, {NULL, NULL}
};

void l_log_register(lua_State *L) {                      /* module table on top, left on top */
  l_ctx(L)->log_sink = tcb_file_log_sink;
  lua_createtable(L, 0, 6);
  l_setfuncs(L, functions);
  lua_setfield(L, -2, "log");
}
