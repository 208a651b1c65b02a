/* bind/open_curl.c: the luaopen_ of tcb.curl, which binds libcurl. */
#include "bind/curl_open.h"

#include <curl/curl.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT int luaopen_tcb_curl(lua_State *L);

EXPORT int luaopen_tcb_curl(lua_State *L) {
  l_ctx_need(L, "tcb.curl");
  lua_createtable(L, 0, 2);
  lua_pushstring(L, curl_version());
  lua_setfield(L, -2, "version");
  l_engine_register(L);
  return 1;
}
