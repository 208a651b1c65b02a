/* core/rows_sse2.c: the fast path for any x86-64. */
#include "core/rows.h"

#if defined(__x86_64__)
#include <emmintrin.h>

#include "core/phone.h"

#define WIDTH 16

typedef struct { uint32_t stop, cont, high; } masks;

static inline __attribute__((always_inline)) void block_masks(const char *p, char *o, const tcb_stops *stops, const tcb_op *op, int bit,
                                                              masks *m) {
  (void)op;
  (void)bit;
  __m128i v = _mm_loadu_si128((const __m128i *)p), stop = _mm_setzero_si128();
  _mm_storeu_si128((__m128i *)o, v);
  for (int i = 0; i < stops->ranges; i++) {
    __m128i d = _mm_sub_epi8(v, _mm_set1_epi8((char)stops->from[i]));
    stop = _mm_or_si128(stop, _mm_cmpeq_epi8(_mm_min_epu8(d, _mm_set1_epi8((char)stops->span[i])), d));
  }
  m->stop = (uint32_t)_mm_movemask_epi8(stop);
  m->cont = (uint32_t)_mm_movemask_epi8(_mm_cmpgt_epi8(_mm_set1_epi8(-64), v));
  m->high = (uint32_t)_mm_movemask_epi8(v);
}

static inline int text_is_utf8(const char *s, size_t len) {
  return tcb_utf8_count(s, len) >= 0;
}

#include "core/rows_x86.inc"

#define ROWS_NAME take_sse2
#include "core/rows.inc"

const tcb_rows_build tcb_rows_sse2 = { "sse2", take_sse2, hash_bytes };
#endif
