/* bind/zone.c: Lua face of a time zone. */
#include "bind/zone.h"

#include "bind/core_open.h"
#include "core/instant.h"
#include "io/zone.h"

typedef struct { tcb_zone *core; } zone_ud;

static tcb_zone *check_zone(lua_State *L, int arg) {
  zone_ud *u = luaL_checkudata(L, arg, L_ZONE);
  luaL_argcheck(L, u->core != NULL, arg, "zone is closed");
  return u->core;
}

const tcb_zone *l_optzone(lua_State *L, int arg) {
  return lua_isnoneornil(L, arg) ? NULL : check_zone(L, arg);
}

static int zone_new(lua_State *L) {                      /* (name) -> zone | nil, err */
  const char *name = luaL_checkstring(L, 1);
  tcb_err err;
  zone_ud *u = l_newuserdata(L, sizeof *u);
  u->core = NULL;
  luaL_getmetatable(L, L_ZONE);
  lua_setmetatable(L, -2);
  return tcb_zone_load(&u->core, l_ctx(L), name, &err) == TCB_OK ? 1 : l_fail(L, &err);
}

static int zone_offset(lua_State *L) {                   /* (ms) -> seconds east of UTC at that instant */
  int64_t ms = l_checkint(L, 2);
  l_pushint(L, tcb_zone_offset(check_zone(L, 1), ms / 1000 - (ms % 1000 < 0)));
  return 1;
}

static int zone_instant(lua_State *L) {                  /* (year, month, day, second of the day?) -> ms */
  const tcb_zone *zone = check_zone(L, 1);
  int64_t days = tcb_days_of(l_checkrange(L, 2, 1, 9999), (int)l_checkrange(L, 3, 1, 12), 1) + l_checkrange(L, 4, -100000, 100000) - 1;
  l_pushint(L, tcb_zone_instant(zone, days * 86400 + l_optint(L, 5, 0)) * 1000);
  return 1;
}

static int zone_date(lua_State *L) {                     /* (ms) -> year, month, day, second of the day */
  const tcb_zone *zone = check_zone(L, 1);
  int64_t ms = l_checkint(L, 2), s = ms / 1000 - (ms % 1000 < 0), year;
  int month, day;
  s += tcb_zone_offset(zone, s);
  int64_t days = (s >= 0 ? s : s - 86399) / 86400;
  tcb_date_of(days, &year, &month, &day);
  l_pushint(L, year), l_pushint(L, month), l_pushint(L, day), l_pushint(L, s - days * 86400);
  return 4;
}

static int zone_close(lua_State *L) {
  zone_ud *u = luaL_checkudata(L, 1, L_ZONE);
  tcb_zone *core = u->core;
  u->core = NULL;
  tcb_zone_free(core);
  return 0;
}

static int zone_tostring(lua_State *L) {
  zone_ud *u = luaL_checkudata(L, 1, L_ZONE);
  if (u->core) lua_pushfstring(L, "tcb.zone %s", tcb_zone_name(u->core));
  else lua_pushliteral(L, "tcb.zone (closed)");
  return 1;
}

/* Whether `text` may be shown: a column mapped by mistake may hold phone numbers. */
static int is_showable(const char *text, size_t len) {
  size_t run = 0;
  for (size_t i = 0; i < len; i++) {
    run = text[i] >= '0' && text[i] <= '9' ? run + 1 : 0;
    if (run > 7) return 0;
  }
  return len <= 40;
}

static int instant_parse(lua_State *L) {                 /* (text, zone?) -> ms | nil, err */
  size_t len;
  const char *text = luaL_checklstring(L, 1, &len);
  int64_t ms = 0;
  tcb_err err;
  tcb_why why = tcb_instant_parse(text, len, l_optzone(L, 2), &ms);
  if (why != TCB_WHY_NONE) {
    if (is_showable(text, len)) tcb_fail(&err, TCB_E_INPUT, "instant '%s' %s", text, tcb_why_text(why));
    else tcb_fail(&err, TCB_E_INPUT, "instant %s", tcb_why_text(why));
    return l_fail(L, &err);
  }
  l_pushint(L, ms);
  return 1;
}

static int instant_format(lua_State *L) {                /* (ms, zone?) -> ISO 8601 text; UTC without a zone */
  char out[40];
  tcb_instant_format(l_checkrange(L, 1, -62135596800000, 253402300799999), l_optzone(L, 2), out);
  lua_pushstring(L, out);
  return 1;
}

static const luaL_Reg methods[] = {
  {"offset", zone_offset}, {"instant", zone_instant}, {"date", zone_date}, {"close", zone_close}, {NULL, NULL}
};
static const luaL_Reg meta[] = { {"__gc", zone_close}, {"__close", zone_close}, {"__tostring", zone_tostring}, {NULL, NULL} };
static const luaL_Reg functions[] = { {"parse", instant_parse}, {"format", instant_format}, {"zone", zone_new}, {NULL, NULL} };

void l_zone_register(lua_State *L) {                     /* module table on top, left on top */
  l_newclass(L, L_ZONE, methods, meta);
  lua_createtable(L, 0, 3);
  l_setfuncs(L, functions);
  lua_setfield(L, -2, "instant");
}
