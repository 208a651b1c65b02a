/* core/outcome.c: counting outcome codes, notes, packed ids. */
#include "core/outcome.h"

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

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))
#define HIGH EACH(0x80)

/* Eight hex digits in lower case, the first in the low byte, to four bytes; *bad gains a bit for whatever is none. */
static inline uint32_t hex8(uint64_t x, uint64_t *bad) {
  uint64_t digit = (x + EACH(0x80 - '0')) & ~(x + EACH(0x7f - '9'));
  uint64_t letter = (x + EACH(0x80 - 'a')) & ~(x + EACH(0x7f - 'f'));
  *bad |= (~(digit | letter) | x) & HIGH;
  uint64_t v = (x & EACH(0x0f)) + 9 * ((x >> 6) & EACH(1));
  v = (v << 4 | v >> 8) & UINT64_C(0x00ff00ff00ff00ff);
  v = (v | v >> 8) & UINT64_C(0x0000ffff0000ffff);
  return (uint32_t)(v | v >> 16);
}

/* Bytes to integers, the first byte lowest, wherever they lie. */
static inline uint64_t load8(const char *at) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  uint64_t v;
  memcpy(&v, at, sizeof v);
  return v;
#else
  uint64_t v = 0;
  for (int i = 0; i < 8; i++) v |= (uint64_t)(unsigned char)at[i] << (8 * i);
  return v;
#endif
}

static inline uint64_t load4(const char *at) {
  uint32_t v;
  memcpy(&v, at, sizeof v);
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
  v = __builtin_bswap32(v);
#endif
  return v;
}

static inline void store4(unsigned char *to, uint32_t v) {
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
  v = __builtin_bswap32(v);
#endif
  memcpy(to, &v, sizeof v);
}

int tcb_uuid_pack(const char *text, size_t len, unsigned char out[16]) {
  if (len != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-') return 0;
  uint64_t bad = 0;
  uint32_t a = hex8(load8(text), &bad), b = hex8(load4(text + 9) | load4(text + 14) << 32, &bad);
  uint32_t c = hex8(load4(text + 19) | load4(text + 24) << 32, &bad), d = hex8(load8(text + 28), &bad);
  if (bad) return 0;
  store4(out, a), store4(out + 4, b), store4(out + 8, c), store4(out + 12, d);
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
