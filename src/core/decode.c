/* core/decode.c: recognises and converts the encodings in which spreadsheets export. */
#include "core/decode.h"

#include <stddef.h>
#include <string.h>

#include "core/text.h"

#define WINDOW 4096                   /* bytes after the first one beyond ASCII that decide */
#define RAW_BYTES (256 * 1024)
#define MARKS 4096
#define STEP (64 * 1024)
#define BAD '\xFF'                    /* never a byte of UTF-8 */

typedef struct { int64_t out, in; } place;     /* bytes given, bytes of inner that they came from */

typedef struct {
  tcb_reader face;
  tcb_ctx *ctx;
  tcb_reader *inner;
  tcb_encoding forced, encoding;
  int bom;                            /* bytes of the byte order mark */
  int at_end;                         /* inner has ended */
  size_t len, at;                     /* raw bytes read ahead: raw[at..len) */
  place now;                          /* the next byte that read gives */
  int64_t plain;                      /* so many bytes from the start are known to be ASCII: the same on both sides */
  place *marks;                       /* in converted input: where to begin when somebody goes back; at least `step` apart */
  size_t mark_count;
  int64_t step;
  char raw[RAW_BYTES];
} decoder;

static const uint16_t windows_1252[32] = {
  0x20AC, 0, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0, 0x017D, 0,
  0, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0, 0x017E, 0x0178,
};

const char *tcb_encoding_name(tcb_encoding encoding) {
  static const char *const names[] = { "UTF-8", "UTF-8", "UTF-8", "Windows-1252", "UTF-16LE", "UTF-16BE" };
  return names[encoding];
}

tcb_encoding tcb_decode_encoding(const tcb_reader *r) {
  return r->encoding ? (tcb_encoding)r->encoding(r) : TCB_ENC_UTF8;
}

static int decode_encoding(const tcb_reader *r) {
  return (int)((const decoder *)r)->encoding;
}

static size_t ascii_run(const char *s, size_t len) {
  size_t i = 0;
  for (; i + 8 <= len; i += 8) {
    uint64_t w;
    memcpy(&w, s + i, 8);
    if (w & UINT64_C(0x8080808080808080)) break;
  }
  while (i < len && (unsigned char)s[i] < 0x80) i++;
  return i;
}

/* UTF-8 or Windows-1252, by what follows the first byte beyond ASCII. */
static tcb_encoding decide(const char *s, size_t len, int is_all) {
  size_t whole = 0, broken = 0;
  for (size_t i = 0; i < len;) {
    uint32_t c;
    size_t n = tcb_utf8_get(s + i, len - i, &c);
    if (n == 0 && !is_all && len - i < 4) break;         /* perhaps cut by the window's end */
    if (n > 1) whole++;
    if (n == 0) broken++;
    i += n ? n : 1;
  }
  return broken > whole ? TCB_ENC_1252 : TCB_ENC_UTF8;
}

/* More raw bytes behind what is there. TCB_NOT_FOUND once inner has ended and nothing is left. */
static tcb_status fill(decoder *d, tcb_err *err) {
  size_t got = 0;
  if (d->at > 0) {
    memmove(d->raw, d->raw + d->at, d->len - d->at);
    d->len -= d->at;
    d->at = 0;
  }
  if (d->at_end) return d->len ? TCB_OK : TCB_NOT_FOUND;
  if (d->len == RAW_BYTES) return TCB_OK;
  tcb_status status = d->inner->read(d->inner, d->raw + d->len, RAW_BYTES - d->len, &got, err);
  if (status == TCB_NOT_FOUND) {
    d->at_end = 1;
    return d->len ? TCB_OK : TCB_NOT_FOUND;
  }
  if (status == TCB_OK) d->len += got;
  return status;
}

/* The first bytes: a byte order mark, or UTF-16's zeros. */
static tcb_status start(decoder *d, tcb_err *err) {
  while (d->len < 4 && !d->at_end) {
    tcb_status status = fill(d, err);
    if (status != TCB_OK) return status;
  }
  const unsigned char *b = (const unsigned char *)d->raw;
  if (d->len >= 3 && b[0] == 0xEF && b[1] == 0xBB && b[2] == 0xBF) d->bom = 3, d->encoding = TCB_ENC_UTF8;
  else if (d->len >= 2 && b[0] == 0xFF && b[1] == 0xFE) d->bom = 2, d->encoding = TCB_ENC_UTF16LE;
  else if (d->len >= 2 && b[0] == 0xFE && b[1] == 0xFF) d->bom = 2, d->encoding = TCB_ENC_UTF16BE;
  else if (d->len >= 4 && b[0] && !b[1] && b[2] && !b[3]) d->encoding = TCB_ENC_UTF16LE;
  else if (d->len >= 4 && !b[0] && b[1] && !b[2] && b[3]) d->encoding = TCB_ENC_UTF16BE;
  else d->encoding = TCB_ENC_ASCII;
  if (d->forced != TCB_ENC_START) d->encoding = d->forced;
  d->at = (size_t)d->bom;
  d->now.in = d->bom;
  return TCB_OK;
}

static size_t take_raw(decoder *d, char *to, size_t n) {
  memcpy(to, d->raw + d->at, n);
  d->at += n;
  return n;
}

/* Nothing beyond ASCII so far. */
static tcb_status read_ascii(decoder *d, char *to, size_t cap, size_t *got, tcb_err *err) {
  if (d->at == d->len && !d->at_end) {                   /* straight into the caller's buffer while it is plain */
    tcb_status status = d->inner->read(d->inner, to, cap < RAW_BYTES ? cap : RAW_BYTES, got, err);
    if (status != TCB_OK) return status;
    size_t plain = ascii_run(to, *got), rest = *got - plain;
    if (rest >= WINDOW) d->encoding = decide(to + plain, WINDOW, 0);
    if (rest == 0 || d->encoding == TCB_ENC_UTF8) return TCB_OK;
    d->at = 0;                                           /* to be converted, or not decided yet */
    d->len = rest;
    memcpy(d->raw, to + plain, rest);
    *got = plain;
    if (plain > 0) return TCB_OK;
    if (d->encoding != TCB_ENC_ASCII) return TCB_OK;     /* with *got == 0: the caller asks again */
  }
  *got = 0;
  while (d->encoding == TCB_ENC_ASCII) {
    size_t left = d->len - d->at, plain = ascii_run(d->raw + d->at, left);
    if (plain > 0) {
      *got = take_raw(d, to, plain < cap ? plain : cap);
      return TCB_OK;
    }
    if (left >= WINDOW) d->encoding = decide(d->raw + d->at, WINDOW, 0);
    else if (d->at_end) {
      if (left == 0) return TCB_NOT_FOUND;
      d->encoding = decide(d->raw + d->at, left, 1);
    } else {
      tcb_status status = fill(d, err);
      if (status == TCB_AGAIN && left > 0) d->encoding = decide(d->raw + d->at, left, 0);      /* a slow pipe: with what is here */
      else if (status != TCB_OK && status != TCB_NOT_FOUND) return status;
    }
  }
  return TCB_OK;
}

/* One character to `to`, when it has room: its bytes, else 0. Code point 0xFFFFFFFF: what has no meaning. */
#define NO_MEANING UINT32_C(0xFFFFFFFF)
static size_t put(uint32_t c, char *to, size_t room) {
  char text[4] = { BAD };
  size_t n = c == NO_MEANING ? 1 : tcb_utf8_put(c, text);
  if (n > room) return 0;
  memcpy(to, text, n);
  return n;
}

static size_t put_1252(decoder *d, char *to, size_t cap) {
  size_t n = 0, more;
  while (d->at < d->len) {
    unsigned char b = (unsigned char)d->raw[d->at];
    uint32_t c = b >= 0x80 && b < 0xA0 ? windows_1252[b - 0x80] : b;
    if ((more = put(c == 0 && b != 0 ? NO_MEANING : c, to + n, cap - n)) == 0) break;
    n += more;
    d->at++;
  }
  return n;
}

static uint32_t unit_at(const decoder *d, size_t at) {
  const unsigned char *b = (const unsigned char *)d->raw + at;
  return d->encoding == TCB_ENC_UTF16LE ? (uint32_t)(b[0] | b[1] << 8) : (uint32_t)(b[0] << 8 | b[1]);
}

static size_t put_utf16(decoder *d, char *to, size_t cap) {
  size_t n = 0, more;
  while (d->len > d->at) {
    size_t left = d->len - d->at, used = left < 2 ? 1 : 2;
    if (left < 2 && !d->at_end) break;
    uint32_t c = left < 2 ? NO_MEANING : unit_at(d, d->at);
    if (c >= 0xD800 && c < 0xDC00) {
      if (left < 4 && !d->at_end) break;
      uint32_t low = left >= 4 ? unit_at(d, d->at + 2) : 0;
      if (low >= 0xDC00 && low < 0xE000) c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00), used = 4;
    }
    if (c >= 0xD800 && c < 0xE000) c = NO_MEANING;         /* half of a pair */
    if ((more = put(c, to + n, cap - n)) == 0) break;
    n += more;
    d->at += used;
  }
  return n;
}

/* Where converted input can be entered again. When there are too many places every second one goes. */
static void mark(decoder *d) {
  if (d->now.out < (d->mark_count ? d->marks[d->mark_count - 1].out : d->plain) + d->step) return;
  if (d->marks == NULL && (d->marks = tcb_malloc(d->ctx, MARKS * sizeof *d->marks)) == NULL) return;    /* slower, not wrong */
  if (d->mark_count == MARKS) {
    for (size_t i = 0; i < MARKS / 2; i++) d->marks[i] = d->marks[2 * i + 1];
    d->mark_count = MARKS / 2;
    d->step *= 2;
  }
  d->marks[d->mark_count++] = d->now;
}

static tcb_status read_converted(decoder *d, char *to, size_t cap, size_t *got, tcb_err *err) {
  size_t from = d->at;
  *got = d->encoding == TCB_ENC_1252 ? put_1252(d, to, cap) : put_utf16(d, to, cap);
  if (*got == 0 && d->len - d->at >= 4) return tcb_fail(err, TCB_E_INPUT, "a character of the input does not fit in %zu bytes", cap);
  if (*got == 0) return d->at_end && d->at == d->len ? TCB_NOT_FOUND : fill(d, err);
  d->now.in += (int64_t)(d->at - from);
  d->now.out += (int64_t)*got;
  mark(d);
  return TCB_OK;
}

static tcb_status read_utf8(decoder *d, char *to, size_t cap, size_t *got, tcb_err *err) {
  size_t left = d->len - d->at;
  if (left == 0) return d->at_end ? TCB_NOT_FOUND : d->inner->read(d->inner, to, cap, got, err);
  *got = take_raw(d, to, left < cap ? left : cap);
  return TCB_OK;
}

static tcb_status decode_read(tcb_reader *r, char *to, size_t cap, size_t *got, tcb_err *err) {
  decoder *d = (decoder *)r;
  tcb_status status = d->encoding == TCB_ENC_START ? start(d, err) : TCB_OK;
  *got = 0;
  while (status == TCB_OK && *got == 0) {
    tcb_encoding encoding = d->encoding;
    if (encoding > TCB_ENC_UTF8) {
      status = read_converted(d, to, cap, got, err);
      continue;
    }
    status = encoding == TCB_ENC_UTF8 ? read_utf8(d, to, cap, got, err) : read_ascii(d, to, cap, got, err);
    if (status != TCB_OK) break;
    d->now.in += (int64_t)*got, d->now.out += (int64_t)*got;
    if (d->encoding != TCB_ENC_UTF8 && d->now.out > d->plain) d->plain = d->now.out;
  }
  return status;
}

/* The nearest place at or before `offset` from which the way there is known. */
static place nearest(const decoder *d, int64_t offset) {
  place from = { 0, d->bom };
  int64_t plain = offset < d->plain ? offset : d->plain;
  if (d->encoding == TCB_ENC_UTF8) return (place){ offset, offset + d->bom };
  if (plain > 0) from = (place){ plain, plain };
  for (size_t low = 0, high = d->mark_count; low < high;) {
    size_t middle = (low + high) / 2;
    if (d->marks[middle].out <= offset) from = d->marks[middle], low = middle + 1;
    else high = middle;
  }
  return d->now.out > from.out && d->now.out <= offset ? d->now : from;
}

static tcb_status decode_seek(tcb_reader *r, int64_t offset, tcb_err *err) {
  decoder *d = (decoder *)r;
  tcb_status status = d->encoding == TCB_ENC_START ? start(d, err) : TCB_OK;
  if (status == TCB_NOT_FOUND) status = TCB_OK;          /* empty input */
  place from = nearest(d, offset);
  if (status == TCB_OK && from.out != d->now.out) {
    status = d->inner->seek(d->inner, from.in, err);
    d->at = d->len = 0;
    d->at_end = 0;
    d->now = from;
  }
  return status == TCB_OK ? tcb_reader_skip(r, offset - d->now.out, err) : status;
}

static void decode_free(tcb_reader *r) {
  decoder *d = (decoder *)r;
  tcb_reader_free(d->inner);
  tcb_free(d->ctx, d->marks, MARKS * sizeof *d->marks);
  tcb_free(d->ctx, d, sizeof *d);
}

tcb_status tcb_decode_open(tcb_reader **out, tcb_ctx *ctx, tcb_reader *inner, tcb_encoding encoding, tcb_err *err) {
  decoder *d = tcb_malloc(ctx, sizeof *d);
  if (d == NULL) {
    tcb_reader_free(inner);
    return tcb_fail(err, TCB_E_MEMORY, "not enough memory to read the input");
  }
  memset(d, 0, offsetof(decoder, raw));                  /* the buffer stays untouched, and unused where nothing is converted */
  d->face = (tcb_reader){ .read = decode_read, .seek = decode_seek, .free = decode_free, .encoding = decode_encoding, .fd = inner->fd };
  d->ctx = ctx;
  d->inner = inner;
  d->forced = encoding;
  d->step = STEP;
  *out = &d->face;
  return TCB_OK;
}
