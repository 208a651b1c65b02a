/* core/outcome.c: counting outcome codes, notes, packed ids. */
#include "core/outcome.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "core/spans.h"

void tcb_tally_add(tcb_tally *t, const char *codes, size_t count) {
  const unsigned char *c = (const unsigned char *)codes;
  uint64_t others[256] = { 0 };     /* every other byte: an increment need not wait for the one before */
  size_t i = 0;
  for (; i + 2 <= count; i += 2) {
    t->codes[c[i]]++;
    others[c[i + 1]]++;
  }
  if (i < count) t->codes[c[i]]++;
  for (i = 0; i < 256; i++) t->codes[i] += others[i];
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

/* `len` bytes at `p`, eight at most, as a number whose low byte is the first. Registers rather than memory: a vector that is read
   where smaller pieces were just written would wait for them. */
static inline uint64_t piece(const char *p, size_t len) {
  uint64_t v = 0;
  memcpy(&v, p, len);
  return v;
}

#ifdef __SSE2__
/* Sixteen hex digits in lower case to eight bytes; bits of *bad where one is none. */
static inline uint64_t hex16(uint64_t first, uint64_t last, int *bad) {
  __m128i c = _mm_set_epi64x((long long)last, (long long)first);
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

static inline uint64_t hex16(uint64_t first, uint64_t last, int *bad) {
  char digits[16];
  unsigned char bytes[8];
  uint64_t v;
  memcpy(digits, &first, 8), memcpy(digits + 8, &last, 8);
  for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)(hex_value(digits[2 * i], bad) << 4 | (hex_value(digits[2 * i + 1], bad) & 15));
  memcpy(&v, bytes, sizeof v);
  return v;
}
#endif

/* Two pieces of four digits with a dash between them, or any other byte. */
static inline uint64_t around_dash(const char *p) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  return piece(p, 4) | piece(p + 5, 4) << 32;
#else
  char both[8];
  memcpy(both, p, 4), memcpy(both + 4, p + 5, 4);
  return piece(both, 8);
#endif
}

int tcb_uuid_pack(const char *text, size_t len, unsigned char out[16]) {
  if (len != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-') return 0;
  int bad = 0;
  uint64_t halves[2] = { hex16(piece(text, 8), around_dash(text + 9), &bad), hex16(around_dash(text + 19), piece(text + 28, 8), &bad) };
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
