/* core/governor.c: the token pool: which token sends next, when another is worth a mint, and which mints are possible. */
#include "core/governor_priv.h"

#include <string.h>

#define LEASE (5 * SECOND)           /* a minter that died blocks nobody for longer */
#define MINT_PAUSE_FIRST (500 * MS)
#define MINT_PAUSE_MAX (64 * SECOND)
#define ACCOUNT_POLL (200 * MS)      /* while the account is stopped by `tcb pause` */
#define PATIENCE (250 * MS)          /* queued requests that nobody declared must have waited so long before the pool grows */

size_t tcb_gov_size(const tcb_limits *limits) {
  size_t slots = (size_t)(limits->push.count + limits->personalise.count) * TCB_GOV_TOKENS;
  return sizeof(tcb_gov) + slots * sizeof(int64_t);
}

void tcb_gov_forget(tcb_gov *g) {
  size_t kept = offsetof(tcb_gov, next_n);               /* what is of this process stays */
  memset((char *)g + kept, 0, g->bytes - kept);
  g->next_n = 1;
}

void tcb_gov_init(tcb_gov *g, const tcb_limits *limits, const char *key) {
  g->limits = *limits;
  g->bytes = tcb_gov_size(limits);
  memset(g->key, 0, sizeof g->key);
  strncpy(g->key, key, sizeof g->key - 1);
  tcb_gov_forget(g);
}

int64_t gov_find(const tcb_gov *g, int64_t n) {
  for (int64_t i = 0; i < g->tokens; i++) if (g->token[i].n == n) return i;
  return -1;
}

void gov_remove_token(tcb_gov *g, int64_t at) {
  int64_t last = --g->tokens;
  if (at == last) return;
  g->token[at] = g->token[last];
  for (int lane = 0; lane < TCB_LANES; lane++)
    memcpy(gov_slots(g, at, lane), gov_slots(g, last, lane), (size_t)g->token[last].lane[lane].used * sizeof(int64_t));
}

void tcb_gov_revoked(tcb_gov *g, int64_t n) {
  int64_t at = gov_find(g, n);
  if (at >= 0) gov_remove_token(g, at);
}

/* A token accepted in its last second can end on the way: 60 s of its hour are left unused. */
int64_t tcb_gov_usable_until(const tcb_gov *g, const tcb_gov_token *t) {
  return t->minted_us + g->limits.life_us - g->limits.life_us / 60;
}

int gov_is_usable(const tcb_gov *g, const tcb_gov_token *t, int64_t now_us) {
  return now_us < tcb_gov_usable_until(g, t) && strcmp(t->key, g->key) == 0;
}

/* Renewals of tokens made together are this far apart, so that they do not end together again. */
static int64_t renewal_distance(const tcb_gov *g) { return g->limits.life_us / 120; }

int gov_is_ageing(const tcb_gov *g, const tcb_gov_token *t, int64_t now_us) {
  int busy = 0;
  for (int lane = 0; lane < TCB_LANES; lane++) {
    int64_t count = gov_limit(g, lane)->count;
    busy |= count > 0 ? t->lane[lane].used * 4 > count : now_us - t->lane[lane].last_us < gov_limit(g, lane)->window_us;
  }
  int64_t from = busy ? t->minted_us + g->limits.life_us / 6 * 5 : tcb_gov_usable_until(g, t) - renewal_distance(g);
  return now_us >= from;
}

int64_t gov_minting(const tcb_gov *g, int64_t now_us) {
  int64_t n = 0;
  for (int64_t i = 0; i < g->mints; i++) n += g->mint[i].lease_us > now_us;
  return n;
}

int64_t tcb_gov_mints_left(const tcb_gov *g, int64_t now_us, int64_t reserve, int64_t *next_us) {
  int64_t count = gov_min(g->limits.mint.count, TCB_GOV_MINTS), used = 0;
  *next_us = g->mint_pause_us;
  if (count == 0) return TCB_GOV_MINTS;
  for (int64_t i = 0; i < g->mints; i++) used += g->mint[i].free_us > now_us;
  int64_t over = used + 1 + reserve - count;            /* so many must be free before the next one */
  for (int64_t i = 0; over > 0 && i < g->mints; i++) {
    int64_t earlier = 0;
    for (int64_t k = 0; k < g->mints; k++) {
      int64_t free_us = g->mint[k].free_us;
      earlier += free_us > now_us && (free_us < g->mint[i].free_us || (free_us == g->mint[i].free_us && k < i));
    }
    if (g->mint[i].free_us > now_us && earlier == over - 1) *next_us = gov_max(*next_us, g->mint[i].free_us);
  }
  if (over > used) *next_us = INT64_MAX / 2;             /* the reserve is the whole limit */
  return gov_max(0, count - used);
}

static int64_t *last_used(tcb_gov_token *t, tcb_lane_name lane) { return &t->lane[lane < 0 ? 0 : lane].last_us; }

/* How long `demand` takes with `supply` tokens that are as full as the first usable one. */
static int64_t time_needed(const tcb_gov *g, const tcb_gov_want *w, int64_t supply) {
  const tcb_lane *fullest = NULL;
  for (int64_t i = 0; i < g->tokens; i++) {
    const tcb_lane *l = &g->token[i].lane[w->lane];
    if (gov_is_usable(g, &g->token[i], w->now_us) && (!fullest || l->used > fullest->used)) fullest = l;
  }
  tcb_lane fresh = { .slack_us = gov_slack_base(w->lane) };
  if (fullest == NULL) fullest = &fresh;
  int64_t share = (w->demand + supply - 1) / supply;
  return share * (gov_is_burst(g, w->lane, fullest, share) ? gov_gap_min(g, w->lane, fullest) : gov_pace(g, w->lane, fullest));
}

/* Tokens worth having for this demand: the queue should be gone within a tenth of the window (6 s for push), a quarter for
   real-time calls (0.25 s), or by the deadline. */
static int64_t worth_having(const tcb_gov *g, const tcb_gov_want *w) {
  const tcb_limit *limit = gov_limit(g, w->lane);
  int64_t bound = limit->window_us / (w->lane == TCB_LANE_PUSH ? 10 : 4), supply = 1;
  if (limit->count == 0) return 1;
  if (w->deadline_us) bound = gov_min(bound, gov_max(w->deadline_us - w->now_us, MS));
  while (supply < w->pool && time_needed(g, w, supply) > bound) supply++;
  return supply;
}

int gov_growth(const tcb_gov *g, const tcb_gov_want *w, int64_t usable) {
  int64_t young = 0, ageing = 0, next_us, now = w->now_us, minting = gov_minting(g, now), first_end = INT64_MAX;
  if (w->lane < 0 || usable == 0 || (!w->is_declared && w->waited_us < PATIENCE && w->demand > 1)) return 0;
  for (int64_t i = 0; i < g->tokens; i++) {
    const tcb_gov_token *t = &g->token[i];
    if (!gov_is_usable(g, t, now)) continue;
    if (!gov_is_ageing(g, t, now)) young++;
    else ageing++, first_end = gov_min(first_end, tcb_gov_usable_until(g, t));
  }
  int64_t missing = worth_having(g, w) - young - minting;
  if (missing <= 0) return 0;
  if (young + ageing + minting >= w->pool) {             /* replace: staggered, unless the oldest is about to end */
    if (ageing == 0) return 0;
    int urgent = first_end - now < renewal_distance(g);
    if (minting > 0 || (!urgent && now - g->renewed_us < renewal_distance(g))) return 0;
    missing = 1;
  } else {
    missing = gov_min(missing, w->pool - young - ageing - minting);
  }
  if (g->cautious_us > now) {
    if (minting > 0 || g->mint_refused > 0) return 0;
    missing = 1;
  }
  int keep = w->keep_reserve;
  if (keep && w->deadline_us && time_needed(g, w, gov_max(1, young + ageing + minting)) > w->deadline_us - now) keep = 0;
  int64_t left = tcb_gov_mints_left(g, now, keep, &next_us) - keep;
  return next_us > now ? 0 : (int)gov_max(0, gov_min(missing, left));
}

static void drop_ended(tcb_gov *g, int64_t now_us) {
  for (int64_t i = g->tokens - 1; i >= 0; i--)
    if (now_us >= g->token[i].minted_us + g->limits.life_us) gov_remove_token(g, i);
  int64_t kept = 0;
  for (int64_t i = 0; i < g->mints; i++)
    if (g->mint[i].free_us > now_us || g->mint[i].lease_us > now_us) g->mint[kept++] = g->mint[i];
  g->mints = kept;
}

static void wait(tcb_gov_answer *out, int64_t us, const char *why) {
  out->action = TCB_GOV_WAIT;
  out->wait_us = gov_max(us, 1);
  out->why = why;
}

static void without_token(tcb_gov *g, const tcb_gov_want *w, tcb_gov_answer *out) {
  int64_t next_us, lease_us = 0;
  for (int64_t i = 0; i < g->mints; i++) lease_us = gov_max(lease_us, g->mint[i].lease_us);
  if (lease_us > w->now_us) {
    wait(out, lease_us - w->now_us, "mint");
    return;
  }
  int64_t left = tcb_gov_mints_left(g, w->now_us, 0, &next_us);
  out->action = next_us <= w->now_us ? TCB_GOV_MINT : TCB_GOV_SPENT;
  out->wait_us = gov_max(0, next_us - w->now_us);
  out->why = left > 0 ? "failed" : "budget";
}

void tcb_gov_take(tcb_gov *g, const tcb_gov_want *w, tcb_gov_answer *out) {
  int64_t best = -1, best_us = 0, usable = 0, now = w->now_us;
  memset(out, 0, sizeof *out);
  drop_ended(g, now);
  if (w->lane >= 0 && g->stopped_ms) {
    wait(out, ACCOUNT_POLL, "stopped");
    return;
  }
  for (int64_t i = 0; i < g->tokens; i++) usable += gov_is_usable(g, &g->token[i], now);
  if (usable == 0) {
    without_token(g, w, out);
    return;
  }
  for (int64_t i = 0; i < g->tokens; i++) {
    tcb_gov_token *t = &g->token[i];
    if (!gov_is_usable(g, t, now)) continue;
    int64_t at = w->lane < 0 ? t->paused_us : gov_earliest(g, i, w->lane, now, (w->demand + usable - 1) / usable);
    at = gov_max(at, now);
    if (best < 0 || at < best_us || (at == best_us && *last_used(t, w->lane) < *last_used(&g->token[best], w->lane)))
      best = i, best_us = at;
  }
  out->grow = gov_growth(g, w, usable);
  if (w->lane >= 0) best_us = gov_max(best_us, g->pause_us);
  if (best_us > now) {
    wait(out, best_us - now, best_us == g->pause_us || best_us == g->token[best].paused_us ? "pause" : "slot");
    return;
  }
  out->action = TCB_GOV_GRANT;
  out->token = best;
  out->slot = w->lane < 0 ? 0 : gov_slot_take(g, best, w->lane, now, w->hold_us);
}

static tcb_gov_mint *find_mint(tcb_gov *g, int64_t n) {
  for (int64_t i = 0; i < g->mints; i++) if (g->mint[i].n == n) return &g->mint[i];
  return NULL;
}

int64_t tcb_gov_mint_begin(tcb_gov *g, int64_t now_us, int64_t hold_us, int is_growth, int64_t pool, int keep_reserve) {
  int64_t next_us, minting = gov_minting(g, now_us), young = 0;
  drop_ended(g, now_us);
  for (int64_t i = 0; i < g->tokens; i++)
    young += gov_is_usable(g, &g->token[i], now_us) && !gov_is_ageing(g, &g->token[i], now_us);
  if ((!is_growth || g->cautious_us > now_us) && minting > 0) return 0;
  if (is_growth && young + minting >= pool) return 0;    /* another process was faster */
  tcb_gov_mints_left(g, now_us, is_growth && keep_reserve, &next_us);
  if (next_us > now_us || g->mints == TCB_GOV_MINTS) return 0;
  if (is_growth) g->renewed_us = now_us;
  g->mint[g->mints++] = (tcb_gov_mint){ g->next_n, now_us + hold_us + g->limits.mint.window_us + MS, now_us + LEASE };
  return g->next_n++;
}

void tcb_gov_mint_lease(tcb_gov *g, int64_t n, int64_t now_us) {
  tcb_gov_mint *m = find_mint(g, n);
  if (m == NULL) return;
  m->lease_us = now_us + LEASE;
  m->free_us = gov_max(m->free_us, m->lease_us + g->limits.mint.window_us + MS);
}

/* The newcomer takes the place of the oldest when the pool is full, and keeps its rhythm. */
static void retire(tcb_gov *g, tcb_gov_token *newcomer, int64_t pool, int64_t now_us) {
  int64_t oldest = -1, usable = 0;
  for (int64_t i = 0; i < g->tokens; i++) {
    if (!gov_is_usable(g, &g->token[i], now_us)) continue;
    usable++;
    if (oldest < 0 || g->token[i].minted_us < g->token[oldest].minted_us) oldest = i;
  }
  if (usable < pool || oldest < 0) return;
  for (int lane = 0; lane < TCB_LANES; lane++) newcomer->lane[lane].last_us = g->token[oldest].lane[lane].last_us;
  gov_remove_token(g, oldest);
}

void tcb_gov_mint_done(tcb_gov *g, int64_t n, int64_t sent_us, int64_t done_us, int64_t pool, const char *text, size_t len,
                       const char *id) {
  tcb_gov_mint *m = find_mint(g, n);
  if (m) {
    m->free_us = done_us + g->limits.mint.window_us + MS;
    m->lease_us = 0;
  }
  g->mint_refused = g->mint_failed = 0;
  drop_ended(g, done_us);
  tcb_gov_token t = { .n = n, .minted_us = sent_us, .len = (uint16_t)gov_min((int64_t)len, TCB_TOKEN_MAX) };
  memcpy(t.text, text, t.len);
  strncpy(t.id, id, sizeof t.id - 1);
  memcpy(t.key, g->key, sizeof t.key);
  for (int lane = 0; lane < TCB_LANES; lane++) t.lane[lane].slack_us = gov_slack_base(lane);
  retire(g, &t, pool, done_us);
  if (g->tokens == TCB_GOV_TOKENS) gov_remove_token(g, 0);
  g->token[g->tokens++] = t;
}

void tcb_gov_mint_failed(tcb_gov *g, const tcb_gov_result *r) {
  tcb_gov_mint *m = find_mint(g, r->n);
  int refused = r->http_status == 429, unused = r->sent_us == 0 || (refused && g->mint_refused == 0);
  if (m) {
    m->free_us = unused ? 0 : r->done_us + g->limits.mint.window_us + MS;
    m->lease_us = 0;
  }
  if (r->http_status >= 400 && r->http_status < 500 && !refused) return;    /* it will not pass: the caller says so */
  int64_t pause = gov_min(MINT_PAUSE_FIRST << gov_min(g->mint_failed, 7), MINT_PAUSE_MAX);
  g->mint_failed++;
  g->mint_refused += refused;
  if (r->retry_after_us >= 0) pause = gov_min(r->retry_after_us, gov_max(g->limits.mint.window_us, SECOND));
  g->mint_pause_us = gov_max(g->mint_pause_us, r->done_us + pause);
}

void tcb_gov_be_cautious(tcb_gov *g, int64_t now_us) {
  g->cautious_us = now_us + g->limits.mint.window_us;
}
