/* bind/httpd_port.c: the thread's own end of its channel, given to its function. The thread's reference outlives its state. */
#include "bind/httpd_open.h"

#include <math.h>
#include <stdlib.h>

#define PORT "tcb.httpd.port"
typedef struct { tcb_channel *channel; } port_ud;       /* the thread's own, never NULL */

static tcb_channel *check_port(lua_State *L) {
  return ((port_ud *)luaL_checkudata(L, 1, PORT))->channel;
}

void l_httpd_port_new(lua_State *L, tcb_channel *channel) {
  port_ud *u = l_newuserdata(L, sizeof *u);
  u->channel = channel;
  luaL_getmetatable(L, PORT);
  lua_setmetatable(L, -2);
}

static int push_text(lua_State *L) {
  lua_pushlstring(L, lua_touserdata(L, 1), *(const size_t *)lua_touserdata(L, 2));
  return 1;
}

int l_httpd_receive(lua_State *L, tcb_channel *c, tcb_channel_side side) {
  double wait_s = luaL_optnumber(L, 2, 0);
  size_t len = 0;
  luaL_checkstack(L, 4, "message");
  char *text = tcb_channel_receive(c, side, wait_s < 0 ? -1 : wait_s > 1e6 ? 1000000000 : (int)ceil(wait_s * 1000), &len);
  if (text == NULL) {
    lua_pushnil(L);
    return 1;
  }
  lua_pushcfunction(L, push_text);
  lua_pushlightuserdata(L, text);
  lua_pushlightuserdata(L, &len);
  int raised = lua_pcall(L, 2, 1, 0);
  free(text);
  return raised ? lua_error(L) : 1;
}

static int port_send(lua_State *L) {                     /* (text) -> true | nil, err */
  size_t len;
  tcb_channel *c = check_port(L);
  const char *text = luaL_checklstring(L, 2, &len);
  tcb_err err;
  if (tcb_channel_send(c, TCB_SIDE_THREAD, text, len, &err) != TCB_OK) return l_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}

static int port_receive(lua_State *L) {                  /* (timeout_s?) -> text | nil: nothing yet, or asked to stop */
  return l_httpd_receive(L, check_port(L), TCB_SIDE_THREAD);
}

static int port_fd(lua_State *L) {                       /* () -> descriptor, readable when a text waits or it is asked to stop */
  l_pushint(L, tcb_channel_fd(check_port(L), TCB_SIDE_THREAD));
  return 1;
}

static int port_stopping(lua_State *L) {                 /* () -> boolean */
  lua_pushboolean(L, tcb_channel_is_finished(check_port(L), TCB_SIDE_THREAD));
  return 1;
}

static int port_tostring(lua_State *L) {
  lua_pushstring(L, tcb_channel_is_finished(check_port(L), TCB_SIDE_THREAD) ? PORT " (stopping)" : PORT " (open)");
  return 1;
}

static const luaL_Reg methods[] = {
  {"send", port_send}, {"receive", port_receive}, {"fd", port_fd}, {"stopping", port_stopping}, {NULL, NULL}
};
static const luaL_Reg meta[] = { {"__tostring", port_tostring}, {NULL, NULL} };

void l_httpd_port_register(lua_State *L) {               /* module table on top, left on top */
  l_newclass(L, PORT, methods, meta);
}
