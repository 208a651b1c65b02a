/* bind/l_bind.h: what every binding file uses: the shared context, classes, strict arguments, buffers, errors. */
#ifndef TCB_L_BIND_H
#define TCB_L_BIND_H

#include "bind/compat.h"
#include "core/buf.h"
#include "core/ctx.h"
#include "core/err.h"

/* The context of this lua_State. Raises when tcb.core was not loaded first, or is of another build (names both paths). */
tcb_ctx *l_ctx(lua_State *L);
/* tcb.core only: makes the context (idempotent). `self` is this module's path, for the message above. */
void l_ctx_open(lua_State *L);
int l_ctx_exists(lua_State *L);
/* Every other module calls this first in its luaopen_: requires tcb.core, checks the build, returns the context. */
tcb_ctx *l_ctx_need(lua_State *L, const char *module);

/* A metatable `name` with __name, __index = methods, and `meta`; leaves nothing on the stack. */
void l_newclass(lua_State *L, const char *name, const luaL_Reg *methods, const luaL_Reg *meta);
/* Sets the functions of `list` in the table on top. */
void l_setfuncs(lua_State *L, const luaL_Reg *list);

/* Pushes nil and an error object made by tcb.errors out of `err`; always returns 2. */
int l_fail(lua_State *L, const tcb_err *err);

/* A number that is integral and within +-2^53, on every ABI; else an argument error. */
int64_t l_checkint(lua_State *L, int arg);
int64_t l_optint(lua_State *L, int arg, int64_t otherwise);
int64_t l_checkrange(lua_State *L, int arg, int64_t low, int64_t high);
/* Fields of the option table at `arg`; a wrong type raises an argument error that names the field. */
int64_t l_fieldint(lua_State *L, int arg, const char *field, int64_t otherwise);
int l_fieldbool(lua_State *L, int arg, const char *field, int otherwise);
/* NULL when absent. The string lives as long as the table holds it. */
const char *l_fieldstring(lua_State *L, int arg, const char *field, size_t *len);

/* Pushes an integer; beyond 2^53 a string, so that no digit is lost. */
void l_pushint64(lua_State *L, int64_t n);

#define L_BUF "tcb.buf"
/* A new empty tcb.buf userdata on the stack; its __gc frees the bytes. */
tcb_buf *l_newbuf(lua_State *L);
tcb_buf *l_checkbuf(lua_State *L, int arg);
/* The bytes of a string or of a tcb.buf. */
const char *l_checkbytes(lua_State *L, int arg, size_t *len);
/* Sets a function in the table on top that has a buffer of its own, and inside it that buffer, empty: for bytes that end as a string. */
void l_setscratch(lua_State *L, const char *name, lua_CFunction fn);
tcb_buf *l_scratch(lua_State *L);
/* tcb.core only. */
void l_buf_register(lua_State *L);

#endif
