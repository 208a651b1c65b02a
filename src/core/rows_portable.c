/* core/rows_portable.c: the fast path without vectors: any machine, and what the others are compared with. */
#include "core/rows.h"

#include "core/phone.h"

#define WIDTH 8

typedef struct { uint32_t stop, cont, high; } masks;

static inline void block_masks(const char *p, char *o, const tcb_stops *stops, const tcb_op *op, int bit, masks *m) {
  (void)stops;
  memcpy(o, p, WIDTH);
  m->stop = m->cont = m->high = 0;
  for (int i = 0; i < WIDTH; i++) {
    unsigned char c = (unsigned char)p[i];
    m->stop |= (uint32_t)((op->class_of[c] & bit) != 0) << i;
    m->cont |= (uint32_t)((c & 0xC0) == 0x80) << i;
    m->high |= (uint32_t)(c >> 7) << i;
  }
}

static inline int number_cell(const char *q, char *o, char key[16]) {
  int n = 0;
  for (; n < 16 && q[n] >= '0' && q[n] <= '9'; n++) o[n] = key[n] = q[n];
  memset(key + n, 0, (size_t)(16 - n));
  return n;
}

static inline int uuid_cell(const char *q, char *o, char key[TCB_MATCH_LABEL]) {
  if (!tcb_is_uuid(q, TCB_LABEL_BYTES)) return 0;
  memcpy(o, q, TCB_LABEL_BYTES);
  for (int i = 0; i < TCB_LABEL_BYTES; i++) key[i] = (char)(q[i] | 0x20);
  return 1;
}

static inline int instant_cell(const char *q, char *o, int64_t *ms) {
  int64_t n = 0;
  if (*q == '0') return 0;
  for (int i = 0; i < 13; i++) {
    if (q[i] < '0' || q[i] > '9') return 0;
    n = n * 10 + (q[i] - '0');
  }
  memcpy(o, q, 13);
  *ms = n;
  return 1;
}

static inline int text_is_utf8(const char *s, size_t len) {
  return tcb_utf8_count(s, len) >= 0;
}

#define ROWS_NAME take_portable
#include "core/rows.inc"

const tcb_rows_build tcb_rows_portable = { "portable", take_portable, hash_bytes };
