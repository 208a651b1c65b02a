/* core/match.h: the hash of a record's match key, 8 bytes a record in the journal. Two keys of one batch never share it: the record
   that would collide waits for the next batch. The same bytes on every machine, for ever: journals keep them. */
#ifndef TCB_MATCH_H
#define TCB_MATCH_H

#include <stddef.h>
#include <stdint.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define TCB_MATCH_SEED UINT64_C(0x7463622d6d617463)
/* Both numbers at 15 digits, both instants at 13, a label of 36, four bars; a longer label is hashed all the same. */
#define TCB_MATCH_KEY_TYPICAL 96

/* `key` is `caller|receiver|starts_at|ends_at|label_id`: numbers as digits without `+`, instants in decimal. Never 0. */
static inline uint64_t tcb_match_hash(const char *key, size_t len) {
  uint64_t h = XXH64(key, len, TCB_MATCH_SEED);
  return h ? h : 1;
}

/* The journal's byte order is little-endian. */
static inline void tcb_match_store(char to[8], uint64_t h) {
  for (int i = 0; i < 8; i++) to[i] = (char)(h >> (8 * i));
}

static inline uint64_t tcb_match_load(const char from[8]) {
  uint64_t h = 0;
  for (int i = 0; i < 8; i++) h |= (uint64_t)(unsigned char)from[i] << (8 * i);
  return h;
}

#endif
