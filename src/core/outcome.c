/* core/outcome.c: counting outcome codes, notes, packed ids. */
#include "core/outcome.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "core/spans.h"

void tcb_tally_add(tcb_tally *t, const char *codes, size_t count) {
  const unsigned char *c = (const unsigned char *)codes;
  for (size_t i = 0; i < count; i++) t->codes[c[i]]++;
}

void tcb_tally_marks(tcb_tally *t, const char *marks, size_t count) {
  for (size_t i = 0; i < count; i++) {
    t->late += (marks[i] & TCB_MARK_LATE) != 0;
    t->grouped += (marks[i] & TCB_MARK_GROUP) != 0;
  }
}

tcb_status tcb_note_add(tcb_buf *notes, char kind, uint64_t record, const char *text, size_t len, tcb_err *err) {
  char head[1 + 2 * TCB_VARINT_MAX] = { kind };
  if (len > TCB_NOTE_TEXT_MAX) len = TCB_NOTE_TEXT_MAX;
  size_t n = 1 + tcb_varint_put(head + 1, record);
  n += tcb_varint_put(head + n, len);
  tcb_status status = tcb_buf_reserve(notes, n + len, err);
  if (status != TCB_OK) return status;
  tcb_buf_add(notes, head, n, err);
  return tcb_buf_add(notes, text, len, err);
}

int tcb_note_next(tcb_notes_reader *r, tcb_note *note) {
  uint64_t len;
  if (r->at == r->last) return 0;
  note->kind = *r->at++;
  size_t used = tcb_varint_get(r->at, r->last, &note->record);
  if (used == 0) return -1;
  r->at += used;
  used = tcb_varint_get(r->at, r->last, &len);
  if (used == 0 || len > (uint64_t)(r->last - r->at) - used) return -1;
  note->text = r->at + used;
  note->len = (size_t)len;
  r->at = note->text + note->len;
  return 1;
}

/* The 32 digits of a UUID, without its dashes. */
static inline void without_dashes(const char *text, char digits[32]) {
  memcpy(digits, text, 8);
  memcpy(digits + 8, text + 9, 4);
  memcpy(digits + 12, text + 14, 4);
  memcpy(digits + 16, text + 19, 4);
  memcpy(digits + 20, text + 24, 12);
}

#ifdef __SSE2__
/* Sixteen hex digits in lower case to eight bytes; bits of *bad where one is none. */
static inline uint64_t hex16(const char *digits, int *bad) {
  __m128i c = _mm_loadu_si128((const __m128i *)(const void *)digits);
  __m128i digit = _mm_and_si128(_mm_cmpgt_epi8(c, _mm_set1_epi8('0' - 1)), _mm_cmplt_epi8(c, _mm_set1_epi8('9' + 1)));
  __m128i letter = _mm_and_si128(_mm_cmpgt_epi8(c, _mm_set1_epi8('a' - 1)), _mm_cmplt_epi8(c, _mm_set1_epi8('f' + 1)));
  *bad |= _mm_movemask_epi8(_mm_or_si128(digit, letter)) ^ 0xffff;
  __m128i v = _mm_add_epi8(_mm_and_si128(c, _mm_set1_epi8(15)), _mm_and_si128(letter, _mm_set1_epi8(9)));
  __m128i pairs = _mm_or_si128(_mm_slli_epi16(_mm_and_si128(v, _mm_set1_epi16(0xff)), 4), _mm_srli_epi16(v, 8));
  return (uint64_t)_mm_cvtsi128_si64(_mm_packus_epi16(pairs, pairs));
}
#else
static inline int hex_value(char c, int *bad) {
  if (c >= '0' && c <= '9') return c - '0';
  *bad |= c < 'a' || c > 'f';
  return c - 'a' + 10;
}

static inline uint64_t hex16(const char *digits, int *bad) {
  unsigned char bytes[8];
  uint64_t v;
  for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)(hex_value(digits[2 * i], bad) << 4 | (hex_value(digits[2 * i + 1], bad) & 15));
  memcpy(&v, bytes, sizeof v);
  return v;
}
#endif

int tcb_uuid_pack(const char *text, size_t len, unsigned char out[16]) {
  if (len != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-') return 0;
  char digits[32];
  int bad = 0;
  without_dashes(text, digits);
  uint64_t halves[2] = { hex16(digits, &bad), hex16(digits + 16, &bad) };
  if (bad) return 0;
  memcpy(out, halves, 16);
  return 1;
}

void tcb_uuid_unpack(const unsigned char packed[16], char out[36]) {
  static const char digits[] = "0123456789abcdef";
  for (int i = 0; i < 16; i++) {
    *out++ = digits[packed[i] >> 4];
    *out++ = digits[packed[i] & 15];
    if (i == 3 || i == 5 || i == 7 || i == 9) *out++ = '-';
  }
}
