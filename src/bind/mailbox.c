/* bind/mailbox.c: a worker thread's own face of its mailbox. The worker's owner owns the mailbox. */
#include "bind/mailbox.h"

#include "bind/core_open.h"

#define MAILBOX "tcb.mailbox"
typedef struct { tcb_mailbox *core; } mailbox_ud;

static tcb_mailbox *check_mailbox(lua_State *L) { return ((mailbox_ud *)luaL_checkudata(L, 1, MAILBOX))->core; }

void l_mailbox_push(lua_State *L, tcb_mailbox *m) {
  mailbox_ud *u = l_newuserdata(L, sizeof *u);
  u->core = m;
  luaL_getmetatable(L, MAILBOX);
  lua_setmetatable(L, -2);
}

static int mailbox_fd(lua_State *L) {                    /* () -> descriptor: readable when there is a question, or at the end */
  l_pushint(L, tcb_mailbox_fd(check_mailbox(L)));
  return 1;
}

static int mailbox_take(lua_State *L) {                  /* () -> text | nil: none | nil, err */
  tcb_mailbox *m = check_mailbox(L);
  tcb_buf *b = l_newbuf(L);
  tcb_err err;
  tcb_status status = tcb_mailbox_take(m, b, &err);
  if (status == TCB_NOT_FOUND) return lua_pushnil(L), 1;
  if (status != TCB_OK) return l_fail(L, &err);
  lua_pushlstring(L, b->data ? b->data : "", b->len);
  return 1;
}

static int mailbox_answer(lua_State *L) {                /* (bytes) */
  tcb_mailbox *m = check_mailbox(L);
  size_t len;
  const char *text = l_checkbytes(L, 2, &len);
  tcb_mailbox_answer(m, text, len);
  return 0;
}

static int mailbox_is_stopping(lua_State *L) {
  lua_pushboolean(L, tcb_mailbox_is_stopping(check_mailbox(L)));
  return 1;
}

static int mailbox_tostring(lua_State *L) {
  lua_pushliteral(L, "tcb.mailbox");
  return 1;
}

static const luaL_Reg methods[] = {
  {"fd", mailbox_fd}, {"take", mailbox_take}, {"answer", mailbox_answer}, {"is_stopping", mailbox_is_stopping}, {NULL, NULL}
};
static const luaL_Reg meta[] = { {"__tostring", mailbox_tostring}, {NULL, NULL} };

void l_mailbox_register(lua_State *L) {                  /* module table on top, left on top */
  l_newclass(L, MAILBOX, methods, meta);
}
