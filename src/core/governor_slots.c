/* core/governor_slots.c: a token's quota: when a slot is free again, and how sends are spread over the window. */
#include "core/governor_priv.h"

#include <string.h>

/* How long after its first byte the service may count a request; the answer bounds it too. */
static const int64_t slack_base[TCB_LANES] = { 500 * MS, 10 * MS };
#define SLACK_MAX (2 * SECOND)
#define SLACK_CALM (60 * SECOND)     /* without a 429: the slack halves */
#define PAUSE_FIRST (250 * MS)
#define PAUSE_MAX (8 * SECOND)
#define RETRY_AFTER_MAX (300 * SECOND)   /* a service that asks for more is asked again sooner */
#define ROW_SPAN (1 * SECOND)        /* three refusals of different tokens within it pause the account */
#define ROW_PAUSE (1 * SECOND)

/* A window rounded to the service's milliseconds may end up to one later. */
#define ROUNDING MS

const tcb_limit *gov_limit(const tcb_gov *g, tcb_lane_name lane) {
  return lane == TCB_LANE_PUSH ? &g->limits.push : &g->limits.personalise;
}

int64_t gov_slack_base(tcb_lane_name lane) { return slack_base[lane]; }

int64_t *gov_slots(tcb_gov *g, int64_t token, tcb_lane_name lane) {
  int64_t a = g->limits.push.count, b = g->limits.personalise.count;
  return g->slots + token * (a + b) + (lane == TCB_LANE_PERSONALISE ? a : 0);
}

int64_t gov_pace(const tcb_gov *g, tcb_lane_name lane, const tcb_lane *l) {
  const tcb_limit *limit = gov_limit(g, lane);
  return limit->count ? (limit->window_us + l->slack_us + ROUNDING) / limit->count : 0;
}

int64_t gov_gap_min(const tcb_gov *g, tcb_lane_name lane, const tcb_lane *l) {
  return gov_pace(g, lane, l) / (lane == TCB_LANE_PUSH ? 2 : 3);
}

int gov_is_burst(const tcb_gov *g, tcb_lane_name lane, const tcb_lane *l, int64_t demand) {
  int64_t count = gov_limit(g, lane)->count;
  return l->used + demand <= (lane == TCB_LANE_PUSH ? count / 2 : count - count / 10);
}

static void drop_free(int64_t *slots, tcb_lane *l, int64_t now_us) {
  int64_t kept = 0;
  for (int64_t i = 0; i < l->used; i++) if (slots[i] > now_us) slots[kept++] = slots[i];
  l->used = kept;
}

static void calm_slack(tcb_lane_name lane, tcb_lane *l, int64_t now_us) {
  int64_t base = gov_slack_base(lane);
  while (l->slack_us > base && now_us - l->slack_since_us >= SLACK_CALM) {
    l->slack_us = gov_max(base, l->slack_us / 2);
    l->slack_since_us += SLACK_CALM;
  }
}

/* Free slots are spread evenly over the time until the next used one is free: so a lane neither bunches nor stalls, and slots
   that were missed are made up for inside the window. */
int64_t gov_earliest(tcb_gov *g, int64_t token, tcb_lane_name lane, int64_t now_us, int64_t demand) {
  tcb_gov_token *t = &g->token[token];
  const tcb_limit *limit = gov_limit(g, lane);
  tcb_lane *l = &t->lane[lane];
  if (limit->count == 0) return t->paused_us;
  int64_t *slots = gov_slots(g, token, lane);
  drop_free(slots, l, now_us);
  calm_slack(lane, l, now_us);
  int64_t first = INT64_MAX, free_slots = limit->count - l->used, at;
  for (int64_t i = 0; i < l->used; i++) first = gov_min(first, slots[i]);
  int64_t gap = gov_gap_min(g, lane, l);
  if (free_slots <= 0) at = gov_max(first, l->last_us + gap);
  else if (l->used == 0 || gov_is_burst(g, lane, l, demand)) at = l->last_us + gap;
  else at = l->last_us + gov_max(gap, (first - l->last_us) / (free_slots + 1));
  return gov_max(at, t->paused_us);
}

static int64_t *find_slot(tcb_gov *g, int64_t token, tcb_lane_name lane, int64_t slot) {
  int64_t *slots = gov_slots(g, token, lane);
  for (int64_t i = 0; i < g->token[token].lane[lane].used; i++) if (slots[i] == slot) return &slots[i];
  return NULL;
}

/* Slots are named by their instant: no two of a lane may have the same. */
static int64_t unused_name(tcb_gov *g, int64_t token, tcb_lane_name lane, int64_t slot) {
  while (find_slot(g, token, lane, slot)) slot++;
  return slot;
}

static int64_t free_again(const tcb_gov *g, tcb_lane_name lane, const tcb_lane *l, int64_t sent_us, int64_t done_us) {
  return gov_min(done_us, sent_us + l->slack_us) + gov_limit(g, lane)->window_us + ROUNDING;
}

int64_t gov_slot_take(tcb_gov *g, int64_t token, tcb_lane_name lane, int64_t now_us, int64_t hold_us) {
  tcb_lane *l = &g->token[token].lane[lane];
  l->last_us = now_us;
  if (gov_limit(g, lane)->count == 0) return 0;
  int64_t slot = unused_name(g, token, lane, free_again(g, lane, l, now_us + hold_us, INT64_MAX / 2));
  gov_slots(g, token, lane)[l->used++] = slot;
  return slot;
}

int64_t tcb_gov_sent(tcb_gov *g, int64_t n, tcb_lane_name lane, int64_t slot, int64_t sent_us) {
  int64_t at = gov_find(g, n);
  int64_t *found = at < 0 || lane < 0 || slot == 0 ? NULL : find_slot(g, at, lane, slot);
  if (found == NULL) return slot;
  int64_t free_us = free_again(g, lane, &g->token[at].lane[lane], sent_us, INT64_MAX / 2);
  *found = 0;
  return *found = unused_name(g, at, lane, free_us);
}

static void remember_refusal(tcb_gov *g, const tcb_gov_result *r) {
  memmove(&g->refusal[0], &g->refusal[1], 2 * sizeof g->refusal[0]);
  g->refusal[2].n = r->n;
  g->refusal[2].at_us = r->done_us;
  g->refusal[2].after_us = r->retry_after_us;
  int64_t a = g->refusal[0].n, b = g->refusal[1].n, longest = -1;
  if (a == 0 || b == 0 || a == b || a == r->n || b == r->n || r->done_us - g->refusal[0].at_us > ROW_SPAN) return;
  for (int i = 0; i < 3; i++) longest = gov_max(longest, g->refusal[i].after_us);
  longest = longest < 0 ? ROW_PAUSE : gov_min(longest, RETRY_AFTER_MAX);
  g->pause_us = gov_max(g->pause_us, r->done_us + longest);
  memset(g->refusal, 0, sizeof g->refusal);
}

static void refuse(tcb_gov *g, tcb_gov_token *t, const tcb_gov_result *r) {
  int64_t pause = PAUSE_FIRST << gov_min(t->refused, 5);
  t->refused++;
  pause = r->retry_after_us >= 0 ? gov_min(r->retry_after_us, RETRY_AFTER_MAX) : gov_min(pause, PAUSE_MAX);
  t->paused_us = gov_max(t->paused_us, r->done_us + pause);
  if (r->lane >= 0) {
    tcb_lane *l = &t->lane[r->lane];
    l->slack_us = gov_min(l->slack_us * 2, SLACK_MAX);
    l->slack_since_us = r->done_us;
  }
  remember_refusal(g, r);
}

void tcb_gov_answered(tcb_gov *g, const tcb_gov_result *r) {
  int64_t at = gov_find(g, r->n);
  if (at < 0) return;
  tcb_gov_token *t = &g->token[at];
  int64_t *slot = r->lane < 0 || r->slot == 0 ? NULL : find_slot(g, at, r->lane, r->slot);
  if (slot) {
    tcb_lane *l = &t->lane[r->lane];
    /* Never left, or refused: no quota was used. A second refusal in a row: this service counts refused requests too. */
    int unused = r->sent_us == 0 || (r->http_status == 429 && t->refused == 0);
    int64_t done_us = r->http_status ? r->done_us : INT64_MAX / 2;
    int64_t free_us = unused ? 0 : free_again(g, r->lane, l, r->sent_us, done_us);
    *slot = 0;
    if (unused) *slot = gov_slots(g, at, r->lane)[--l->used];
    else *slot = unused_name(g, at, r->lane, free_us);
  }
  if (r->http_status == 429) refuse(g, t, r);
  else if (r->http_status) {
    t->refused = 0;
    memset(g->refusal, 0, sizeof g->refusal);
  }
}
