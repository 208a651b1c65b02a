/* core/json.c: the strict JSON scanner. A bit mask remembers what each open container is; no recursion. */
#include "core/json.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { WANT_VALUE, WANT_VALUE_OR_CLOSE, WANT_KEY, WANT_KEY_OR_CLOSE, WANT_COMMA_OR_CLOSE, WANT_END, BROKEN };

void tcb_json_init(tcb_json *j, const char *bytes, size_t len, int max_depth) {
  memset(j, 0, sizeof *j);
  j->start = j->at = bytes;
  j->end = bytes + len;
  j->max_depth = max_depth < TCB_JSON_DEPTH_MAX ? max_depth : TCB_JSON_DEPTH_MAX;
  j->expect = WANT_VALUE;
}

static tcb_json_kind broken(tcb_json *j, const char *why) {
  j->expect = BROKEN;
  j->error = why;
  return TCB_JSON_ERROR;
}

static const char *skip_space(const char *p, const char *end) {
  while (p < end && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r')) p++;
  return p;
}

/* Past plain text: up to the next quote, backslash, control character or byte beyond ASCII. */
static const char *skip_plain(const char *p, const char *end) {
#ifdef __SSE2__
  const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), space = _mm_set1_epi8(0x20);
  for (; end - p >= 16; p += 16) {
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i odd = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash)), _mm_cmplt_epi8(v, space));
    int mask = _mm_movemask_epi8(odd);            /* signed comparison: bytes from 0x80 on are "less" than a space too */
    if (mask) return p + __builtin_ctz((unsigned)mask);
  }
#endif
  while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' && *p != '\\') p++;
  return p;
}

static int is_tail(unsigned char c) { return (c & 0xC0) == 0x80; }

/* Bytes of the UTF-8 sequence at p, 0 when it is none (overlong forms, surrogates and beyond U+10FFFF included). */
static int utf8_len(const char *text, const char *end) {
  const unsigned char *p = (const unsigned char *)text;
  ptrdiff_t left = end - text;
  if (p[0] >= 0xC2 && p[0] <= 0xDF) return left >= 2 && is_tail(p[1]) ? 2 : 0;
  if ((p[0] & 0xF0) == 0xE0) {
    if (left < 3 || !is_tail(p[1]) || !is_tail(p[2])) return 0;
    return (p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] >= 0xA0) ? 0 : 3;
  }
  if (p[0] >= 0xF0 && p[0] <= 0xF4) {
    if (left < 4 || !is_tail(p[1]) || !is_tail(p[2]) || !is_tail(p[3])) return 0;
    return (p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] >= 0x90) ? 0 : 4;
  }
  return 0;
}

static int hex4(const char *p, const char *end, unsigned *out) {
  unsigned n = 0;
  if (end - p < 4) return 0;
  for (int i = 0; i < 4; i++) {
    unsigned c = (unsigned char)p[i], letter = c | 32;
    if (c >= '0' && c <= '9') n = n * 16 + c - '0';
    else if (letter >= 'a' && letter <= 'f') n = n * 16 + letter - 'a' + 10;
    else return 0;
  }
  *out = n;
  return 1;
}

/* Bytes of the escape at p (a backslash), 0 when it is none. */
static int escape_len(const char *p, const char *end, uint32_t *code_point) {
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  unsigned high, low;
  if (end - p < 2) return 0;
  if (p[1] != 'u') {
    const char *at = p[1] ? strchr(from, p[1]) : NULL;
    if (at == NULL) return 0;
    *code_point = (unsigned char)to[at - from];
    return 2;
  }
  if (!hex4(p + 2, end, &high) || (high >= 0xDC00 && high <= 0xDFFF)) return 0;
  *code_point = high;
  if (high < 0xD800 || high > 0xDBFF) return 6;
  if (end - p < 12 || p[6] != '\\' || p[7] != 'u' || !hex4(p + 8, end, &low) || low < 0xDC00 || low > 0xDFFF) return 0;
  *code_point = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
  return 12;
}

static int scan_string(tcb_json *j) {                    /* at: behind the opening quote */
  const char *p = j->at;
  uint32_t ignored;
  j->text = p;
  j->has_escapes = 0;
  for (;;) {
    p = skip_plain(p, j->end);
    if (p == j->end) return broken(j, "a string without its closing quote"), 0;
    if (*p == '"') break;
    int n = *p == '\\' ? escape_len(p, j->end, &ignored) : utf8_len(p, j->end);
    if (n == 0) {
      broken(j, *p == '\\' ? "a wrong escape" : (unsigned char)*p < 0x20 ? "a control character in a string" : "not UTF-8");
      return 0;
    }
    if (*p == '\\') j->has_escapes = 1;
    p += n;
  }
  j->len = (size_t)(p - j->text);
  j->at = p + 1;
  return 1;
}

static const char *digits(const char *p, const char *end) {
  while (p < end && *p >= '0' && *p <= '9') p++;
  return p;
}

static int scan_number(tcb_json *j) {
  const char *p = j->at, *from;
  j->text = p;
  if (p < j->end && *p == '-') p++;
  from = p;
  p = digits(p, j->end);
  if (p == from || (*from == '0' && p - from > 1)) return broken(j, "a wrong number"), 0;
  if (p < j->end && *p == '.') {
    from = p + 1;
    p = digits(from, j->end);
    if (p == from) return broken(j, "a wrong number"), 0;
  }
  if (p < j->end && (*p | 32) == 'e') {
    from = p + 1;
    if (from < j->end && (*from == '+' || *from == '-')) from++;
    p = digits(from, j->end);
    if (p == from) return broken(j, "a wrong number"), 0;
  }
  j->len = (size_t)(p - j->text);
  j->at = p;
  return 1;
}

static tcb_json_kind word(tcb_json *j, const char *text, size_t len, tcb_json_kind kind) {
  if ((size_t)(j->end - j->at) < len || memcmp(j->at, text, len) != 0) return broken(j, "an unknown word");
  j->at += len;
  return kind;
}

static int in_object(const tcb_json *j) { return (int)(j->objects >> (j->depth - 1) & 1); }

static tcb_json_kind after_value(tcb_json *j, tcb_json_kind kind) {
  j->expect = j->depth == 0 ? WANT_END : WANT_COMMA_OR_CLOSE;
  return kind;
}

static tcb_json_kind open_container(tcb_json *j, int is_object) {
  if (j->depth == j->max_depth) return broken(j, "nested too deep");
  j->objects = (j->objects & ~(UINT64_C(1) << j->depth)) | (uint64_t)is_object << j->depth;
  j->depth++;
  j->at++;
  j->expect = is_object ? WANT_KEY_OR_CLOSE : WANT_VALUE_OR_CLOSE;
  return is_object ? TCB_JSON_OBJECT : TCB_JSON_ARRAY;
}

static tcb_json_kind close_container(tcb_json *j) {
  if (*j->at != (in_object(j) ? '}' : ']')) return broken(j, "a bracket that closes nothing");
  j->at++;
  j->depth--;
  return after_value(j, TCB_JSON_CLOSE);
}

static tcb_json_kind value(tcb_json *j) {
  tcb_json_kind kind;
  switch (*j->at) {
    case '{': return open_container(j, 1);
    case '[': return open_container(j, 0);
    case '"':
      j->at++;
      kind = scan_string(j) ? TCB_JSON_STRING : TCB_JSON_ERROR;
      break;
    case 't': kind = word(j, "true", 4, TCB_JSON_TRUE); break;
    case 'f': kind = word(j, "false", 5, TCB_JSON_FALSE); break;
    case 'n': kind = word(j, "null", 4, TCB_JSON_NULL); break;
    default:
      if (*j->at != '-' && (*j->at < '0' || *j->at > '9')) return broken(j, "a value is expected");
      kind = scan_number(j) ? TCB_JSON_NUMBER : TCB_JSON_ERROR;
  }
  return kind == TCB_JSON_ERROR ? kind : after_value(j, kind);
}

static tcb_json_kind key(tcb_json *j) {
  if (*j->at != '"') return broken(j, "a name in quotes is expected");
  j->at++;
  if (!scan_string(j)) return TCB_JSON_ERROR;
  j->at = skip_space(j->at, j->end);
  if (j->at == j->end || *j->at != ':') return broken(j, "a colon is expected");
  j->at++;
  j->expect = WANT_VALUE;
  return TCB_JSON_KEY;
}

tcb_json_kind tcb_json_next(tcb_json *j) {
  if (j->expect == BROKEN) return TCB_JSON_ERROR;
  j->at = skip_space(j->at, j->end);
  if (j->at == j->end) return j->expect == WANT_END ? TCB_JSON_END : broken(j, "the text ends too early");
  if (j->expect == WANT_COMMA_OR_CLOSE) {
    if (*j->at != ',') return close_container(j);
    j->at = skip_space(j->at + 1, j->end);
    if (j->at == j->end) return broken(j, "the text ends too early");
    j->expect = in_object(j) ? WANT_KEY : WANT_VALUE;
  }
  switch (j->expect) {
    case WANT_END: return broken(j, "something behind the value");
    case WANT_KEY_OR_CLOSE: return *j->at == '}' ? close_container(j) : key(j);
    case WANT_KEY: return key(j);
    case WANT_VALUE_OR_CLOSE: return *j->at == ']' ? close_container(j) : value(j);
    default: return value(j);
  }
}

int tcb_json_skip(tcb_json *j, tcb_json_kind kind) {
  if (kind == TCB_JSON_KEY) kind = tcb_json_next(j);
  if (kind == TCB_JSON_OBJECT || kind == TCB_JSON_ARRAY) {
    int outside = j->depth - 1;
    while (j->depth > outside)
      if (tcb_json_next(j) == TCB_JSON_ERROR) return 0;
  }
  return kind != TCB_JSON_ERROR;
}

int tcb_json_is(const tcb_json *j, const char *text) {
  if (!j->has_escapes) return strlen(text) == j->len && memcmp(j->text, text, j->len) == 0;
  const char *p = j->text, *end = p + j->len;
  for (; p < end; text++) {
    uint32_t c;
    p += tcb_json_code_point(p, end, &c);
    if (*text == '\0' || c != (unsigned char)*text) return 0;
  }
  return *text == '\0';
}

int tcb_json_int64(const char *text, size_t len, int64_t *out) {
  const char *p = text, *end = text + len;
  int64_t n = 0;
  int negative = p < end && *p == '-';
  if (negative) p++;
  if (p == end) return 0;
  for (; p < end; p++) {
    if (*p < '0' || *p > '9') return 0;
    /* Counted downwards: INT64_MIN has no positive twin. */
    if (__builtin_mul_overflow(n, 10, &n) || __builtin_sub_overflow(n, *p - '0', &n)) return 0;
  }
  if (!negative && n == INT64_MIN) return 0;
  *out = negative ? n : -n;
  return 1;
}

size_t tcb_json_code_point(const char *text, const char *end, uint32_t *code_point) {
  const unsigned char *p = (const unsigned char *)text;
  if (*p == '\\') return (size_t)escape_len(text, end, code_point);
  if (*p < 0x80) {
    *code_point = *p;
    return 1;
  }
  int n = utf8_len(text, end);
  *code_point = n == 2 ? *p & 0x1Fu : n == 3 ? *p & 0x0Fu : *p & 0x07u;
  for (int i = 1; i < n; i++) *code_point = *code_point << 6 | (p[i] & 0x3Fu);
  return (size_t)n;
}

static int put_utf8(uint32_t c, char out[4]) {
  if (c < 0x80) return out[0] = (char)c, 1;
  int n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  for (int i = n - 1; i > 0; i--, c >>= 6) out[i] = (char)(0x80 | (c & 0x3F));
  out[0] = (char)((n == 2 ? 0xC0 : n == 3 ? 0xE0 : 0xF0) | c);
  return n;
}

tcb_status tcb_json_unescape(const char *text, size_t len, tcb_buf *out, tcb_err *err) {
  const char *p = text, *end = text + len;
  if (tcb_buf_reserve(out, len, err) != TCB_OK) return TCB_E_MEMORY;      /* never longer than its escaped form */
  while (p < end) {
    uint32_t c;
    p += tcb_json_code_point(p, end, &c);
    out->len += (size_t)put_utf8(c, out->data + out->len);
  }
  return TCB_OK;
}

tcb_status tcb_json_quote(const char *text, size_t len, tcb_buf *out, tcb_err *err) {
  static const char hex[] = "0123456789abcdef", from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
  if (tcb_buf_reserve(out, len * 6 + 2, err) != TCB_OK) return TCB_E_MEMORY;
  char *o = out->data + out->len;
  *o++ = '"';
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)text[i];
    const char *at = c ? strchr(from, c) : NULL;
    if (at) *o++ = '\\', *o++ = to[at - from];
    else if (c < 0x20 || c == 0x7F) memcpy(o, "\\u00", 4), o[4] = hex[c >> 4], o[5] = hex[c & 15], o += 6;
    else *o++ = (char)c;
  }
  *o++ = '"';
  out->len = (size_t)(o - out->data);
  return TCB_OK;
}
