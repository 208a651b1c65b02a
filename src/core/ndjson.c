/* core/ndjson.c: rows of newline-delimited JSON. */
#include "core/ndjson.h"

#include "core/jscan.h"

#define BAD '\xFF'                    /* never a byte of UTF-8 */

static long hex4(const char *s) {
  long n = 0;
  for (int i = 0; i < 4; i++) {
    char c = s[i];
    n = n * 16 + (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  return n;
}

/* "\uXXXX" at s, whose text ends at `end`, perhaps half of a pair: bytes used. */
static size_t code_point(const char *s, const char *end, uint32_t *c) {
  long high = hex4(s + 2);
  *c = (uint32_t)high;
  if (high < 0xD800 || high > 0xDFFF) return 6;
  *c = UINT32_MAX;
  if (high > 0xDBFF || end - s < 12 || s[6] != '\\' || s[7] != 'u') return 6;
  long low = hex4(s + 8);
  if (low < 0xDC00 || low > 0xDFFF) return 6;
  *c = 0x10000 + ((uint32_t)(high - 0xD800) << 10) + (uint32_t)(low - 0xDC00);
  return 12;
}

size_t tcb_ndjson_unescape(const char *s, size_t len, char *to) {
  const char *end = s + len;
  size_t n = 0;
  while (s < end) {
    uint32_t c;
    if (*s != '\\') {
      to[n++] = *s++;
      continue;
    }
    if (s[1] == 'u') {
      s += code_point(s, end, &c);
      if (c == UINT32_MAX) to[n++] = BAD;
      else n += tcb_utf8_put(c, to + n);
      continue;
    }
    const char *at = strchr("b\bf\fn\nr\rt\t", s[1]);
    to[n++] = at ? at[1] : s[1];
    s += 2;
  }
  return n;
}

static size_t line_bytes(const char *p, size_t len, int is_last, size_t *text) {
  const char *newline = memchr(p, '\n', len);
  if (newline == NULL && !is_last) return 0;
  size_t bytes = newline ? (size_t)(newline - p) + 1 : len;
  *text = newline ? bytes - 1 : bytes;
  if (*text > 0 && p[*text - 1] == '\r') (*text)--;
  return bytes;
}

static int member(const tcb_jscan_members *m, int place, tcb_nested nested, tcb_csv_cell *cells, tcb_buf *scratch) {
  const char *from = m->value.from;
  size_t len = (size_t)(m->value.to - from);
  tcb_csv_cell *cell = &cells[place];
  if ((*from == '{' || *from == '[') && nested == TCB_NESTED_REFUSED) return 0;
  *cell = (tcb_csv_cell){ from, (uint32_t)len, 0 };
  if (*from == 'n') cell->len = 0;
  if (*from != '"') return 1;
  cell->data++;
  cell->len -= 2;
  if (memchr(cell->data, '\\', cell->len) == NULL) return 1;
  char *to = scratch->data + scratch->len;
  cell->len = (uint32_t)tcb_ndjson_unescape(cell->data, cell->len, to);
  cell->data = to;
  scratch->len += cell->len;
  return 1;
}

int tcb_ndjson_next(const char *p, size_t len, int is_last, tcb_nested nested, tcb_member_place place, void *ud, tcb_csv_cell *cells,
                    size_t cells_count, tcb_buf *scratch, tcb_csv_row *row, tcb_err *err) {
  size_t text = 0, bytes = len ? line_bytes(p, len, is_last, &text) : 0;
  *row = (tcb_csv_row){ .count = 0 };
  if (bytes == 0 && len > TCB_ROW_MAX) {
    *row = (tcb_csv_row){ .count = cells_count, .bytes = len, .why = TCB_CSV_LONG };
    return 1;
  }
  if (bytes == 0) return 0;
  row->bytes = bytes;
  row->lines = p[bytes - 1] == '\n';
  if (tcb_text_trim(p, text).len == 0) return 1;
  row->count = cells_count;
  row->why = TCB_CSV_JSON;
  if (tcb_jscan_kind(p, text) != '{' || !tcb_jscan_is_whole(p, text)) return 1;
  scratch->len = 0;
  if (tcb_buf_reserve(scratch, text, err) != TCB_OK) return -1;
  for (size_t i = 0; i < cells_count; i++) cells[i] = (tcb_csv_cell){ p, 0, 0 };
  tcb_jscan_members m = tcb_jscan_open((tcb_slice){ p, p + text });
  while (tcb_jscan_next(&m)) {
    const char *key = m.key.from;
    size_t key_len = (size_t)(m.key.to - key);
    char plain[256];
    if (memchr(key, '\\', key_len)) {
      if (key_len > sizeof plain) continue;
      key_len = tcb_ndjson_unescape(key, key_len, plain);
      key = plain;
    }
    int at = place(ud, key, key_len);
    if (at >= 0 && (size_t)at < cells_count && !member(&m, at, nested, cells, scratch)) return 1;
  }
  row->why = TCB_WHY_NONE;
  return 1;
}
