/* core/governor_pack.c: the governor's state as bytes: little-endian, versioned, with a checksum; only what still matters. */
#include "core/governor_priv.h"

#include <stdio.h>
#include <string.h>

#define MAGIC "TCBG"
#define HEADER 28                    /* magic, form, boot id, checksum of the rest */
#define EXACT (INT64_C(1) << 52)     /* Lua sees these numbers */
#define AHEAD_MAX (7200 * SECOND)    /* and a window: no instant lies further ahead; a clock that went back must stop nobody */

static uint32_t checksum(const char *bytes, size_t len) {   /* FNV-1a */
  uint32_t h = 2166136261u;
  for (size_t i = 0; i < len; i++) h = (h ^ (unsigned char)bytes[i]) * 16777619u;
  return h;
}

static void put32(char *at, uint32_t n) {
  for (int i = 0; i < 4; i++) at[i] = (char)(n >> (8 * i));
}

static uint32_t get32(const char *at) {
  uint32_t n = 0;
  for (int i = 0; i < 4; i++) n |= (uint32_t)(unsigned char)at[i] << (8 * i);
  return n;
}

static void put(tcb_buf *out, int64_t n) {               /* room was reserved */
  for (int i = 0; i < 8; i++) out->data[out->len++] = (char)((uint64_t)n >> (8 * i));
}

static void put_bytes(tcb_buf *out, const char *bytes, size_t len) {
  memcpy(out->data + out->len, bytes, len);
  out->len += len;
}

static void pack_token(const tcb_gov *g, int64_t at, int64_t now_us, tcb_buf *out) {
  const tcb_gov_token *t = &g->token[at];
  put(out, t->n);
  put(out, t->minted_us);
  put(out, t->paused_us);
  put(out, t->refused);
  put_bytes(out, t->id, 8);
  put_bytes(out, t->key, 8);
  put(out, t->len);
  put_bytes(out, t->text, t->len);
  for (int lane = 0; lane < TCB_LANES; lane++) {
    const tcb_lane *l = &t->lane[lane];
    const int64_t *slots = gov_slots((tcb_gov *)g, at, lane);
    int64_t used = 0;
    for (int64_t i = 0; i < l->used; i++) used += slots[i] > now_us;
    put(out, l->last_us);
    put(out, l->slack_us);
    put(out, l->slack_since_us);
    put(out, used);
    for (int64_t i = 0; i < l->used; i++) if (slots[i] > now_us) put(out, slots[i]);
  }
}

static size_t packed_bytes(const tcb_gov *g) {
  size_t bytes = HEADER + 8 * (21 + 3 * (size_t)g->mints);
  for (int64_t i = 0; i < g->tokens; i++)
    bytes += 8 * (7 + 4 * TCB_LANES) + g->token[i].len + 8 * (size_t)(g->token[i].lane[0].used + g->token[i].lane[1].used);
  return bytes;
}

tcb_status tcb_gov_pack(const tcb_gov *g, const tcb_gov_now *now, tcb_buf *out, tcb_err *err) {
  tcb_status status = tcb_buf_reserve(out, packed_bytes(g), err);
  if (status != TCB_OK) return status;
  size_t start = out->len;
  put_bytes(out, MAGIC, 4);
  put32(out->data + out->len, TCB_GOV_FORM);
  out->len += 4;
  put_bytes(out, now->boot, 16);
  out->len += 4;
  put(out, now->mono_us);
  put(out, now->wall_ms);
  put(out, g->next_n);
  put(out, g->stopped_ms);
  put(out, g->pause_us);
  put(out, g->mint_pause_us);
  put(out, g->mint_refused);
  put(out, g->mint_failed);
  put(out, g->renewed_us);
  put(out, g->cautious_us);
  for (int i = 0; i < 3; i++) {
    put(out, g->refusal[i].n);
    put(out, g->refusal[i].at_us);
    put(out, g->refusal[i].after_us);
  }
  put(out, g->mints);
  for (int64_t i = 0; i < g->mints; i++) {
    put(out, g->mint[i].n);
    put(out, g->mint[i].free_us);
    put(out, g->mint[i].lease_us);
  }
  put(out, g->tokens);
  for (int64_t i = 0; i < g->tokens; i++) pack_token(g, i, now->mono_us, out);
  put32(out->data + start + HEADER - 4, checksum(out->data + start + HEADER, out->len - start - HEADER));
  return TCB_OK;
}

typedef struct {
  const char *at, *end;
  int64_t shift_us, last_us;        /* translation from the writer's boot; the latest instant believed */
  int is_bad;
} reader;

static int64_t get(reader *r) {
  uint64_t n = 0;
  if (r->end - r->at < 8) {
    r->is_bad = 1;
    return 0;
  }
  for (int i = 0; i < 8; i++) n |= (uint64_t)(unsigned char)r->at[i] << (8 * i);
  r->at += 8;
  return (int64_t)n;
}

static int64_t get_range(reader *r, int64_t low, int64_t high) {
  int64_t n = get(r);
  if (n >= low && n <= high) return n;
  r->is_bad = 1;
  return low;
}

static int64_t get_instant(reader *r) {                  /* 0 stays 0: never */
  int64_t n = get_range(r, -EXACT, EXACT);
  return n == 0 ? 0 : gov_min(n + r->shift_us, r->last_us);
}

static void get_bytes(reader *r, char *out, size_t len) {
  if ((size_t)(r->end - r->at) < len) {
    r->is_bad = 1;
    return;
  }
  memcpy(out, r->at, len);
  r->at += len;
}

/* More slots than this process' limit has (another process has a larger one): the lane is full until enough are free. */
static void keep_latest(int64_t *slots, int64_t *used, int64_t count, int64_t slot) {
  if (*used < count) {
    slots[(*used)++] = slot;
    return;
  }
  int64_t first = 0;
  for (int64_t i = 1; i < count; i++) if (slots[i] < slots[first]) first = i;
  if (count > 0 && slots[first] < slot) slots[first] = slot;
}

static void unpack_token(tcb_gov *g, int64_t at, reader *r) {
  tcb_gov_token *t = &g->token[at];
  memset(t, 0, sizeof *t);
  t->n = get_range(r, 1, EXACT);
  t->minted_us = get_instant(r);
  t->paused_us = get_instant(r);
  t->refused = get_range(r, 0, INT64_C(1) << 40);
  get_bytes(r, t->id, 8);
  get_bytes(r, t->key, 8);
  t->len = (uint16_t)get_range(r, 0, TCB_TOKEN_MAX);
  get_bytes(r, t->text, t->len);
  for (int lane = 0; lane < TCB_LANES; lane++) {
    tcb_lane *l = &t->lane[lane];
    l->last_us = get_instant(r);
    l->slack_us = get_range(r, 0, 10 * SECOND);
    l->slack_since_us = get_instant(r);
    int64_t used = get_range(r, 0, INT64_C(1) << 20);
    for (int64_t i = 0; i < used && !r->is_bad; i++)
      keep_latest(gov_slots(g, at, lane), &l->used, gov_limit(g, lane)->count, get_instant(r));
  }
}

static void unpack_body(tcb_gov *g, reader *r) {
  g->next_n = get_range(r, 1, EXACT);
  g->stopped_ms = get_range(r, 0, EXACT);
  g->pause_us = get_instant(r);
  g->mint_pause_us = get_instant(r);
  g->mint_refused = get_range(r, 0, INT64_C(1) << 40);
  g->mint_failed = get_range(r, 0, INT64_C(1) << 40);
  g->renewed_us = get_instant(r);
  g->cautious_us = get_instant(r);
  for (int i = 0; i < 3; i++) {
    g->refusal[i].n = get_range(r, 0, EXACT);
    g->refusal[i].at_us = get_instant(r);
    g->refusal[i].after_us = get_range(r, -1, EXACT);
  }
  g->mints = get_range(r, 0, TCB_GOV_MINTS);
  for (int64_t i = 0; i < g->mints && !r->is_bad; i++) {
    g->mint[i].n = get_range(r, 1, EXACT);
    g->mint[i].free_us = get_instant(r);
    g->mint[i].lease_us = get_instant(r);
  }
  int64_t tokens = get_range(r, 0, TCB_GOV_TOKENS);
  for (int64_t i = 0; i < tokens && !r->is_bad; i++, g->tokens++) unpack_token(g, i, r);
  if (r->at != r->end) r->is_bad = 1;
}

static tcb_status refuse(tcb_err *err, const char *slug, const char *message) {
  tcb_fail(err, TCB_E_STORE, "%s", message);
  if (err) snprintf(err->slug, sizeof err->slug, "%s", slug);
  return TCB_E_STORE;
}

tcb_status tcb_gov_unpack(tcb_gov *g, const tcb_gov_now *now, const char *bytes, size_t len, tcb_err *err) {
  tcb_gov_forget(g);
  if (len < HEADER || memcmp(bytes, MAGIC, 4) != 0) return refuse(err, "damaged", "the account's state is damaged");
  if (get32(bytes + 4) > TCB_GOV_FORM) return refuse(err, "newer", "the account's state was written by a newer tcb");
  if (checksum(bytes + HEADER, len - HEADER) != get32(bytes + HEADER - 4))
    return refuse(err, "damaged", "the account's state is damaged");
  int64_t window_us = gov_max(g->limits.mint.window_us, gov_max(g->limits.push.window_us, g->limits.personalise.window_us));
  reader r = { .at = bytes + HEADER, .end = bytes + len, .last_us = now->mono_us + AHEAD_MAX + window_us };
  int64_t mono_us = get_range(&r, -EXACT, EXACT), wall_ms = get_range(&r, -EXACT, EXACT);
  int same_boot = memcmp(bytes + 8, now->boot, 16) == 0;
  if (!same_boot) r.shift_us = now->mono_us - mono_us - gov_max(0, now->wall_ms - wall_ms) * MS;
  unpack_body(g, &r);
  for (int64_t i = 0; !same_boot && i < g->mints; i++) g->mint[i].lease_us = 0;      /* its process is gone */
  if (!r.is_bad) return TCB_OK;
  tcb_gov_forget(g);
  return refuse(err, "damaged", "the account's state is damaged");
}
