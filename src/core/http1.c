/* core/http1.c: one HTTP/1.1 response out of bytes as they come. */
#include "core/http1.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define KEPT_BYTES 65536            /* of a body's memory, from one response to the next */

typedef enum { HEAD, BODY_LENGTH, BODY_EOF, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILER, WHOLE, BROKEN } state;
typedef struct { size_t name, name_len, value, value_len; } field;     /* offsets into the head */

struct tcb_http1 {
  tcb_ctx *ctx;
  state state;
  tcb_buf head, body, line;         /* line: of the chunk being announced, or a trailer */
  field fields[TCB_HTTP1_HEADERS_MAX];
  size_t field_count, body_max;
  uint64_t left;                    /* bytes of the body, or of the chunk, still to come */
  int status, closes, started, has_extra;
};

tcb_status tcb_http1_open(tcb_http1 **out, tcb_ctx *ctx, size_t body_max, tcb_err *err) {
  tcb_http1 *h = tcb_calloc(ctx, sizeof *h);
  if (h == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory for a response");
  h->ctx = ctx;
  h->body_max = body_max;
  tcb_buf_init(&h->head, ctx);
  tcb_buf_init(&h->body, ctx);
  tcb_buf_init(&h->line, ctx);
  *out = h;
  return TCB_OK;
}

void tcb_http1_free(tcb_http1 *h) {
  if (h == NULL) return;
  tcb_buf_free(&h->head);
  tcb_buf_free(&h->body);
  tcb_buf_free(&h->line);
  tcb_free(h->ctx, h, sizeof *h);
}

void tcb_http1_reset(tcb_http1 *h, size_t body_max) {
  if (h->body.cap > KEPT_BYTES) tcb_buf_free(&h->body);
  h->head.len = h->body.len = h->line.len = h->field_count = 0;
  h->state = HEAD;
  h->body_max = body_max;
  h->left = 0;
  h->status = h->closes = h->started = h->has_extra = 0;
}

static tcb_status broken(tcb_http1 *h, tcb_err *err, const char *what) {
  h->state = BROKEN;
  return tcb_fail(err, TCB_E_PROTO, "the answer is not valid HTTP/1.1: %s", what);
}

static int is_token(unsigned char c) {                  /* RFC 9110, 5.6.2 */
  return isalnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static int value_is(const tcb_http1 *h, const field *f, const char *word) {
  return f->value_len == strlen(word) && strncasecmp(h->head.data + f->value, word, f->value_len) == 0;
}

static int name_is(const tcb_http1 *h, const field *f, const char *name) {
  return f->name_len == strlen(name) && memcmp(h->head.data + f->name, name, f->name_len) == 0;
}

static int has_word(const tcb_http1 *h, const field *f, const char *word) {    /* in a comma-separated list */
  const char *at = h->head.data + f->value, *last = at + f->value_len;
  size_t len = strlen(word);
  while (at < last) {
    while (at < last && (*at == ',' || *at == ' ' || *at == '\t')) at++;
    const char *start = at;
    while (at < last && *at != ',' && *at != ' ' && *at != '\t' && *at != ';') at++;
    if ((size_t)(at - start) == len && strncasecmp(start, word, len) == 0) return 1;
    while (at < last && *at != ',') at++;
  }
  return 0;
}

/* One header line at [at, end) of the head, without its line end. */
static const char *parse_field(tcb_http1 *h, size_t at, size_t end) {
  char *d = h->head.data;
  size_t colon = at;
  if (h->field_count == TCB_HTTP1_HEADERS_MAX) return "too many header lines";
  for (; colon < end && d[colon] != ':'; colon++) {
    if (!is_token((unsigned char)d[colon])) return "a header name holds a forbidden character";
    d[colon] = (char)tolower((unsigned char)d[colon]);
  }
  if (colon == at || colon == end) return "a header line without a name";
  size_t value = colon + 1, stop = end;
  while (value < stop && (d[value] == ' ' || d[value] == '\t')) value++;
  while (stop > value && (d[stop - 1] == ' ' || d[stop - 1] == '\t')) stop--;
  for (size_t i = value; i < stop; i++)
    if (d[i] == '\0' || d[i] == '\r') return "a header value holds a forbidden character";
  h->fields[h->field_count++] = (field){ at, colon - at, value, stop - value };
  return NULL;
}

static const char *parse_status(tcb_http1 *h, size_t end) {
  const char *d = h->head.data;
  if (end < 12 || memcmp(d, "HTTP/1.", 7) != 0 || (d[7] != '0' && d[7] != '1') || d[8] != ' ') return "no status line";
  if (!isdigit((unsigned char)d[9]) || !isdigit((unsigned char)d[10]) || !isdigit((unsigned char)d[11])) return "no status code";
  if (end > 12 && d[12] != ' ') return "no status code";
  h->status = (d[9] - '0') * 100 + (d[10] - '0') * 10 + (d[11] - '0');
  h->closes = d[7] == '0';
  return h->status >= 100 ? NULL : "no status code";
}

static const char *parse_length(const tcb_http1 *h, const field *f, uint64_t *n) {
  *n = 0;
  if (f->value_len == 0 || f->value_len > 15) return "a length that is no number";
  for (size_t i = 0; i < f->value_len; i++) {
    unsigned char c = (unsigned char)h->head.data[f->value + i];
    if (!isdigit(c)) return "a length that is no number";
    *n = *n * 10 + (c - '0');
  }
  return NULL;
}

/* Decides from the headers how the body ends. */
static const char *choose_body(tcb_http1 *h) {
  uint64_t length = 0;
  int has_length = 0, is_chunked = 0, is_encoded = 0;
  for (size_t i = 0; i < h->field_count; i++) {
    const field *f = &h->fields[i];
    if (name_is(h, f, "content-length")) {
      uint64_t n;
      const char *why = parse_length(h, f, &n);
      if (why) return why;
      if (has_length && n != length) return "two different lengths";
      length = n;
      has_length = 1;
    } else if (name_is(h, f, "transfer-encoding")) {
      is_encoded = 1;
      is_chunked = value_is(h, f, "chunked");
    } else if (name_is(h, f, "connection")) {
      if (has_word(h, f, "close")) h->closes = 1;
      else if (has_word(h, f, "keep-alive")) h->closes = 0;
    }
  }
  if (is_encoded && !is_chunked) return "an unknown transfer encoding";
  if (is_encoded && has_length) return "both a length and a transfer encoding";
  h->left = length;
  if (h->status == 204 || h->status == 304) h->state = WHOLE;
  else if (is_chunked) h->state = CHUNK_SIZE;
  else if (!has_length) h->state = BODY_EOF, h->closes = 1;
  else h->state = length ? BODY_LENGTH : WHOLE;
  return NULL;
}

static const char *parse_head(tcb_http1 *h) {
  size_t at = 0;
  h->field_count = 0;
  for (int first = 1;; first = 0) {
    const char *nl = memchr(h->head.data + at, '\n', h->head.len - at);
    size_t end = (size_t)(nl - h->head.data), next = end + 1;
    if (end > at && h->head.data[end - 1] == '\r') end--;
    if (end == at && !first) break; /* the empty line; the caller saw it */
    const char *why = first ? parse_status(h, end) : parse_field(h, at, end);
    if (why) return why;
    at = next;
  }
  if (h->status < 200) {            /* 100, 103: another head follows */
    h->head.len = 0;
    return h->status == 101 ? "a protocol switch nobody asked for" : NULL;
  }
  return choose_body(h);
}

/* Bytes up to and with the head's empty line, taken one line end at a time; 0 while it has not come. */
static int head_is_whole(const tcb_buf *head) {
  size_t n = head->len;
  if (n == 1 && head->data[0] == '\n') return 1;
  if (n == 2 && memcmp(head->data, "\r\n", 2) == 0) return 1;
  return n >= 2 && head->data[n - 1] == '\n' && (head->data[n - 2] == '\n' || (n >= 3 && memcmp(head->data + n - 3, "\n\r\n", 3) == 0));
}

static tcb_status feed_head(tcb_http1 *h, const char **at, const char *last, tcb_err *err) {
  while (*at < last && h->state == HEAD) {
    const char *nl = memchr(*at, '\n', (size_t)(last - *at));
    size_t n = nl ? (size_t)(nl - *at) + 1 : (size_t)(last - *at);
    if (h->head.len + n > TCB_HTTP1_HEAD_MAX) return broken(h, err, "a head over 64 KiB");
    tcb_status status = tcb_buf_add(&h->head, *at, n, err);
    if (status != TCB_OK) return status;
    *at += n;
    if (!head_is_whole(&h->head)) continue;
    const char *why = parse_head(h);
    if (why) return broken(h, err, why);
  }
  return TCB_OK;
}

static tcb_status feed_body(tcb_http1 *h, const char **at, const char *last, tcb_err *err) {
  size_t n = (size_t)(last - *at);
  if (h->state != BODY_EOF && n > h->left) n = (size_t)h->left;
  if (n > h->body_max - h->body.len) return broken(h, err, "a body over the bound");
  tcb_status status = tcb_buf_add(&h->body, *at, n, err);
  if (status != TCB_OK) return status;
  *at += n;
  if (h->state == BODY_EOF) return TCB_OK;
  h->left -= n;
  if (h->left == 0) h->state = h->state == CHUNK_DATA ? CHUNK_END : WHOLE;
  return TCB_OK;
}

static const char *parse_chunk_size(tcb_http1 *h, size_t len) {
  size_t i = 0;
  h->left = 0;
  for (; i < len && isxdigit((unsigned char)h->line.data[i]) && i < 12; i++) {
    int c = tolower((unsigned char)h->line.data[i]);
    h->left = h->left * 16 + (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
  }
  if (i == 0 || (i < len && h->line.data[i] != ';' && h->line.data[i] != ' ' && h->line.data[i] != '\t')) return "a chunk without a size";
  h->state = h->left ? CHUNK_DATA : TRAILER;
  return NULL;
}

/* A line between chunks: a size, the line end behind a chunk, a trailer. */
static tcb_status feed_line(tcb_http1 *h, const char **at, const char *last, tcb_err *err) {
  const char *nl = memchr(*at, '\n', (size_t)(last - *at)), *why = NULL;
  size_t n = nl ? (size_t)(nl - *at) + 1 : (size_t)(last - *at);
  if (h->line.len + n > 4096) return broken(h, err, "a line over 4 KiB between chunks");
  tcb_status status = tcb_buf_add(&h->line, *at, n, err);
  if (status != TCB_OK) return status;
  *at += n;
  if (!nl) return TCB_OK;
  size_t len = h->line.len - 1;
  if (len > 0 && h->line.data[len - 1] == '\r') len--;
  if (h->state == CHUNK_SIZE) why = parse_chunk_size(h, len);
  else if (h->state == CHUNK_END && len == 0) h->state = CHUNK_SIZE;
  else if (h->state == CHUNK_END) why = "a chunk that is longer than announced";
  else if (len == 0) h->state = WHOLE;
  h->line.len = 0;
  return why ? broken(h, err, why) : TCB_OK;
}

tcb_status tcb_http1_feed(tcb_http1 *h, const char *bytes, size_t len, tcb_err *err) {
  const char *at = bytes, *last = bytes + len;
  tcb_status status = TCB_OK;
  if (len > 0) h->started = 1;
  if (h->state == BROKEN) return broken(h, err, "it was broken before");
  while (at < last && status == TCB_OK && h->state != WHOLE) {
    if (h->state == HEAD) status = feed_head(h, &at, last, err);
    else if (h->state == BODY_LENGTH || h->state == BODY_EOF || h->state == CHUNK_DATA) status = feed_body(h, &at, last, err);
    else status = feed_line(h, &at, last, err);
  }
  if (status != TCB_OK) return status;
  if (at < last) h->has_extra = 1;
  return h->state == WHOLE ? TCB_OK : TCB_AGAIN;
}

tcb_status tcb_http1_end(tcb_http1 *h, tcb_err *err) {
  if (h->state == BODY_EOF) h->state = WHOLE;
  if (h->state == WHOLE) return TCB_OK;
  if (!h->started) return tcb_fail(err, TCB_E_PROTO, "the connection was closed before an answer");
  return tcb_fail(err, TCB_E_PROTO, h->state == HEAD ? "the connection was closed inside the answer's head"
                                                    : "the connection was closed inside the answer's body");
}

int tcb_http1_status(const tcb_http1 *h) { return h->status; }
int tcb_http1_started(const tcb_http1 *h) { return h->started; }
int tcb_http1_keeps(const tcb_http1 *h) { return h->state == WHOLE && !h->closes && !h->has_extra; }
const tcb_buf *tcb_http1_body(const tcb_http1 *h) { return &h->body; }

int tcb_http1_header(const tcb_http1 *h, size_t i, const char **name, size_t *name_len, const char **value, size_t *value_len) {
  if (i >= h->field_count) return 0;
  *name = h->head.data + h->fields[i].name;
  *name_len = h->fields[i].name_len;
  *value = h->head.data + h->fields[i].value;
  *value_len = h->fields[i].value_len;
  return 1;
}
