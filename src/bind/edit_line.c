/* bind/edit_line.c: Lua face of the line editor. The userdata owns the terminal's mode until it is closed. */
#include "bind/edit_open.h"

#include "io/edit_line.h"

#define EDIT "tcb.edit"
typedef struct { tcb_edit *core; } edit_ud;              /* NULL: not open yet, or closed */

static tcb_edit *check_edit(lua_State *L, int arg) {
  edit_ud *u = luaL_checkudata(L, arg, EDIT);
  luaL_argcheck(L, u->core != NULL, arg, "the line editor is closed");
  return u->core;
}

static int edit_new(lua_State *L) {                      /* () -> editor | nil, err */
  edit_ud *u = l_newuserdata(L, sizeof *u);
  u->core = NULL;
  luaL_getmetatable(L, EDIT);
  lua_setmetatable(L, -2);
  tcb_err err;
  return tcb_edit_open(&u->core, l_ctx(L), &err) == TCB_OK ? 1 : l_fail(L, &err);
}

static int edit_read(lua_State *L) {                     /* (prompt) -> "line" | "tab" | "interrupt" | "end", text, cursor | nil, err */
  static const char *const names[] = { "line", "tab", "interrupt", "end" };
  tcb_edit *e = check_edit(L, 1);
  const char *prompt = luaL_checkstring(L, 2);
  tcb_buf *line = l_newbuf(L);
  tcb_edit_event event = TCB_EDIT_END;
  size_t cursor = 0;
  tcb_err err;
  if (tcb_edit_read(e, prompt, &event, line, &cursor, &err) != TCB_OK) return l_fail(L, &err);
  lua_pushstring(L, names[event]);
  lua_pushlstring(L, line->data ? line->data : "", line->len);
  l_pushint(L, cursor);
  tcb_buf_free(line);
  return 3;
}

static int edit_insert(lua_State *L) {                   /* (text, drop?): at the cursor, after "tab" */
  tcb_edit *e = check_edit(L, 1);
  const char *text = luaL_checkstring(L, 2);
  tcb_edit_insert(e, text, (int)l_optint(L, 3, 0));
  return 0;
}

static int edit_redraw(lua_State *L) {
  tcb_edit_redraw(check_edit(L, 1));
  return 0;
}

static int edit_remember(lua_State *L) {                 /* (line): for the arrow keys */
  tcb_edit *e = check_edit(L, 1);
  tcb_edit_remember(e, luaL_checkstring(L, 2));
  return 0;
}

static int edit_close(lua_State *L) {                    /* close, __gc and __close; harmless when repeated */
  edit_ud *u = luaL_checkudata(L, 1, EDIT);
  tcb_edit *core = u->core;
  u->core = NULL;
  tcb_edit_free(core);
  return 0;
}

static int edit_tostring(lua_State *L) {
  edit_ud *u = luaL_checkudata(L, 1, EDIT);
  lua_pushfstring(L, "tcb.edit (%s)", u->core ? "open" : "closed");
  return 1;
}

static const luaL_Reg methods[] = {
  {"read", edit_read}, {"insert", edit_insert}, {"redraw", edit_redraw}, {"remember", edit_remember}, {"close", edit_close}, {NULL, NULL}
};
static const luaL_Reg meta[] = { {"__gc", edit_close}, {"__close", edit_close}, {"__tostring", edit_tostring}, {NULL, NULL} };

void l_edit_line_register(lua_State *L) {                /* module table on top, left on top */
  l_newclass(L, EDIT, methods, meta);
  lua_pushcfunction(L, edit_new);
  lua_setfield(L, -2, "open");
}
