/* core/settle_scan.c: reads a status document where it landed. It bets on the order of members that the service's documentation
   shows; a row that loses the bet is read member by member, and one that is odder still goes to a full decoder. */
#include <stddef.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "core/match.h"
#include "core/settle_priv.h"
#include "core/spans.h"

/* Moves p behind the literal `s` if it stands there. */
#define LIT(p, end, s) ((size_t)((end) - (p)) >= sizeof(s) - 1 && memcmp((p), (s), sizeof(s) - 1) == 0 && ((p) += sizeof(s) - 1, 1))

/* The rest of a string whose first byte is at `p`; the result is its closing quote, NULL when there is none. */
static const char *quote(const char *p, const char *end) {
  const char *from = p;
  while ((p = memchr(p, '"', (size_t)(end - p))) != NULL) {
    const char *back = p;
    while (back > from && back[-1] == '\\') back--;
    if (((p - back) & 1) == 0) return p;
    p++;
  }
  return NULL;
}

/* The same for strings that hardly ever hold an escape: vectors where the machine has them. */
static inline const char *quote_near(const char *p, const char *end) {
  const char *from = p;
#ifdef __SSE2__
  const __m128i mark = _mm_set1_epi8('"');
  for (; end - p >= 16; p += 16) {
    unsigned found = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(const void *)p), mark));
    if (found == 0) continue;
    p += __builtin_ctz(found);
    return p == from || p[-1] != '\\' ? p : quote(from, end);
  }
#endif
  return quote(from, end);
}

static inline const char *take(const char *p, const char *end, tcb_slice *out) {
  const char *q = quote_near(p, end);
  *out = (tcb_slice){ p, q };
  return q;
}

/* The same for a string that is expected to be `n` bytes long, 40 at most: what comes behind need not wait for the search's result, only
   for a branch that is foreseen. */
static inline const char *take_of(size_t n, const char *p, const char *end, tcb_slice *out) {
#ifdef __SSE2__
  if (end - p >= 48 && n - 1 < 40 && p[n] == '"' && p[n - 1] != '\\') {
    const __m128i mark = _mm_set1_epi8('"');
    uint64_t found = 0;
    for (size_t i = 0; i < n; i += 16)
      found |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(const void *)(p + i)), mark)) << i;
    if ((found & ((UINT64_C(1) << n) - 1)) == 0) return *out = (tcb_slice){ p, p + n }, p + n;
  }
#endif
  (void)n;
  return take(p, end, out);
}

static const char *digits(const char *p, const char *end, tcb_slice *out) {
  out->from = p;
  while (p < end && (unsigned char)(*p - '0') < 10) p++;
  out->to = p;
  return p > out->from && *out->from != '0' ? p : NULL;
}

/* Eight digits as bytes 0..9, the first in the low byte, to their number. */
static inline uint64_t eight(uint64_t x) {
  x = x * 10 + (x >> 8);
  return (((x & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x000f424000000064)) +
          (((x >> 16) & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x0000271000000001))) >> 32;
}

/* An instant of the usual 13 digits, or any other; behind it, NULL when it is none. */
static inline const char *instant(const char *p, const char *end, int64_t *n) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  if (end - p >= 16 && p[0] != '0') {
    uint64_t a, b;
    memcpy(&a, p, 8), memcpy(&b, p + 5, 8);
    uint64_t x = a - UINT64_C(0x3030303030303030), y = b - UINT64_C(0x3030303030303030);
    uint64_t odd = (x | (x + UINT64_C(0x7676767676767676)) | y | (y + UINT64_C(0x7676767676767676))) & UINT64_C(0x8080808080808080);
    if (odd == 0 && (unsigned char)(p[13] - '0') > 9) {
      *n = (int64_t)(eight(x) / 1000 * 100000000 + eight(y));          /* the first five digits, the last eight */
      return p + 13;
    }
  }
#endif
  tcb_slice all;
  const char *behind = digits(p, end, &all);
  return behind && tcb_match_instant(all.from, (size_t)(all.to - all.from), n) ? behind : NULL;
}

/* A number into its place of the key; 0 when it does not fit. What lies behind it up to `end` may be read. */
static inline int number(tcb_slice v, const char *end, char to[16]) {
  if (v.from < v.to && *v.from == '+') v.from++;
  size_t len = (size_t)(v.to - v.from);
  if (len > 16) return 0;
#ifdef __SSE2__
  static const unsigned char kept[32] = { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 };
  if (end - v.from >= 16) {
    __m128i text = _mm_loadu_si128((const __m128i *)(const void *)v.from);
    __m128i mask = _mm_loadu_si128((const __m128i *)(const void *)(kept + 16 - len));
    _mm_storeu_si128((__m128i *)(void *)to, _mm_and_si128(text, mask));
    return 1;
  }
#endif
  (void)end;
  memset(to, 0, 16);
  memcpy(to, v.from, len);
  return 1;
}

/* Could it hold an escape? Ids of 36 bytes and the known words have no room for one. */
static inline int may_escape(tcb_slice v, size_t usual, size_t also) {
  size_t len = (size_t)(v.to - v.from);
  return len != usual && len != also && memchr(v.from, '\\', len) != NULL;
}

/* A label in lower case into its place of the key, by eights: a hash that reads what was written in other pieces would wait. */
static inline void lower_label(const char *from, size_t len, char to[TCB_MATCH_LABEL]) {
  const uint64_t lower = UINT64_C(0x2020202020202020);
  size_t i = 0;
  for (; i + 8 <= len; i += 8) {
    uint64_t eight;
    memcpy(&eight, from + i, 8);
    eight |= lower;
    memcpy(to + i, &eight, 8);
  }
  for (; i < TCB_MATCH_LABEL; i += 8) {
    uint64_t rest = 0;
    for (size_t k = len; k > i; k--) rest = rest << 8 | (unsigned char)(from[k - 1] | 0x20);
    tcb_match_store(to + i, rest);
  }
}

/* The bet. Behind the row, or NULL when it is lost; `p` is at the row's brace. The hash is 0 when the key cannot be one. `row` holds the
   row before: numbers are mostly as long as the last ones. */
static inline const char *read_expected(const char *p, const char *end, tcb_row_slices *row, uint64_t *hash) {
  tcb_slice skipped;
  tcb_match_key key;
  const char *from = p;
  size_t caller = (size_t)(row->caller.to - row->caller.from), receiver = (size_t)(row->receiver.to - row->receiver.from);
  row->is_plain = 0;
  row->message.from = row->field.from = row->starts.from = row->ends.from = NULL;
  if (!LIT(p, end, "{\"id\":\"") || (p = take_of(36, p, end, &row->id)) == NULL) return NULL;
  if (!LIT(p, end, "\",\"caller_number\":\"") || (p = take_of(caller, p, end, &row->caller)) == NULL) return NULL;
  if (!LIT(p, end, "\",\"receiver_number\":\"") || (p = take_of(receiver, p, end, &row->receiver)) == NULL) return NULL;
  if (!LIT(p, end, "\",\"label_id\":\"") || (p = take_of(36, p, end, &row->label)) == NULL) return NULL;
  if (LIT(p, end, "\",\"dynamic_label_name\":\"") && (p = take(p, end, &skipped)) == NULL) return NULL;
  if (LIT(p, end, "\",\"dynamic_call_reason\":\"") && (p = take(p, end, &skipped)) == NULL) return NULL;
  if (!LIT(p, end, "\",\"starts_at\":") || (p = instant(p, end, &key.starts_at)) == NULL) return NULL;
  if (!LIT(p, end, ",\"ends_at\":") || (p = instant(p, end, &key.ends_at)) == NULL) return NULL;
  if (!LIT(p, end, ",\"status_info\":{\"status\":\"") || (p = take_of(7, p, end, &row->status)) == NULL) return NULL;
  if (LIT(p, end, "\",\"field\":\"") && (p = take(p, end, &row->field)) == NULL) return NULL;
  if (LIT(p, end, "\",\"message\":\"") && (p = take(p, end, &row->message)) == NULL) return NULL;
  if (!LIT(p, end, "\"},\"created_at\":\"") || (p = take_of(24, p, end, &skipped)) == NULL || !LIT(p, end, "\"}")) return NULL;
  if (may_escape(row->id, 36, 36) || may_escape(row->status, sizeof "success" - 1, sizeof "error" - 1)) return NULL;
  size_t label = (size_t)(row->label.to - row->label.from);
  if (label > TCB_MATCH_LABEL || row->label.to - from > 512) return NULL;
  *hash = 0;
  if (!number(row->caller, end, key.caller) || !number(row->receiver, end, key.receiver)) return p;
  lower_label(row->label.from, label, key.label);
  *hash = tcb_match_hash(&key);
  return p;
}

typedef struct { const char *name; unsigned char at; } member;
#define AT(f) offsetof(tcb_row_slices, f)

/* Both spellings. Old answers carry the last three at the top; where there is a `status_info` they are its alone. */
static const member members[] = {
  { "id", AT(id) }, { "caller_number", AT(caller) }, { "caller", AT(caller) }, { "receiver_number", AT(receiver) },
  { "receiver", AT(receiver) }, { "label_id", AT(label) }, { "starts_at", AT(starts) }, { "ends_at", AT(ends) },
  { "status", AT(status) }, { "message", AT(message) }, { "field", AT(field) },
};

static inline int is_info(const tcb_slice *to, const tcb_row_slices *row) {
  return to == &row->status || to == &row->message || to == &row->field;
}

static int is_named(tcb_slice key, const char *name) {
  size_t len = strlen(name);
  return (size_t)(key.to - key.from) == len && memcmp(key.from, name, len) == 0;
}

/* Takes the members of a row, or of its status_info. 1: all understood, 0: a full decoder has to look. */
static int read_members(tcb_slice object, tcb_row_slices *row, int in_info) {
  tcb_jscan_members it = tcb_jscan_open(object);
  int has_info = in_info;
  while (tcb_jscan_next(&it)) {
    if (!in_info && is_named(it.key, "status_info") && *it.value.from == '{') {
      row->status = row->message = row->field = (tcb_slice){ NULL, NULL };
      if (!read_members(it.value, row, 1)) return 0;
      has_info = 1;
      continue;
    }
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
      if (!is_named(it.key, members[i].name)) continue;
      tcb_slice *to = (tcb_slice *)(void *)((char *)row + members[i].at);
      if (is_info(to, row) ? has_info && !in_info : in_info) break;
      int is_number = to == &row->starts || to == &row->ends;
      tcb_slice v = it.value, digits_only;
      if (is_number && (digits(v.from, v.to, &digits_only) != v.to)) return 0;
      if (!is_number && *v.from == 'n') break;             /* null: as if it were not there */
      if (!is_number && *v.from != '"') return 0;
      if (!is_number) v.from++, v.to--;
      int is_free = to == &row->message || to == &row->field;            /* free texts: read with their escapes */
      if (!is_number && !is_free && memchr(v.from, '\\', (size_t)(v.to - v.from))) return 0;
      *to = v;
      break;
    }
  }
  return !it.is_broken;
}

static tcb_status leave(const char *doc, tcb_slice row, tcb_buf *odd, tcb_err *err) {
  char packed[2 * TCB_VARINT_MAX];
  size_t n = tcb_varint_put(packed, (uint64_t)(row.from - doc));
  n += tcb_varint_put(packed + n, (uint64_t)(row.to - row.from));
  return tcb_buf_add(odd, packed, n, err);
}

static tcb_status broken(const char *doc, const char *at, tcb_err *err) {
  return tcb_fail(err, TCB_E_PROTO, "the status document is cut off or malformed at byte %lld", (long long)(at - doc));
}

/* The rows of the array whose bracket is at *at; moves behind it. */
static tcb_status read_rows(tcb_settle *s, const char *doc, const char **at, const char *end, tcb_buf *odd, tcb_err *err) {
  const char *p = tcb_jscan_spaces(*at + 1, end);
  if (p < end && *p == ']') return *at = p + 1, TCB_OK;
  for (tcb_row_slices row = { 0 };;) {
    uint64_t hash;
    const char *from = p, *behind = read_expected(p, end, &row, &hash);
    tcb_status status;
    /* An escape in a field of the key is rare: looked for only where the row is not the one that was expected anyway. */
    if (behind && !tcb_settle_expects(s, hash) && memchr(row.id.from, '\\', (size_t)(row.label.to - row.id.from))) behind = NULL;
    if (behind) status = tcb_settle_match_hash(s, hash, &row, from, (size_t)(behind - from), err);
    else {
      if ((behind = tcb_jscan_skip(p, end)) == NULL) return broken(doc, p, err);
      tcb_slice text = { from, behind };
      row = (tcb_row_slices){ 0 };
      if (*from == '{' && read_members(text, &row, 0)) status = tcb_settle_match(s, &row, from, (size_t)(behind - from), err);
      else status = leave(doc, text, odd, err);
    }
    if (status != TCB_OK) return status;
    p = behind < end && *behind == ',' ? behind : tcb_jscan_spaces(behind, end);
    if (p == end || (*p != ',' && *p != ']')) return broken(doc, p, err);
    if (*p == ']') return *at = p + 1, TCB_OK;
    p = tcb_jscan_spaces(p + 1, end);
  }
}

static int is_text(tcb_slice value, const char *text) {
  char out[512];
  size_t len = tcb_jscan_string(value, out, sizeof out);
  return len == strlen(text) && memcmp(out, text, len) == 0;
}

tcb_status tcb_settle_scan(tcb_settle *s, const char *doc, size_t len, const char *batch_id, tcb_buf *odd, tcb_err *err) {
  const char *end = doc + len, *p = tcb_jscan_spaces(doc, end);
  int has_rows = 0;
  if (p < end && *p == '[') {                            /* v1: the bare array */
    tcb_status status = read_rows(s, doc, &p, end, odd, err);
    if (status != TCB_OK) return status;
    return tcb_jscan_spaces(p, end) == end ? TCB_OK : broken(doc, p, err);
  }
  if (p == end || *p != '{') return tcb_fail(err, TCB_E_PROTO, "the answer is not a status document");
  p = tcb_jscan_spaces(p + 1, end);
  while (p < end && *p == '"') {
    tcb_slice key = { p + 1, quote(p + 1, end) };
    if (key.to == NULL) return broken(doc, p, err);
    p = tcb_jscan_spaces(key.to + 1, end);
    if (p == end || *p != ':') return broken(doc, p, err);
    p = tcb_jscan_spaces(p + 1, end);
    if (is_named(key, "data") && p < end && *p == '[') {
      tcb_status status = read_rows(s, doc, &p, end, odd, err);
      if (status != TCB_OK) return status;
      has_rows = 1;
    } else {
      tcb_slice value = { p, tcb_jscan_skip(p, end) };
      if (value.to == NULL) return broken(doc, p, err);
      has_rows |= is_named(key, "data") && *value.from == 'n';       /* null: nothing processed yet */
      if (batch_id && is_named(key, "batch_id") && !is_text(value, batch_id)) {
        return tcb_fail(err, TCB_E_PROTO, "the status document is of another batch");
      }
      p = value.to;
    }
    p = tcb_jscan_spaces(p, end);
    if (p == end || *p != ',') break;
    p = tcb_jscan_spaces(p + 1, end);
  }
  if (p == end || *p != '}' || tcb_jscan_spaces(p + 1, end) != end) return broken(doc, p, err);
  return has_rows ? TCB_OK : tcb_fail(err, TCB_E_PROTO, "the answer has no list of records named data");
}
