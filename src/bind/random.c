/* bind/random.c: random numbers of our own, so that the application's math.random is left alone. SplitMix64. */
#include "bind/core_open.h"

#include "io/host.h"

static int random_next(lua_State *L) {                   /* (seed?) -> number in [0, 1); a whole number as seed starts over */
  uint64_t *state = lua_touserdata(L, lua_upvalueindex(1));
  if (!lua_isnoneornil(L, 1)) *state = (uint64_t)l_checkint(L, 1);
  uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  z ^= z >> 31;
  lua_pushnumber(L, (lua_Number)(z >> 11) / 9007199254740992.0);
  return 1;
}

void l_random_register(lua_State *L) {                   /* module table on top, left on top */
  uint64_t *state = l_newuserdata(L, sizeof *state);
  if (!tcb_host_random(state, sizeof *state)) *state = (uint64_t)tcb_clock_mono_us(&l_ctx(L)->clock);
  lua_pushcclosure(L, random_next, 1);
  lua_setfield(L, -2, "random");
}
