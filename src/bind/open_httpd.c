/* bind/open_httpd.c: the luaopen_ of tcb.httpd, which is linked with libmicrohttpd. */
#include "bind/httpd_open.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT int luaopen_tcb_httpd(lua_State *L);

EXPORT int luaopen_tcb_httpd(lua_State *L) {
  l_ctx_need(L, "tcb.httpd");
  lua_createtable(L, 0, 4);
  l_httpd_request_register(L);
  l_httpd_server_register(L);
  l_httpd_port_register(L);
  l_httpd_thread_register(L);
  return 1;
}
