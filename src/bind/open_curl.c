/* bind/open_curl.c: the luaopen_ of tcb.curl, which binds libcurl. */
#include "bind/curl_open.h"

#include <curl/curl.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT int luaopen_tcb_curl(lua_State *L);

EXPORT int luaopen_tcb_curl(lua_State *L) {
  l_ctx_need(L, "tcb.curl");
  lua_createtable(L, 0, 2);
  /* Not curl_version: that one initialises the LDAP library, which looks the machine's name up and may hang for seconds. */
  lua_pushstring(L, curl_version_info(CURLVERSION_NOW)->version);
  lua_setfield(L, -2, "version");
  l_engine_register(L);
  return 1;
}
