/* core/match.h: the match key of a record and its hash, 8 bytes a record in the journal. Two keys of one batch never share a hash: the
   record that would collide waits for the next batch. The same bytes on every machine, for ever: journals keep them. */
#ifndef TCB_MATCH_H
#define TCB_MATCH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifndef XXH_INLINE_ALL
#define XXH_INLINE_ALL
#endif
#include <xxhash.h>

#define TCB_MATCH_SEED UINT64_C(0x7463622d6d617463)
#define TCB_MATCH_LABEL 40

/* (caller, receiver, starts_at, ends_at, label_id): little-endian, every byte counts, unused ones are NUL. Fixed places, not text: a
   hash of bytes that were just stored elsewhere would wait for those stores. */
typedef struct {
  char caller[16], receiver[16];    /* digits, without + */
  int64_t starts_at, ends_at;
  char label[TCB_MATCH_LABEL];      /* lower case */
} tcb_match_key;

/* Fills a key from a record's parts; numbers with or without +. A label that is absent is "". */
static inline void tcb_match_key_set(tcb_match_key *key, const char *caller, size_t caller_len, const char *receiver, size_t receiver_len,
                                     int64_t starts_at, int64_t ends_at, const char *label, size_t label_len) {
  memset(key, 0, sizeof *key);
  if (caller_len > 0 && caller[0] == '+') caller++, caller_len--;
  if (receiver_len > 0 && receiver[0] == '+') receiver++, receiver_len--;
  if (caller_len > 0) memcpy(key->caller, caller, caller_len < 16 ? caller_len : 16);
  if (receiver_len > 0) memcpy(key->receiver, receiver, receiver_len < 16 ? receiver_len : 16);
  key->starts_at = starts_at;
  key->ends_at = ends_at;
  for (size_t i = 0; i < label_len && i < TCB_MATCH_LABEL; i++) key->label[i] = (char)(label[i] | 0x20);
}

/* Decimal digits -> *n; 0 when it is anything else, or beyond 15 digits. */
static inline int tcb_match_instant(const char *text, size_t len, int64_t *n) {
  *n = 0;
  if (len == 0 || len > 15) return 0;
  for (size_t i = 0; i < len; i++) {
    if (text[i] < '0' || text[i] > '9') return 0;
    *n = *n * 10 + (text[i] - '0');
  }
  return 1;
}

/* Never 0. */
static inline uint64_t tcb_match_hash(const tcb_match_key *key) {
  uint64_t h = XXH3_64bits_withSeed(key, sizeof *key, TCB_MATCH_SEED);
  return h ? h : 1;
}

/* Of caller and receiver alone, and of the label alone: what overlaps are looked for by. */
static inline uint64_t tcb_match_pair_hash(const tcb_match_key *key) {
  return XXH3_64bits_withSeed(key->caller, sizeof key->caller + sizeof key->receiver, TCB_MATCH_SEED);
}
static inline uint32_t tcb_match_label_hash(const tcb_match_key *key) {
  return (uint32_t)XXH3_64bits_withSeed(key->label, sizeof key->label, TCB_MATCH_SEED);
}

/* The journal's byte order is little-endian. */
static inline void tcb_match_store(char to[8], uint64_t h) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  memcpy(to, &h, sizeof h);
#else
  for (int i = 0; i < 8; i++) to[i] = (char)(h >> (8 * i));
#endif
}

static inline uint64_t tcb_match_load(const char from[8]) {
  uint64_t h = 0;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  memcpy(&h, from, sizeof h);
#else
  for (int i = 0; i < 8; i++) h |= (uint64_t)(unsigned char)from[i] << (8 * i);
#endif
  return h;
}

#endif
