/* core/governor_priv.h: shared by core/governor*.c alone. */
#ifndef TCB_GOVERNOR_PRIV_H
#define TCB_GOVERNOR_PRIV_H

#include "core/governor.h"

#define MS INT64_C(1000)
#define SECOND INT64_C(1000000)

const tcb_limit *gov_limit(const tcb_gov *g, tcb_lane_name lane);
/* The first slot of a token's lane; the lane's `used` slots stand there. */
int64_t *gov_slots(tcb_gov *g, int64_t token, tcb_lane_name lane);
int64_t gov_slack_base(tcb_lane_name lane);
/* Earliest send of `token` in `lane` when `demand` requests wait for it; slots free by now are dropped first. */
int64_t gov_earliest(tcb_gov *g, int64_t token, tcb_lane_name lane, int64_t now_us, int64_t demand);
/* Mean distance of a lane's sends at full use, and the least distance. */
int64_t gov_pace(const tcb_gov *g, tcb_lane_name lane, const tcb_lane *l);
int64_t gov_gap_min(const tcb_gov *g, tcb_lane_name lane, const tcb_lane *l);
/* Would `demand` more fit without filling the lane? Then they may follow each other at the least distance. */
int gov_is_burst(const tcb_gov *g, tcb_lane_name lane, const tcb_lane *l, int64_t demand);
int64_t gov_slot_take(tcb_gov *g, int64_t token, tcb_lane_name lane, int64_t now_us, int64_t hold_us);
/* The place of token `n`; -1 when it is gone. */
int64_t gov_find(const tcb_gov *g, int64_t n);
void gov_remove_token(tcb_gov *g, int64_t at);
int gov_is_usable(const tcb_gov *g, const tcb_gov_token *t, int64_t now_us);
/* Old enough to be replaced: a busy token well before its end, an idle one just before. */
int gov_is_ageing(const tcb_gov *g, const tcb_gov_token *t, int64_t now_us);
/* Mints in progress. */
int64_t gov_minting(const tcb_gov *g, int64_t now_us);
/* How many mints would be worth their price, given `usable` tokens. */
int gov_growth(const tcb_gov *g, const tcb_gov_want *want, int64_t usable);

static inline int64_t gov_max(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t gov_min(int64_t a, int64_t b) { return a < b ? a : b; }

#endif
