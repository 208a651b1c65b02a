/* core/text.c: UTF-8, one code point at a time: the reference that the vector paths are compared with. */
#include "core/text.h"

#include <string.h>

size_t tcb_utf8_get(const char *s, size_t len, uint32_t *code_point) {
  const unsigned char *p = (const unsigned char *)s;
  if (p[0] < 0x80) {
    *code_point = p[0];
    return 1;
  }
  size_t n = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
  static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
  if (p[0] < 0xC2 || p[0] > 0xF4 || n > len) return 0;
  uint32_t c = p[0] & (0xFFu >> (n + 1));
  for (size_t i = 1; i < n; i++) {
    if ((p[i] & 0xC0) != 0x80) return 0;
    c = c << 6 | (p[i] & 0x3F);
  }
  if (c < least[n] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) return 0;
  *code_point = c;
  return n;
}

long tcb_utf8_count(const char *s, size_t len) {
  long count = 0;
  uint32_t c;
  for (size_t i = 0; i < len; count++) {
    uint64_t eight;
    while (len - i > 8 && (memcpy(&eight, s + i, 8), (eight & UINT64_C(0x8080808080808080)) == 0)) i += 8, count += 8;
    size_t n = tcb_utf8_get(s + i, len - i, &c);
    if (n == 0) return -1;
    i += n;
  }
  return count;
}

size_t tcb_utf8_put(uint32_t c, char out[4]) {
  if (c < 0x80) {
    out[0] = (char)c;
    return 1;
  }
  size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  for (size_t i = n - 1; i > 0; i--, c >>= 6) out[i] = (char)(0x80 | (c & 0x3F));
  out[0] = (char)(((0xF00u >> n) & 0xFF) | c);
  return n;
}

static int is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

tcb_text tcb_text_trim(const char *s, size_t len) {
  while (len > 0 && is_blank(s[len - 1])) len--;
  while (len > 0 && is_blank(s[0])) s++, len--;
  return (tcb_text){ s, len };
}
