/* core/rows_avx2.c: the fast path with 32-byte vectors; chosen when the machine has them. */
#if defined(__x86_64__)
#pragma GCC target("avx2,bmi,bmi2,popcnt,lzcnt")
#include "core/rows.h"

#include <immintrin.h>

#include "core/phone.h"

#define WIDTH 32

typedef struct { uint32_t stop, cont, high; } masks;

static inline __attribute__((always_inline)) __m256i high_nibbles(__m256i v) {
  return _mm256_and_si256(_mm256_srli_epi16(v, 4), _mm256_set1_epi8(15));
}

static inline __attribute__((always_inline)) __m256i look_up(__m128i table, __m256i index) {
  return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), index);
}

static inline __attribute__((always_inline)) void block_masks(const char *p, char *o, const tcb_stops *stops, const tcb_op *op, int bit,
                                                              masks *m) {
  (void)op;
  (void)bit;
  __m256i v = _mm256_loadu_si256((const __m256i *)p);
  _mm256_storeu_si256((__m256i *)o, v);
  __m256i low = look_up(_mm_loadu_si128((const __m128i *)stops->low), v);
  __m256i high = look_up(_mm_setr_epi8(1, 2, 4, 8, 16, 32, 64, (char)128, 0, 0, 0, 0, 0, 0, 0, 0), high_nibbles(v));
  __m256i none = _mm256_cmpeq_epi8(_mm256_and_si256(low, high), _mm256_setzero_si256());
  m->stop = ~(uint32_t)_mm256_movemask_epi8(none);
  m->cont = (uint32_t)_mm256_movemask_epi8(_mm256_cmpgt_epi8(_mm256_set1_epi8(-64), v));
  m->high = (uint32_t)_mm256_movemask_epi8(v);
}

/* UTF-8 by looking up each pair of bytes (J. Keiser, D. Lemire: Validating UTF-8 in less than one instruction per byte, 2020). */
enum {
  TOO_SHORT = 1, TOO_LONG = 2, OVERLONG_3 = 4, TOO_LARGE = 8, SURROGATE = 16, OVERLONG_2 = 32, TOO_LARGE_1000 = 64, OVERLONG_4 = 64,
  TWO_CONTS = 128, CARRY = TOO_SHORT | TOO_LONG | TWO_CONTS
};

#define BEFORE(v, prev, n) _mm256_alignr_epi8((v), _mm256_permute2x128_si256((prev), (v), 0x21), 16 - (n))

static inline __attribute__((always_inline)) __m256i utf8_errors(__m256i v, __m256i prev) {
  __m256i one = BEFORE(v, prev, 1);
  __m256i first_high = look_up(_mm_setr_epi8(
    TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG,
    (char)TWO_CONTS, (char)TWO_CONTS, (char)TWO_CONTS, (char)TWO_CONTS, TOO_SHORT | OVERLONG_2, TOO_SHORT,
    TOO_SHORT | OVERLONG_3 | SURROGATE, TOO_SHORT | TOO_LARGE | TOO_LARGE_1000 | OVERLONG_4), high_nibbles(one));
  __m256i first_low = look_up(_mm_setr_epi8(
    (char)(CARRY | OVERLONG_3 | OVERLONG_2 | OVERLONG_4), (char)(CARRY | OVERLONG_2), (char)CARRY, (char)CARRY,
    (char)(CARRY | TOO_LARGE), (char)(CARRY | TOO_LARGE | TOO_LARGE_1000), (char)(CARRY | TOO_LARGE | TOO_LARGE_1000),
    (char)(CARRY | TOO_LARGE | TOO_LARGE_1000), (char)(CARRY | TOO_LARGE | TOO_LARGE_1000), (char)(CARRY | TOO_LARGE | TOO_LARGE_1000),
    (char)(CARRY | TOO_LARGE | TOO_LARGE_1000), (char)(CARRY | TOO_LARGE | TOO_LARGE_1000), (char)(CARRY | TOO_LARGE | TOO_LARGE_1000),
    (char)(CARRY | TOO_LARGE | TOO_LARGE_1000 | SURROGATE), (char)(CARRY | TOO_LARGE | TOO_LARGE_1000),
    (char)(CARRY | TOO_LARGE | TOO_LARGE_1000)), _mm256_and_si256(one, _mm256_set1_epi8(15)));
  __m256i second_high = look_up(_mm_setr_epi8(
    TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
    (char)(TOO_LONG | OVERLONG_2 | TWO_CONTS | OVERLONG_3 | TOO_LARGE_1000 | OVERLONG_4),
    (char)(TOO_LONG | OVERLONG_2 | TWO_CONTS | OVERLONG_3 | TOO_LARGE), (char)(TOO_LONG | OVERLONG_2 | TWO_CONTS | SURROGATE | TOO_LARGE),
    (char)(TOO_LONG | OVERLONG_2 | TWO_CONTS | SURROGATE | TOO_LARGE), TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT), high_nibbles(v));
  __m256i special = _mm256_and_si256(_mm256_and_si256(first_high, first_low), second_high);
  __m256i third = _mm256_subs_epu8(BEFORE(v, prev, 2), _mm256_set1_epi8((char)(0xE0 - 0x80)));
  __m256i fourth = _mm256_subs_epu8(BEFORE(v, prev, 3), _mm256_set1_epi8((char)(0xF0 - 0x80)));
  __m256i must = _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8((char)0x80));
  return _mm256_xor_si256(must, special);
}

static inline int text_is_utf8(const char *s, size_t len) {
  const __m256i index = _mm256_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
                                         29, 30, 31);
  __m256i prev = _mm256_setzero_si256(), wrong = _mm256_setzero_si256();
  size_t i = 0;
  for (; i + 32 <= len; i += 32) {
    __m256i v = _mm256_loadu_si256((const __m256i *)(s + i));
    wrong = _mm256_or_si256(wrong, utf8_errors(v, prev));
    prev = v;
  }
  /* The rest, with at least one zero behind it: a character that is cut off at the end shows there. */
  __m256i v = _mm256_loadu_si256((const __m256i *)(s + i));
  v = _mm256_and_si256(v, _mm256_cmpgt_epi8(_mm256_set1_epi8((char)(len - i)), index));
  wrong = _mm256_or_si256(wrong, utf8_errors(v, prev));
  return _mm256_testz_si256(wrong, wrong);
}

#include "core/rows_x86.inc"

#define ROWS_NAME take_avx2
#include "core/rows.inc"

const tcb_rows_build tcb_rows_avx2 = { "avx2", take_avx2, hash_bytes };
#else
typedef int tcb_rows_avx2_unused;
#endif
