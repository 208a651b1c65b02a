/* bind/sha256.c: Lua face of SHA-256. */
#include "bind/core_open.h"

#include "core/sha256.h"

static int sha256(lua_State *L) {                        /* (bytes, portable?) -> 64 hex digits; portable: as on other machines */
  size_t len;
  const char *bytes = l_checkbytes(L, 1, &len);
  unsigned char digest[32];
  char hex[64];
  tcb_sha256_with(lua_toboolean(L, 2) ? tcb_sha256_portable() : tcb_sha256_best(), bytes, len, digest);
  tcb_hex(digest, sizeof digest, hex);
  lua_pushlstring(L, hex, sizeof hex);
  return 1;
}

void l_sha256_register(lua_State *L) {                   /* module table on top, left on top */
  lua_pushcfunction(L, sha256);
  lua_setfield(L, -2, "sha256");
}
