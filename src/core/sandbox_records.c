/* core/sandbox_records.c: reads the records of a request and checks them. */
#include "core/sandbox_priv.h"

#include <string.h>
#include <strings.h>

#include "core/json.h"

#define DEPTH 8

static void mark(uint8_t marks[128], const char *set, uint8_t bit) {
  for (; *set; set++) marks[*set & 127] |= bit;
}

tcb_sandbox_records *tcb_sandbox_records_new(tcb_ctx *ctx) {
  tcb_sandbox_records *r = tcb_calloc(ctx, sizeof *r);
  if (r == NULL) return NULL;
  r->ctx = ctx;
  r->sha256 = tcb_sha256_best();
  tcb_buf_init(&r->plain, ctx);
  for (int f = 0; f < TCB_FIELDS; f++) {
    for (int d = 0; d < TCB_DIALECTS; d++) r->name_len[d][f] = strlen(tcb_rules[f].name[d]);
    mark(r->marks[f], tcb_rules[f].forbidden, MARK_FORBIDDEN);
    mark(r->marks[f], tcb_rules[f].edges, MARK_EDGE);
  }
  return r;
}

void tcb_sandbox_records_free(tcb_sandbox_records *r) {
  if (r == NULL) return;
  tcb_buf_free(&r->plain);
  tcb_free(r->ctx, r, sizeof *r);
}

int tcb_sandbox_records_count(const tcb_sandbox_records *r) { return r->count; }
void tcb_sandbox_records_clear(tcb_sandbox_records *r) { r->count = 0; }

static tcb_status not_json(const tcb_json *j, tcb_err *err) {
  return tcb_fail(err, TCB_E_INPUT, "the body is not JSON: %s at byte %zu", j->error, (size_t)(j->at - j->start));
}

/* Numbers and labels are compared, hashed and shown, so their escapes are taken out. `plain` never moves: see read. */
static tcb_status take_text(tcb_sandbox_records *r, const tcb_json *j, int field, json_text *out, tcb_err *err) {
  *out = (json_text){ j->text, (uint32_t)j->len, (uint8_t)j->has_escapes, 1 };
  if (!j->has_escapes || field >= TCB_NAME) return TCB_OK;
  size_t from = r->plain.len;
  if (from == 0 && tcb_buf_reserve(&r->plain, (size_t)(j->end - j->start), err) != TCB_OK) return TCB_E_MEMORY;
  if (tcb_json_unescape(j->text, j->len, &r->plain, err) != TCB_OK) return TCB_E_MEMORY;
  *out = (json_text){ r->plain.data + from, (uint32_t)(r->plain.len - from), 0, 1 };
  return TCB_OK;
}

static int find_field(const tcb_sandbox_records *r, const tcb_json *j) {
  for (int f = 0; f < TCB_FIELDS; f++) {
    const char *name = tcb_rules[f].name[r->dialect];
    if (j->has_escapes) {
      if (tcb_json_is(j, name)) return f;
    } else if (r->name_len[r->dialect][f] == j->len && memcmp(name, j->text, j->len) == 0) return f;
  }
  return -1;
}

static tcb_status wrong_type(const tcb_sandbox_records *r, int f, tcb_err *err) {
  const char *name = tcb_rules[f].name[r->dialect];
  const char *what = tcb_rules[f].type == TCB_TYPE_INSTANT ? "a 64-bit integer" : "a string";
  return tcb_fail_field(err, TCB_E_INPUT, name, "%s must be %s", name, what);
}

/* Behind the opening brace of a record. */
static tcb_status read_record(tcb_sandbox_records *r, tcb_json *j, tcb_err *err) {
  record *rec = &r->list[r->count];
  unsigned seen = 0;
  tcb_json_kind kind;
  memset(rec, 0, sizeof *rec);
  rec->field = TCB_FIELD_NONE;
  while ((kind = tcb_json_next(j)) == TCB_JSON_KEY) {
    int f = find_field(r, j);
    kind = tcb_json_next(j);
    if (f < 0) {
      if (!tcb_json_skip(j, kind)) return not_json(j, err);
      continue;
    }
    if (kind == TCB_JSON_ERROR) return not_json(j, err);
    seen |= 1u << f;
    int is_instant = tcb_rules[f].type == TCB_TYPE_INSTANT;
    if (kind != (is_instant ? TCB_JSON_NUMBER : TCB_JSON_STRING)) return wrong_type(r, f, err);
    if (!is_instant) {
      if (take_text(r, j, f, &rec->text[f], err) != TCB_OK) return TCB_E_MEMORY;
    } else if (!tcb_json_int64(j->text, j->len, f == TCB_STARTS_AT ? &rec->starts_at : &rec->ends_at)) {
      return wrong_type(r, f, err);
    }
  }
  if (kind == TCB_JSON_ERROR) return not_json(j, err);
  for (int f = 0; f < TCB_FIELDS; f++) {
    const char *name = tcb_rules[f].name[r->dialect];
    if (tcb_rules[f].required && !(seen >> f & 1)) return tcb_fail_field(err, TCB_E_INPUT, name, "%s is required", name);
  }
  r->count++;
  return TCB_OK;
}

static tcb_status read_list(tcb_sandbox_records *r, tcb_json *j, tcb_err *err) {
  tcb_json_kind kind;
  while ((kind = tcb_json_next(j)) != TCB_JSON_CLOSE) {
    if (kind == TCB_JSON_ERROR) return not_json(j, err);
    if (r->count == TCB_BATCH_MAX)
      return tcb_fail_field(err, TCB_E_INPUT, "call_records", "call_records must hold 1 to %d records", TCB_BATCH_MAX);
    if (kind != TCB_JSON_OBJECT) return tcb_fail_field(err, TCB_E_INPUT, "call_records", "a record must be an object");
    int at = r->count;
    tcb_status status = read_record(r, j, err);
    if (status == TCB_E_INPUT && err->field[0]) {        /* tell which one */
      char text[160];
      memcpy(text, err->message, sizeof text - 1);
      text[sizeof text - 1] = '\0';
      return tcb_fail_field(err, TCB_E_INPUT, err->field, "call_records[%d]: %s", at, text);
    }
    if (status != TCB_OK) return status;
  }
  return TCB_OK;
}

static tcb_status read_batch(tcb_sandbox_records *r, tcb_json *j, tcb_err *err) {
  int seen = 0;
  tcb_json_kind kind;
  while ((kind = tcb_json_next(j)) == TCB_JSON_KEY) {
    if (!tcb_json_is(j, "call_records")) {
      if (!tcb_json_skip(j, kind)) return not_json(j, err);
      continue;
    }
    kind = tcb_json_next(j);
    if (kind == TCB_JSON_ERROR) return not_json(j, err);
    if (kind != TCB_JSON_ARRAY) return tcb_fail_field(err, TCB_E_INPUT, "call_records", "call_records must be a list");
    if (seen) return tcb_fail_field(err, TCB_E_INPUT, "call_records", "call_records is there twice");
    seen = 1;
    tcb_status status = read_list(r, j, err);
    if (status != TCB_OK) return status;
  }
  if (kind == TCB_JSON_ERROR) return not_json(j, err);
  if (!seen) return tcb_fail_field(err, TCB_E_INPUT, "call_records", "call_records is required");
  if (r->count == 0)
    return tcb_fail_field(err, TCB_E_INPUT, "call_records", "call_records must hold 1 to %d records", TCB_BATCH_MAX);
  return TCB_OK;
}

tcb_status tcb_sandbox_records_read(tcb_sandbox_records *r, const char *body, size_t len, tcb_dialect dialect, int is_batch,
                                    tcb_err *err) {
  tcb_json j;
  tcb_err_clear(err);
  r->count = 0;
  r->plain.len = 0;
  r->dialect = dialect;
  if (len > UINT32_MAX) return tcb_fail(err, TCB_E_INPUT, "the body is too long");
  tcb_json_init(&j, body, len, DEPTH);
  tcb_json_kind kind = tcb_json_next(&j);
  if (kind == TCB_JSON_ERROR) return not_json(&j, err);
  if (kind != TCB_JSON_OBJECT) return tcb_fail(err, TCB_E_INPUT, "the body must be an object");
  tcb_status status = is_batch ? read_batch(r, &j, err) : read_record(r, &j, err);
  if (status != TCB_OK) return status;
  return tcb_json_next(&j) == TCB_JSON_END ? TCB_OK : not_json(&j, err);
}

/* Digits, the first not 0. */
static int is_number(json_text t, const tcb_field_rule *rule, int plus) {
  if (plus) t = digits_of(t);
  if ((int)t.len < rule->least || (int)t.len > rule->most || t.data[0] == '0') return 0;
  for (uint32_t i = 0; i < t.len; i++)
    if (t.data[i] < '0' || t.data[i] > '9') return 0;
  return 1;
}

static int is_label(json_text t, const char *labels, size_t count) {
  if (t.len != TCB_LABEL_BYTES) return 0;
  for (size_t i = 0; i < count; i++)
    if (strncasecmp(labels + i * TCB_LABEL_BYTES, t.data, TCB_LABEL_BYTES) == 0) return 1;
  return 0;
}

/* Lengths count code points. */
static int check_text(json_text t, const tcb_field_rule *rule, const uint8_t marks[128]) {
  const char *p = t.data, *end = p + t.len;
  uint32_t c = 0;
  uint8_t first = 0, last = 0, any = 0;
  int n = 0;
  for (; p < end; n++) {
    p += tcb_json_code_point(p, end, &c);
    last = c < 128 ? marks[c] : 0;
    any |= last;
    if (n == 0) first = last;
  }
  if (n < rule->least || n > rule->most) return FAULT_LENGTH;
  if (any & MARK_FORBIDDEN) return FAULT_CHARSET;
  return (first | last) & MARK_EDGE ? FAULT_EDGE : FAULT_NONE;
}

static void check(const tcb_sandbox_records *r, record *rec, int64_t now_ms, const char *labels, size_t label_count, int plus) {
#define BROKEN(f, why) do { rec->field = (f); rec->fault = (uint8_t)(why); return; } while (0)
  for (int f = TCB_CALLER; f < TCB_STARTS_AT; f++) {
    const tcb_field_rule *rule = &tcb_rules[f];
    json_text t = rec->text[f];
    int why = FAULT_NONE;
    if (rule->type == TCB_TYPE_NUMBER) why = is_number(t, rule, plus) ? FAULT_NONE : FAULT_NUMBER;
    else if (rule->type == TCB_TYPE_UUID) why = is_label(t, labels, label_count) ? FAULT_NONE : FAULT_LABEL;
    else if (t.is_present) why = check_text(t, rule, r->marks[f]);
    if (why) BROKEN(f, why);
  }
  if (rec->ends_at <= rec->starts_at) BROKEN(TCB_ENDS_AT, FAULT_ORDER);
  if (rec->ends_at < now_ms) BROKEN(TCB_ENDS_AT, FAULT_PAST);
  if (rec->starts_at < rec->ends_at - TCB_WINDOW_MAX_MS) BROKEN(TCB_ENDS_AT, FAULT_WINDOW);
#undef BROKEN
}

/* Receivers 9001 to 9011, in order. */
static const uint8_t endings[] = { TCB_SANDBOX_INVALID, TCB_SANDBOX_NOT_USER, TCB_SANDBOX_OS, TCB_SANDBOX_APP,
  TCB_SANDBOX_PUSH_FAILED, TCB_SANDBOX_ONCE, TCB_SANDBOX_NEVER, TCB_SANDBOX_UNREPORTED, TCB_SANDBOX_TWICE,
  TCB_SANDBOX_PLUS, TCB_SANDBOX_MASKED };

static void give_outcome(record *rec) {
  json_text t = rec->text[TCB_RECEIVER];
  rec->outcome = TCB_SANDBOX_SUCCESS;
  if (rec->fault != FAULT_NONE) {
    rec->outcome = TCB_SANDBOX_INVALID;
  } else if (memcmp(t.data + t.len - 4, "90", 2) == 0) {
    int n = (t.data[t.len - 2] - '0') * 10 + t.data[t.len - 1] - '0';
    if (n >= 1 && n <= (int)sizeof endings) rec->outcome = endings[n - 1];
    if (rec->outcome == TCB_SANDBOX_INVALID) rec->field = TCB_RECEIVER;
  }
}

static char *put_text(char *o, json_text t) {
  memcpy(o, t.data, t.len);
  o[t.len] = '|';
  return o + t.len + 1;
}

/* The first 8 bytes of SHA-256 of `caller|receiver|starts_at|ends_at|label_id`, numbers as digits. */
static int make_key(tcb_sandbox_records *r, record *rec) {
  json_text caller = digits_of(rec->text[TCB_CALLER]), receiver = digits_of(rec->text[TCB_RECEIVER]);
  json_text label = rec->text[TCB_LABEL];
  char small[256], *text = small;
  unsigned char digest[32];
  size_t bytes = (size_t)caller.len + receiver.len + label.len + 48;
  if (bytes > sizeof small && (text = tcb_malloc(r->ctx, bytes)) == NULL) return 0;
  char *o = put_text(put_text(text, caller), receiver);
  o = tcb_sandbox_put_int(o, rec->starts_at);
  *o++ = '|';
  o = tcb_sandbox_put_int(o, rec->ends_at);
  *o++ = '|';
  o = put_text(o, label);
  tcb_sha256_with(r->sha256, text, (size_t)(o - text - 1), digest);
  memcpy(rec->key, digest, sizeof rec->key);
  if (text != small) tcb_free(r->ctx, text, bytes);
  return 1;
}

int tcb_sandbox_records_check(tcb_sandbox_records *r, int64_t now_ms, const char *labels, size_t label_count, int plus) {
  int broken = 0;
  for (int i = 0; i < r->count; i++) {
    record *rec = &r->list[i];
    check(r, rec, now_ms, labels, label_count, plus);
    give_outcome(rec);
    if (!make_key(r, rec)) return -1;
    broken += rec->fault != FAULT_NONE;
  }
  return broken;
}

const char *tcb_sandbox_records_fault(const tcb_sandbox_records *r, int i, const char **field) {
  static const char *const text[] = { NULL, "is not a phone number with country code", "is not a dynamic label of this account",
    "has a wrong length", "has characters that are not allowed", "begins or ends with a character that is not allowed there",
    "must be later than starts_at", "cannot be older than current time", "cannot be more than 24 hours after starts_at" };
  const record *rec = &r->list[i];
  if (rec->fault == FAULT_NONE) return NULL;
  *field = tcb_rules[rec->field].name[r->dialect];
  return text[rec->fault];
}

tcb_sandbox_outcome tcb_sandbox_records_outcome(const tcb_sandbox_records *r, int i) { return r->list[i].outcome; }
void tcb_sandbox_records_decide(tcb_sandbox_records *r, int i, tcb_sandbox_outcome outcome) {
  r->list[i].outcome = (uint8_t)outcome;
}

const unsigned char *tcb_sandbox_records_key(const tcb_sandbox_records *r, int i) { return r->list[i].key; }

const char *tcb_sandbox_records_receiver(const tcb_sandbox_records *r, int i, size_t *len) {
  json_text t = digits_of(r->list[i].text[TCB_RECEIVER]);
  *len = t.len;
  return t.data;
}
