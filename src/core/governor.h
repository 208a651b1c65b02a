/* core/governor.h: what one account may do and when: tokens, mints, send slots, pauses. Decides; never waits, never sends.
   The state is one flat block without pointers; all instants are microseconds of the clock's monotonic time. */
#ifndef TCB_GOVERNOR_H
#define TCB_GOVERNOR_H

#include "core/buf.h"

#define TCB_GOV_TOKENS 24            /* pools are at most 20; the rest is room for renewals */
#define TCB_GOV_MINTS 64
#define TCB_TOKEN_MAX 512            /* bytes; the service's have 64 */
#define TCB_GOV_COUNT_MAX 20000      /* the largest limit a lane keeps slots for */
#define TCB_GOV_FORM 1               /* of the packed state */

typedef struct {
  int64_t count, window_us;         /* count requests in any window_us; count 0: no limit */
} tcb_limit;

typedef struct {
  tcb_limit mint, push, personalise;
  int64_t life_us;                  /* of a token */
} tcb_limits;

typedef enum { TCB_LANE_NONE = -1, TCB_LANE_PUSH, TCB_LANE_PERSONALISE, TCB_LANES } tcb_lane_name;

typedef struct {                     /* one token's quota of one kind of request */
  int64_t last_us;                  /* the newest send granted; 0: none */
  int64_t slack_us;                 /* how long after a send the service may count it */
  int64_t slack_since_us;
  int64_t used;                     /* slots not free yet: the first `used` of its part of slots[] */
} tcb_lane;

typedef struct {
  int64_t n;                        /* the mint's number: names the token in grants */
  int64_t minted_us;                /* its request left then: the token is no older */
  int64_t paused_us;                /* no send before */
  int64_t refused;                  /* 429s in a row */
  tcb_lane lane[TCB_LANES];
  char id[9];                       /* first 8 hex of its SHA-256: safe to show */
  char key[9];                      /* of the API key that it was minted with */
  uint16_t len;
  char text[TCB_TOKEN_MAX];
} tcb_gov_token;

typedef struct {
  int64_t n;
  int64_t free_us;                  /* counts against the limit until then */
  int64_t lease_us;                 /* in progress until then, unless renewed; 0: over */
} tcb_gov_mint;

typedef struct {
  tcb_limits limits;                /* of this process; not part of the packed state */
  char key[9];                      /* the API key of this process; tokens of another are not used here */
  size_t bytes;
  int64_t next_n;
  int64_t stopped_ms;               /* epoch ms of `tcb pause`; 0: not paused */
  int64_t pause_us;                 /* no send of the account before */
  int64_t mint_pause_us;            /* no mint before */
  int64_t mint_refused, mint_failed;  /* 429s, and failures of any kind that may pass, in a row */
  int64_t renewed_us;               /* the newest mint that grew or renewed the pool began then */
  int64_t cautious_us;              /* mint history unknown: one mint at a time until then */
  struct { int64_t n, at_us, after_us; } refusal[3];     /* the newest 429s without an answer between; n 0: none */
  int64_t mints, tokens;            /* entries in use */
  tcb_gov_mint mint[TCB_GOV_MINTS];
  tcb_gov_token token[TCB_GOV_TOKENS];
  int64_t slots[];                  /* a token's lanes in turn: the instant at which each used slot is free again */
} tcb_gov;

size_t tcb_gov_size(const tcb_limits *limits);
/* `g` is a block of tcb_gov_size bytes; empties it. */
void tcb_gov_init(tcb_gov *g, const tcb_limits *limits, const char *key);
/* No tokens, no mint history, no pauses. */
void tcb_gov_forget(tcb_gov *g);

typedef struct {
  tcb_lane_name lane;
  int64_t now_us;
  int64_t demand;                   /* requests that wait to be sent, this one included; at least 1 */
  int is_declared;                  /* demand was named by the caller (a campaign); else it counts those who wait */
  int64_t waited_us;                /* how long the first of them has waited for a slot */
  int64_t pool;                     /* tokens at most */
  int keep_reserve;                 /* leave one mint for a revoked token */
  int64_t deadline_us;              /* the demand should be sent by then; 0: none */
  int64_t hold_us;                  /* at most so long from the grant to the request's first byte */
} tcb_gov_want;

typedef enum { TCB_GOV_GRANT, TCB_GOV_WAIT, TCB_GOV_MINT, TCB_GOV_SPENT } tcb_gov_action;

typedef struct {
  tcb_gov_action action;            /* SPENT: no token, and none to be had before wait_us have passed */
  int64_t wait_us;
  const char *why;                  /* of WAIT: "slot" "pause" "stopped" "mint"; of SPENT: "budget" "failed"; static */
  int64_t token;                    /* GRANT: its place in token[] */
  int64_t slot;                     /* GRANT: names the slot taken, for sent and answered; 0: none */
  int grow;                         /* mints that would be worth their price now, beside this answer */
} tcb_gov_answer;

void tcb_gov_take(tcb_gov *g, const tcb_gov_want *want, tcb_gov_answer *out);
/* The request's first byte left at `sent_us`: returns the slot's new name. Unknown tokens and slots are ignored. */
int64_t tcb_gov_sent(tcb_gov *g, int64_t n, tcb_lane_name lane, int64_t slot, int64_t sent_us);

typedef struct {
  int64_t n, slot, sent_us;         /* sent_us 0: no byte left */
  int64_t done_us;                  /* the answer was complete, or the failure known */
  tcb_lane_name lane;
  int http_status;                  /* 0: no answer */
  int64_t retry_after_us;           /* -1: not named */
} tcb_gov_result;
void tcb_gov_answered(tcb_gov *g, const tcb_gov_result *r);
/* The token is of no use: it leaves the pool. */
void tcb_gov_revoked(tcb_gov *g, int64_t n);

/* Mints left now; *next_us: when one is possible (<= now when one is). `reserve`: mints to leave untouched. */
int64_t tcb_gov_mints_left(const tcb_gov *g, int64_t now_us, int64_t reserve, int64_t *next_us);
/* Spends a mint that may take `hold_us`: its number; 0 when none is possible now. `is_growth`: the pool has a token already, and
   is to have `pool` at most. */
int64_t tcb_gov_mint_begin(tcb_gov *g, int64_t now_us, int64_t hold_us, int is_growth, int64_t pool, int keep_reserve);
/* The mint is still being waited for. */
void tcb_gov_mint_lease(tcb_gov *g, int64_t n, int64_t now_us);
/* Retires the oldest token when more than `pool` are usable. */
void tcb_gov_mint_done(tcb_gov *g, int64_t n, int64_t sent_us, int64_t done_us, int64_t pool, const char *text, size_t len,
                       const char *id);
void tcb_gov_mint_failed(tcb_gov *g, const tcb_gov_result *r);
/* Forgotten history: mints one at a time for one window of the mint limit. */
void tcb_gov_be_cautious(tcb_gov *g, int64_t now_us);
/* The instant from which the token is no longer used, some time before the service ends it. */
int64_t tcb_gov_usable_until(const tcb_gov *g, const tcb_gov_token *t);

typedef struct {
  int64_t mono_us, wall_ms;         /* of the host: not shifted */
  char boot[16];                    /* of the machine's boot; monotonic time of another boot is translated by wall time */
} tcb_gov_now;
/* The state as bytes that another process, build or boot can read. */
tcb_status tcb_gov_pack(const tcb_gov *g, const tcb_gov_now *now, tcb_buf *out, tcb_err *err);
/* TCB_E_STORE with slug "damaged" or "newer"; `g` is then empty. */
tcb_status tcb_gov_unpack(tcb_gov *g, const tcb_gov_now *now, const char *bytes, size_t len, tcb_err *err);

#endif
