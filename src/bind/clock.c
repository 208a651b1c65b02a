/* bind/clock.c: Lua face of the one clock of this lua_State. Instants in ms, monotonic time in seconds. */
#include "bind/core_open.h"

static const tcb_clock *known_clock(lua_State *L) {      /* of the two that are asked all the time: found beforehand */
  return lua_touserdata(L, lua_upvalueindex(1));
}

static int clock_now(lua_State *L) {                     /* () -> epoch ms */
  l_pushint(L, tcb_clock_now_ms(known_clock(L)));
  return 1;
}

static int clock_mono(lua_State *L) {                    /* () -> microseconds; only differences mean anything */
  l_pushint(L, tcb_clock_mono_us(known_clock(L)));
  return 1;
}

static int clock_shift(lua_State *L) {                   /* (ms?) -> ms: sets and tells how far the wall clock is shifted */
  tcb_clock *c = &l_ctx(L)->clock;
  if (!lua_isnoneornil(L, 1)) c->shift_ms = l_checkint(L, 1);
  l_pushint(L, c->shift_ms);
  return 1;
}

static int clock_virtual(lua_State *L) {                 /* (at_ms): time stands still from here on; (false): real again */
  tcb_clock *c = &l_ctx(L)->clock;
  if (lua_isboolean(L, 1)) c->is_virtual = 0;
  else if (!lua_isnoneornil(L, 1)) tcb_clock_make_virtual(c, l_checkint(L, 1));
  lua_pushboolean(L, c->is_virtual);
  return 1;
}

static int clock_advance(lua_State *L) {                 /* (us): moves a virtual clock, shifts a real one */
  tcb_clock_advance(&l_ctx(L)->clock, l_checkint(L, 1));
  return 0;
}

static const luaL_Reg functions[] = {
  {"shift", clock_shift}, {"virtual", clock_virtual}, {"advance", clock_advance},
  {NULL, NULL}
};

void l_clock_register(lua_State *L) {                    /* module table on top, left on top */
  lua_createtable(L, 0, 5);
  l_setfuncs(L, functions);
  lua_pushlightuserdata(L, &l_ctx(L)->clock);            /* the context lives as long as the state */
  lua_pushvalue(L, -1);
  lua_pushcclosure(L, clock_now, 1);
  lua_setfield(L, -3, "now");
  lua_pushcclosure(L, clock_mono, 1);
  lua_setfield(L, -2, "mono");
  lua_setfield(L, -2, "clock");
}
