/* bind/phone.c: Lua face of phone numbers. */
#include "bind/core_open.h"

#include "core/phone.h"
#include "core/redact.h"

static int phone_parse(lua_State *L) {                   /* (text, country?) -> digits | nil, err */
  size_t len, n;
  const char *text = luaL_checklstring(L, 1, &len);
  const char *country = luaL_optstring(L, 2, "");
  char digits[16], all[24], masked[16];
  luaL_argcheck(L, strlen(country) <= 3 && strspn(country, "0123456789") == strlen(country), 2, "a country code has 1 to 3 digits");
  tcb_why why = tcb_phone_parse(text, len, country, digits, &n);
  if (why == TCB_WHY_NONE) {
    lua_pushlstring(L, digits, n);
    return 1;
  }
  n = 0;
  for (size_t i = 0; i < len && n < sizeof all; i++)
    if (text[i] >= '0' && text[i] <= '9') all[n++] = text[i];
  tcb_mask(all, n, masked);
  tcb_err err;
  if (n > 0) tcb_fail(&err, TCB_E_INPUT, "phone number %s %s", masked, tcb_why_text(why));
  else tcb_fail(&err, TCB_E_INPUT, "phone number %s", tcb_why_text(why));
  return l_fail(L, &err);
}

static int phone_mask(lua_State *L) {                    /* (digits) -> "91******7890" */
  size_t len;
  const char *digits = luaL_checklstring(L, 1, &len);
  char out[16];
  if (len > 0 && digits[0] == '+') digits++, len--;
  tcb_mask(digits, len, out);
  lua_pushstring(L, out);
  return 1;
}

static const luaL_Reg functions[] = { {"parse", phone_parse}, {"mask", phone_mask}, {NULL, NULL} };

void l_phone_register(lua_State *L) {                    /* module table on top, left on top */
  lua_createtable(L, 0, 2);
  l_setfuncs(L, functions);
  lua_setfield(L, -2, "phone");
}
