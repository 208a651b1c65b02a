/* core/jscan.c: a validating walk over JSON text. Recursion is bounded by TCB_JSCAN_DEPTH. */
#include "core/jscan.h"

#include <string.h>

static const char *spaces(const char *p, const char *end) {
  while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) p++;
  return p;
}

static int is_digit(const char *p, const char *end) {
  return p < end && *p >= '0' && *p <= '9';
}

static int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = (char)(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static long hex4(const char *p, const char *end) {       /* -1: not four hex digits */
  long n = 0;
  if (end - p < 4) return -1;
  for (int i = 0; i < 4; i++) {
    int v = hex_value(p[i]);
    if (v < 0) return -1;
    n = n * 16 + v;
  }
  return n;
}

/* `p` is behind the opening quote; the result is behind the closing one, NULL when there is none. */
static const char *skip_string(const char *p, const char *end) {
  for (; p < end; p++) {
    if (*p == '"') return p + 1;
    if ((unsigned char)*p < 0x20) return NULL;
    if (*p != '\\') continue;
    if (++p == end || strchr("\"\\/bfnrtu", *p) == NULL || *p == '\0') return NULL;
    if (*p == 'u') {
      if (hex4(p + 1, end) < 0) return NULL;
      p += 4;
    }
  }
  return NULL;
}

static const char *skip_number(const char *p, const char *end) {
  if (*p == '-') p++;
  if (!is_digit(p, end)) return NULL;
  if (*p++ != '0') while (is_digit(p, end)) p++;
  if (p < end && *p == '.') {
    if (!is_digit(++p, end)) return NULL;
    while (is_digit(p, end)) p++;
  }
  if (p < end && (*p == 'e' || *p == 'E')) {
    if (++p < end && (*p == '+' || *p == '-')) p++;
    if (!is_digit(p, end)) return NULL;
    while (is_digit(p, end)) p++;
  }
  return p;
}

static const char *skip_word(const char *p, const char *end, const char *word, size_t len) {
  return (size_t)(end - p) >= len && memcmp(p, word, len) == 0 ? p + len : NULL;
}

static const char *skip_value(const char *p, const char *end, int depth);

static const char *skip_items(const char *p, const char *end, int depth, char close) {
  p = spaces(p, end);
  if (p < end && *p == close) return p + 1;
  for (;;) {
    if (close == '}') {
      if (p == end || *p != '"' || (p = skip_string(p + 1, end)) == NULL) return NULL;
      p = spaces(p, end);
      if (p == end || *p++ != ':') return NULL;
    }
    if ((p = skip_value(spaces(p, end), end, depth - 1)) == NULL) return NULL;
    p = spaces(p, end);
    if (p == end) return NULL;
    if (*p == close) return p + 1;
    if (*p != ',') return NULL;
    p = spaces(p + 1, end);
  }
}

static const char *skip_value(const char *p, const char *end, int depth) {
  if (p == end || depth == 0) return NULL;
  switch (*p) {
    case '{': return skip_items(p + 1, end, depth, '}');
    case '[': return skip_items(p + 1, end, depth, ']');
    case '"': return skip_string(p + 1, end);
    case 't': return skip_word(p, end, "true", 4);
    case 'f': return skip_word(p, end, "false", 5);
    case 'n': return skip_word(p, end, "null", 4);
    default: return skip_number(p, end);
  }
}

int tcb_jscan_is_whole(const char *text, size_t len) {
  const char *end = text + len, *p = skip_value(spaces(text, end), end, TCB_JSCAN_DEPTH);
  return p != NULL && spaces(p, end) == end;
}

char tcb_jscan_kind(const char *text, size_t len) {
  const char *p = spaces(text, text + len);
  return p < text + len ? *p : '\0';
}

tcb_slice tcb_jscan_member(tcb_slice object, const char *name) {
  tcb_slice found = { NULL, NULL };
  const char *end = object.to, *p;
  size_t name_len = strlen(name);
  if (object.from == NULL) return found;
  p = spaces(object.from, end);
  if (p == end || *p != '{') return found;
  p = spaces(p + 1, end);
  while (p < end && *p == '"') {
    const char *key = p + 1;
    if ((p = skip_string(key, end)) == NULL) return found;
    int is_it = (size_t)(p - key) == name_len + 1 && memcmp(key, name, name_len) == 0;
    p = spaces(p, end);
    if (p == end || *p != ':') return found;
    p = spaces(p + 1, end);
    const char *value = p;
    p = skip_value(p, end, TCB_JSCAN_DEPTH);
    if (is_it && value < end) return (tcb_slice){ value, p ? p : end };
    if (p == NULL) return found;
    p = spaces(p, end);
    if (p < end && *p == ',') p = spaces(p + 1, end);
  }
  return found;
}

static size_t put_utf8(long c, char out[4]) {
  if (c < 0x20 || c == 0x7f) c = ' ';
  if (c < 0x80) return out[0] = (char)c, 1;
  if (c < 0x800) return out[0] = (char)(0xc0 | c >> 6), out[1] = (char)(0x80 | (c & 63)), 2;
  if (c < 0x10000) {
    out[0] = (char)(0xe0 | c >> 12), out[1] = (char)(0x80 | (c >> 6 & 63)), out[2] = (char)(0x80 | (c & 63));
    return 3;
  }
  out[0] = (char)(0xf0 | c >> 18), out[1] = (char)(0x80 | (c >> 12 & 63));
  out[2] = (char)(0x80 | (c >> 6 & 63)), out[3] = (char)(0x80 | (c & 63));
  return 4;
}

/* One escape at `p` (behind the backslash) as a code point; lone surrogates become U+FFFD. */
static const char *read_escape(const char *p, const char *end, long *point) {
  static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
  if (*p != 'u') {
    const char *which = strchr(from, *p);
    *point = which && *p ? to[which - from] : (unsigned char)*p;
    return p + 1;
  }
  long high = hex4(p + 1, end), low = -1;
  if (high < 0) return end;
  p += 5;
  if (high >= 0xd800 && high < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') low = hex4(p + 2, end);
  if (low >= 0xdc00 && low < 0xe000) {
    *point = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    return p + 6;
  }
  *point = high >= 0xd800 && high < 0xe000 ? 0xfffd : high;
  return p;
}

size_t tcb_jscan_string(tcb_slice value, char *out, size_t cap) {
  size_t len = 0;
  const char *p = value.from, *end = value.to;
  out[0] = '\0';
  if (p == NULL || p == end || *p != '"') return 0;
  for (p++; p < end && *p != '"';) {
    char bytes[4];
    size_t n = 1;
    if (*p == '\\' && p + 1 < end) {
      long point = ' ';
      p = read_escape(p + 1, end, &point);
      n = put_utf8(point, bytes);
    } else {
      unsigned char c = (unsigned char)*p;
      size_t want = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
      while (n < want && p + n < end && ((unsigned char)p[n] & 0xc0) == 0x80) n++;
      memcpy(bytes, p, n);
      if (c < 0x20 || c == 0x7f) bytes[0] = ' ';
      p += n;
    }
    if (len + n >= cap) break;
    memcpy(out + len, bytes, n);
    len += n;
  }
  out[len] = '\0';
  return len;
}

const char *tcb_jscan_spaces(const char *p, const char *end) {
  return spaces(p, end);
}

const char *tcb_jscan_skip(const char *p, const char *end) {
  return skip_value(p, end, TCB_JSCAN_DEPTH);
}

tcb_jscan_members tcb_jscan_open(tcb_slice object) {
  tcb_jscan_members it = { .at = spaces(object.from, object.to), .end = object.to, .is_broken = 1 };
  if (it.at < it.end && *it.at == '{') it.at = spaces(it.at + 1, it.end);
  else it.at = it.end;
  return it;
}

int tcb_jscan_next(tcb_jscan_members *it) {
  const char *p = it->at, *end = it->end;
  if (p < end && *p == '}') it->is_broken = 0;
  if (p == end || *p != '"') return 0;
  it->key.from = p + 1;
  if ((p = skip_string(p + 1, end)) == NULL) return 0;
  it->key.to = p - 1;
  p = spaces(p, end);
  if (p == end || *p != ':') return 0;
  it->value.from = spaces(p + 1, end);
  if ((p = skip_value(it->value.from, end, TCB_JSCAN_DEPTH)) == NULL) return 0;
  it->value.to = p;
  p = spaces(p, end);
  it->at = p < end && *p == ',' ? spaces(p + 1, end) : p;
  return 1;
}
