/* core/settle_scan.c: reads a status document where it landed. It bets on the order of members that the service's documentation
   shows; a row that loses the bet is read member by member, and one that is odder still goes to a full decoder. */
#include <stddef.h>

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

static const char *take(const char *p, const char *end, tcb_slice *out) {
  const char *q = quote(p, end);
  *out = (tcb_slice){ p, q };
  return q;
}

static const char *digits(const char *p, const char *end, tcb_slice *out) {
  out->from = p;
  while (p < end && (unsigned char)(*p - '0') < 10) p++;
  out->to = p;
  return p > out->from && *out->from != '0' ? p : NULL;
}

/* The bet. Behind the row, or NULL when it is lost; `p` is at the row's brace. */
static const char *read_expected(const char *p, const char *end, tcb_row_slices *row) {
  tcb_slice skipped;
  if (!LIT(p, end, "{\"id\":\"") || (p = take(p, end, &row->id)) == NULL) return NULL;
  if (!LIT(p, end, "\",\"caller_number\":\"") || (p = take(p, end, &row->caller)) == NULL) return NULL;
  if (!LIT(p, end, "\",\"receiver_number\":\"") || (p = take(p, end, &row->receiver)) == NULL) return NULL;
  if (!LIT(p, end, "\",\"label_id\":\"") || (p = take(p, end, &row->label)) == NULL) return NULL;
  if (LIT(p, end, "\",\"dynamic_label_name\":\"") && (p = take(p, end, &skipped)) == NULL) return NULL;
  if (LIT(p, end, "\",\"dynamic_call_reason\":\"") && (p = take(p, end, &skipped)) == NULL) return NULL;
  if (!LIT(p, end, "\",\"starts_at\":") || (p = digits(p, end, &row->starts)) == NULL) return NULL;
  if (!LIT(p, end, ",\"ends_at\":") || (p = digits(p, end, &row->ends)) == NULL) return NULL;
  if (!LIT(p, end, ",\"status_info\":{\"status\":\"") || (p = take(p, end, &row->status)) == NULL) return NULL;
  if (LIT(p, end, "\",\"field\":\"") && (p = take(p, end, &row->field)) == NULL) return NULL;
  if (LIT(p, end, "\",\"message\":\"") && (p = take(p, end, &row->message)) == NULL) return NULL;
  if (!LIT(p, end, "\"},\"created_at\":\"") || (p = take(p, end, &skipped)) == NULL) return NULL;
  if (memchr(row->id.from, '\\', (size_t)(row->label.to - row->id.from))) return NULL;
  return LIT(p, end, "\"}") ? p : NULL;
}

typedef struct { const char *name; unsigned char at; } member;
#define AT(f) offsetof(tcb_row_slices, f)

/* Both spellings; `status_info` opens the second list, which old answers carry at the top. */
static const member members[] = {
  { "id", AT(id) }, { "caller_number", AT(caller) }, { "caller", AT(caller) }, { "receiver_number", AT(receiver) },
  { "receiver", AT(receiver) }, { "label_id", AT(label) }, { "starts_at", AT(starts) }, { "ends_at", AT(ends) },
  { "status", AT(status) }, { "message", AT(message) }, { "field", AT(field) },
};

static int is_named(tcb_slice key, const char *name) {
  size_t len = strlen(name);
  return (size_t)(key.to - key.from) == len && memcmp(key.from, name, len) == 0;
}

/* Takes the members of one object. 1: all understood, 0: a full decoder has to look. */
static int read_members(tcb_slice object, tcb_row_slices *row) {
  tcb_jscan_members it = tcb_jscan_open(object);
  while (tcb_jscan_next(&it)) {
    if (is_named(it.key, "status_info") && *it.value.from == '{') {
      if (!read_members(it.value, row)) return 0;
      continue;
    }
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
      if (!is_named(it.key, members[i].name)) continue;
      tcb_slice *to = (tcb_slice *)(void *)((char *)row + members[i].at);
      int is_number = to == &row->starts || to == &row->ends;
      tcb_slice v = it.value, digits_only;
      if (is_number && (digits(v.from, v.to, &digits_only) != v.to)) return 0;
      if (!is_number && *v.from != '"') return *v.from == 'n' ? 1 : 0;
      if (!is_number) v.from++, v.to--;
      int may_escape = to == &row->message || to == &row->field;
      if (!is_number && !may_escape && memchr(v.from, '\\', (size_t)(v.to - v.from))) return 0;
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
  for (;;) {
    tcb_row_slices row = { 0 };
    const char *from = p, *behind = read_expected(p, end, &row);
    tcb_status status;
    if (behind) status = tcb_settle_match(s, &row, from, (size_t)(behind - from), err);
    else {
      if ((behind = tcb_jscan_skip(p, end)) == NULL) return broken(doc, p, err);
      tcb_slice text = { from, behind };
      row = (tcb_row_slices){ 0 };
      if (*from == '{' && read_members(text, &row)) status = tcb_settle_match(s, &row, from, (size_t)(behind - from), err);
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
