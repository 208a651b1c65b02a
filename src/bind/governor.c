/* bind/governor.c: Lua face of tcb_gov. Time comes from the clock of this lua_State; instants are in microseconds. */
#include "bind/core_open.h"

#include <string.h>

#include "core/governor.h"
#include "io/host.h"

#define GOVERNOR "tcb.governor"

static const char *const lanes[] = { "push", "personalise", NULL };

typedef struct {
  tcb_ctx *ctx;
  char boot[16];
  tcb_gov gov;                      /* last: its slots stand behind it */
} governor_ud;

static governor_ud *check_governor(lua_State *L, int arg) { return luaL_checkudata(L, arg, GOVERNOR); }
static int64_t mono_us(const governor_ud *u) { return tcb_clock_mono_us(&u->ctx->clock); }

static tcb_gov_now host_now(const governor_ud *u) {      /* not shifted: every process of the host must agree */
  int64_t shift_ms = u->ctx->clock.is_virtual ? 0 : u->ctx->clock.shift_ms;
  tcb_gov_now now = { mono_us(u), tcb_clock_now_ms(&u->ctx->clock) - shift_ms, {0} };
  if (u->ctx->clock.is_virtual) memset(now.boot, 'v', sizeof now.boot);   /* its monotonic time is of another kind */
  else memcpy(now.boot, u->boot, sizeof now.boot);
  return now;
}

static tcb_lane_name check_lane(lua_State *L, int arg) { /* nil: a call without a limit */
  return lua_isnoneornil(L, arg) ? TCB_LANE_NONE : (tcb_lane_name)luaL_checkoption(L, arg, NULL, lanes);
}

static tcb_limit read_limit(lua_State *L, const char *name, int64_t most) {
  tcb_limit limit = { 0, 0 };
  lua_getfield(L, 1, name);
  if (lua_istable(L, -1)) {
    int at = lua_gettop(L);
    limit.count = l_fieldint(L, at, "count", 0);
    limit.window_us = l_fieldint(L, at, "window_us", 0);
    luaL_argcheck(L, limit.count >= 1 && limit.window_us >= 1, 1, "a limit needs a count and a window");
    if (limit.count > most) limit.count = most;          /* fewer than allowed is always safe */
  }
  lua_pop(L, 1);
  return limit;
}

/* { mint = { count, window_us } | nil (no limit), push =, personalise =, life_us =, key = } -> governor, empty. `key`: 8
   characters that tell API keys apart: a key's features are its tokens' features, so each uses its own. */
static int governor_new(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  tcb_limits limits = { read_limit(L, "mint", TCB_GOV_MINTS), read_limit(L, "push", TCB_GOV_COUNT_MAX),
                        read_limit(L, "personalise", TCB_GOV_COUNT_MAX), l_fieldint(L, 1, "life_us", INT64_C(3600000000)) };
  luaL_argcheck(L, limits.life_us > 0, 1, "field 'life_us' must be positive");
  size_t key_len = 0;
  const char *key = l_fieldstring(L, 1, "key", &key_len);
  luaL_argcheck(L, key == NULL || key_len == 8, 1, "field 'key' has 8 characters");
  tcb_ctx *ctx = l_ctx(L);
  governor_ud *u = l_newuserdata(L, offsetof(governor_ud, gov) + tcb_gov_size(&limits));
  u->ctx = ctx;
  tcb_host_boot(u->boot);
  tcb_gov_init(&u->gov, &limits, key ? key : "");
  luaL_getmetatable(L, GOVERNOR);
  lua_setmetatable(L, -2);
  return 1;
}

/* (lane|nil, demand, is_declared, waited_us, pool, keep_reserve, deadline_us, hold_us)
   -> "grant", grow, token, id, n, slot, minted_us | "wait", grow, us, why | "mint" | "spent", 0, us, why */
static int governor_take(lua_State *L) {
  governor_ud *u = check_governor(L, 1);
  tcb_gov_want want = { .lane = check_lane(L, 2), .now_us = mono_us(u), .demand = l_checkrange(L, 3, 1, INT64_C(1) << 40),
                        .is_declared = lua_toboolean(L, 4), .waited_us = l_checkint(L, 5), .pool = l_checkrange(L, 6, 1, 20),
                        .keep_reserve = lua_toboolean(L, 7), .deadline_us = l_optint(L, 8, 0), .hold_us = l_checkint(L, 9) };
  tcb_gov_answer a;
  tcb_gov_take(&u->gov, &want, &a);
  switch (a.action) {
    case TCB_GOV_GRANT: {
      const tcb_gov_token *t = &u->gov.token[a.token];
      lua_pushliteral(L, "grant");
      l_pushint(L, a.grow);
      lua_pushlstring(L, t->text, t->len);
      lua_pushstring(L, t->id);
      l_pushint(L, t->n);
      l_pushint(L, a.slot);
      l_pushint(L, t->minted_us);
      return 7;
    }
    case TCB_GOV_WAIT:
      lua_pushliteral(L, "wait");
      l_pushint(L, a.grow);
      l_pushint(L, a.wait_us);
      lua_pushstring(L, a.why);
      return 4;
    case TCB_GOV_MINT:
      lua_pushliteral(L, "mint");
      return 1;
    default:
      lua_pushliteral(L, "spent");
      l_pushint(L, 0);
      l_pushint(L, a.wait_us);
      lua_pushstring(L, a.why);
      return 4;
  }
}

static int governor_sent(lua_State *L) {                 /* (n, lane, slot, sent_us) -> slot's new name */
  governor_ud *u = check_governor(L, 1);
  l_pushint(L, tcb_gov_sent(&u->gov, l_checkint(L, 2), check_lane(L, 3), l_checkint(L, 4), l_checkint(L, 5)));
  return 1;
}

/* (n, lane, slot, sent_us | nil, done_us, status | nil, retry_after_s | nil); arguments from `first` on */
static tcb_gov_result read_result(lua_State *L, int first) {
  tcb_gov_result r = { .n = l_checkint(L, first), .lane = check_lane(L, first + 1), .slot = l_optint(L, first + 2, 0),
                       .sent_us = l_optint(L, first + 3, 0), .done_us = l_checkint(L, first + 4),
                       .http_status = (int)l_optint(L, first + 5, 0), .retry_after_us = -1 };
  if (!lua_isnoneornil(L, first + 6)) {
    lua_Number s = luaL_checknumber(L, first + 6);
    r.retry_after_us = s < 0 ? 0 : s > 1e6 ? INT64_C(1000000000000) : (int64_t)(s * 1e6);
  }
  return r;
}

static int governor_answered(lua_State *L) {
  governor_ud *u = check_governor(L, 1);
  tcb_gov_result r = read_result(L, 2);
  tcb_gov_answered(&u->gov, &r);
  return 0;
}

static int governor_revoked(lua_State *L) {              /* (n): the token leaves the pool */
  tcb_gov_revoked(&check_governor(L, 1)->gov, l_checkint(L, 2));
  return 0;
}

static int governor_mint_begin(lua_State *L) {           /* (hold_us, is_growth, pool, keep_reserve) -> n | nil: not now */
  governor_ud *u = check_governor(L, 1);
  int64_t hold_us = l_checkint(L, 2), pool = l_checkrange(L, 4, 1, 20);
  int64_t n = tcb_gov_mint_begin(&u->gov, mono_us(u), hold_us, lua_toboolean(L, 3), pool, lua_toboolean(L, 5));
  if (n == 0) return 0;
  l_pushint(L, n);
  return 1;
}

static int governor_mint_lease(lua_State *L) {           /* (n): its minter lives */
  governor_ud *u = check_governor(L, 1);
  tcb_gov_mint_lease(&u->gov, l_checkint(L, 2), mono_us(u));
  return 0;
}

static int governor_mint_done(lua_State *L) {            /* (n, sent_us, done_us, pool, token, id) */
  governor_ud *u = check_governor(L, 1);
  size_t len, id_len;
  const char *text = luaL_checklstring(L, 6, &len), *id = luaL_checklstring(L, 7, &id_len);
  luaL_argcheck(L, len > 0 && len <= TCB_TOKEN_MAX, 6, "a token has 1 to 512 bytes");
  luaL_argcheck(L, id_len == 8, 7, "an id has 8 characters");
  tcb_gov_mint_done(&u->gov, l_checkint(L, 2), l_checkint(L, 3), l_checkint(L, 4), l_checkrange(L, 5, 1, 20), text, len, id);
  return 0;
}

/* (n, nil, nil, sent_us | nil, done_us, status | nil, retry_after_s | nil) */
static int governor_mint_failed(lua_State *L) {
  governor_ud *u = check_governor(L, 1);
  tcb_gov_result r = read_result(L, 2);
  tcb_gov_mint_failed(&u->gov, &r);
  return 0;
}

static int governor_cautious(lua_State *L) {             /* (): the mint history was lost */
  governor_ud *u = check_governor(L, 1);
  tcb_gov_be_cautious(&u->gov, mono_us(u));
  return 0;
}

static int governor_stop(lua_State *L) {                 /* (epoch ms | nil): no sends of the account from now on; nil: again */
  check_governor(L, 1)->gov.stopped_ms = l_optint(L, 2, 0);
  return 0;
}

static int governor_forget(lua_State *L) {
  tcb_gov_forget(&check_governor(L, 1)->gov);
  return 0;
}

static int governor_load(lua_State *L) {                 /* (bytes | nil) -> true | nil, err (then empty) */
  governor_ud *u = check_governor(L, 1);
  size_t len = 0;
  const char *bytes = lua_isnoneornil(L, 2) ? NULL : l_checkbytes(L, 2, &len);
  tcb_gov_now now = host_now(u);
  tcb_err err;
  if (bytes == NULL) tcb_gov_forget(&u->gov);
  else if (tcb_gov_unpack(&u->gov, &now, bytes, len, &err) != TCB_OK) return l_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}

static int governor_dump(lua_State *L) {                 /* (buf) -> buf with the packed state */
  governor_ud *u = check_governor(L, 1);
  tcb_buf *out = l_checkbuf(L, 2);
  tcb_gov_now now = host_now(u);
  tcb_err err;
  out->len = 0;
  if (tcb_gov_pack(&u->gov, &now, out, &err) != TCB_OK) return l_fail(L, &err);
  lua_settop(L, 2);
  return 1;
}

static void set_int(lua_State *L, const char *field, int64_t n) {
  l_pushint(L, n);
  lua_setfield(L, -2, field);
}

static void push_token(lua_State *L, const governor_ud *u, const tcb_gov_token *t) {
  static const char *const used[] = { "push_used", "personalise_used" };
  static const char *const slack[] = { "push_slack_us", "personalise_slack_us" };
  lua_createtable(L, 0, 10);
  lua_pushstring(L, t->id);
  lua_setfield(L, -2, "id");
  lua_pushboolean(L, strcmp(t->key, u->gov.key) == 0);
  lua_setfield(L, -2, "is_ours");
  set_int(L, "n", t->n);
  set_int(L, "minted_us", t->minted_us);
  set_int(L, "ends_us", t->minted_us + u->gov.limits.life_us);
  set_int(L, "usable_until_us", tcb_gov_usable_until(&u->gov, t));
  set_int(L, "paused_us", t->paused_us);
  for (int lane = 0; lane < TCB_LANES; lane++) {
    set_int(L, used[lane], t->lane[lane].used);
    set_int(L, slack[lane], t->lane[lane].slack_us);
  }
}

static int governor_status(lua_State *L) {               /* () -> { now_us, tokens = {...}, mints_left, next_mint_us, ... } */
  governor_ud *u = check_governor(L, 1);
  const tcb_gov *g = &u->gov;
  int64_t now = mono_us(u), next, minting = 0, recent = 0;
  lua_createtable(L, 0, 12);
  set_int(L, "now_us", now);
  set_int(L, "mints_left", tcb_gov_mints_left(g, now, 0, &next));
  set_int(L, "next_mint_us", next > now ? next : now);
  for (int64_t i = 0; i < g->mints; i++) minting += g->mint[i].lease_us > now, recent += g->mint[i].free_us > now;
  set_int(L, "minting", minting);
  set_int(L, "mints_spent", recent);
  set_int(L, "pause_us", g->pause_us);
  set_int(L, "cautious_us", g->cautious_us);
  if (g->stopped_ms) set_int(L, "stopped_at", g->stopped_ms);
  lua_createtable(L, (int)g->tokens, 0);
  for (int64_t i = 0; i < g->tokens; i++) {
    push_token(L, u, &g->token[i]);
    lua_rawseti(L, -2, (int)i + 1);
  }
  lua_setfield(L, -2, "tokens");
  return 1;
}

static int governor_tostring(lua_State *L) {
  governor_ud *u = check_governor(L, 1);
  lua_pushfstring(L, "tcb.governor (%d tokens)", (int)u->gov.tokens);
  return 1;
}

static const luaL_Reg methods[] = {
  {"take", governor_take}, {"sent", governor_sent}, {"answered", governor_answered}, {"revoked", governor_revoked},
  {"mint_begin", governor_mint_begin}, {"mint_lease", governor_mint_lease}, {"mint_done", governor_mint_done},
  {"mint_failed", governor_mint_failed}, {"cautious", governor_cautious}, {"stop", governor_stop}, {"forget", governor_forget},
  {"load", governor_load}, {"dump", governor_dump}, {"status", governor_status}, {NULL, NULL}
};
static const luaL_Reg meta[] = { {"__tostring", governor_tostring}, {NULL, NULL} };

void l_governor_register(lua_State *L) {                 /* module table on top, left on top */
  l_newclass(L, GOVERNOR, methods, meta);
  lua_pushcfunction(L, governor_new);
  lua_setfield(L, -2, "governor");
}
