/* core/record.c: the rule table of a call record, and the plain reading of it. */
#include "core/record.h"

#include "core/instant.h"
#include "core/phone.h"

#define REASON_FORBIDDEN "!@#$%^&*()_+/"
#define REASON_EDGES ".,- "

const tcb_field_rule tcb_rules[TCB_FIELDS] = {
  [TCB_CALLER] = { { "caller_number", "caller" }, TCB_TYPE_NUMBER, 1, 8, 15, "", "",
    "the business' number: country code and digits, 8 to 15 of them, the first not 0" },
  [TCB_RECEIVER] = { { "receiver_number", "receiver" }, TCB_TYPE_NUMBER, 1, 8, 15, "", "",
    "the number that is called: as caller_number" },
  [TCB_LABEL] = { { "label_id", "label_id" }, TCB_TYPE_UUID, 1, 0, 0, "", "",
    "UUID of a dynamic label of the account" },
  [TCB_NAME] = { { "dynamic_label_name", "label_name" }, TCB_TYPE_TEXT, 0, 3, 40, "", "",
    "3 to 40 characters; without it the label's own name shows" },
  [TCB_REASON] = { { "dynamic_call_reason", "call_reason" }, TCB_TYPE_TEXT, 0, 10, 100, REASON_FORBIDDEN, REASON_EDGES,
    "10 to 100 characters; none of ! @ # $ % ^ & * ( ) _ + / anywhere; no full stop, comma, hyphen or space at its start or end" },
  [TCB_STARTS_AT] = { { "starts_at", "starts_at" }, TCB_TYPE_INSTANT, 1, 0, 0, "", "",
    "epoch milliseconds" },
  [TCB_ENDS_AT] = { { "ends_at", "ends_at" }, TCB_TYPE_INSTANT, 1, 0, 0, "", "",
    "epoch milliseconds; after starts_at, at most 24 hours after it, not in the past" },
};

const tcb_dialect_rule tcb_dialects[TCB_DIALECTS] = {
  [TCB_V2] = { "v2", "{\"call_records\":[", "]}" },
  [TCB_V1] = { "v1", "{\"call_records\":[", "]}" },
};

static int is_hex(char c) {
  return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

int tcb_is_uuid(const char *s, size_t len) {
  if (len != TCB_LABEL_BYTES) return 0;
  for (size_t i = 0; i < len; i++)
    if (i == 8 || i == 13 || i == 18 || i == 23 ? s[i] != '-' : !is_hex(s[i])) return 0;
  return 1;
}

static tcb_fault fault_of(tcb_fault_code code, tcb_field field, tcb_why why, int64_t detail) {
  return (tcb_fault){ (uint8_t)code, (uint8_t)field, (uint8_t)why, detail };
}

tcb_fault tcb_text_check(tcb_field field, tcb_text text) {
  const tcb_field_rule *rule = &tcb_rules[field];
  long count = tcb_utf8_count(text.data, text.len);
  if (count < 0) return fault_of(TCB_FAULT_ENCODING, field, 0, 0);
  if (count < rule->least || count > rule->most)
    return fault_of(TCB_FAULT_LENGTH, field, 0, count | (int64_t)rule->least << 32 | (int64_t)rule->most << 48);
  if (rule->forbidden[0])
    for (size_t i = 0; i < text.len; i++)
      if (text.data[i] && strchr(rule->forbidden, text.data[i])) return fault_of(TCB_FAULT_CHARSET, field, 0, text.data[i]);
  if (rule->edges[0]) {
    char first = text.data[0], last = text.data[text.len - 1];
    if (first && strchr(rule->edges, first)) return fault_of(TCB_FAULT_EDGE, field, 0, first);
    if (last && strchr(rule->edges, last)) return fault_of(TCB_FAULT_EDGE, field, 0, last);
  }
  return fault_of(TCB_FAULT_NONE, field, 0, 0);
}

static int is_absent(const tcb_cell *cell) {
  return !cell->is_int && (cell->text.data == NULL || tcb_text_trim(cell->text.data, cell->text.len).len == 0);
}

static tcb_fault read_number(const tcb_check *check, tcb_field field, const tcb_cell *cell, tcb_record *out) {
  tcb_why why = tcb_phone_parse(cell->text.data, cell->text.len, check->country, out->number[field], &out->number_len[field]);
  return fault_of(why ? TCB_FAULT_NUMBER : TCB_FAULT_NONE, field, why, 0);
}

static tcb_fault read_label(tcb_field field, const tcb_cell *cell, tcb_record *out) {
  tcb_text t = tcb_text_trim(cell->text.data, cell->text.len);
  out->text[field] = t;
  return fault_of(tcb_is_uuid(t.data, t.len) ? TCB_FAULT_NONE : TCB_FAULT_LABEL, field, 0, 0);
}

static tcb_fault read_instant(const tcb_check *check, tcb_field field, const tcb_cell *cell, tcb_record *out) {
  int64_t *ms = field == TCB_STARTS_AT ? &out->starts_at : &out->ends_at;
  tcb_why why;
  if (cell->is_int) *ms = cell->n, why = tcb_instant_check(*ms);
  else why = tcb_instant_parse(cell->text.data, cell->text.len, check->zone, ms);
  return fault_of(why ? TCB_FAULT_TIME : TCB_FAULT_NONE, field, why, 0);
}

static tcb_fault read_field(const tcb_check *check, tcb_field field, const tcb_cell *cell, tcb_record *out) {
  if (is_absent(cell)) {
    int required = tcb_rules[field].required && !(field == TCB_LABEL && check->label_optional);
    return fault_of(required ? TCB_FAULT_MISSING : TCB_FAULT_NONE, field, 0, 0);
  }
  if (!cell->is_int && tcb_rules[field].type != TCB_TYPE_TEXT && tcb_utf8_count(cell->text.data, cell->text.len) < 0)
    return fault_of(TCB_FAULT_ENCODING, field, 0, 0);
  switch (tcb_rules[field].type) {
  case TCB_TYPE_NUMBER: return read_number(check, field, cell, out);
  case TCB_TYPE_UUID: return read_label(field, cell, out);
  case TCB_TYPE_INSTANT: return read_instant(check, field, cell, out);
  default: out->text[field] = cell->text; return tcb_text_check(field, cell->text);
  }
}

int tcb_record_check(const tcb_check *check, const tcb_cell cells[TCB_FIELDS], tcb_record *out, tcb_fault faults[TCB_FAULTS_MAX]) {
  int count = 0, timed = 1;
  memset(out, 0, sizeof *out);
  for (int i = 0; i < TCB_FIELDS; i++) {
    faults[count] = read_field(check, (tcb_field)i, &cells[i], out);
    if (faults[count].code == TCB_FAULT_NONE) continue;
    if (tcb_rules[i].type == TCB_TYPE_INSTANT) timed = 0;
    count++;
  }
  if (!timed) return count;
  if (out->ends_at <= out->starts_at) faults[count++] = fault_of(TCB_FAULT_ORDER, TCB_ENDS_AT, 0, 0);
  else if (out->ends_at <= check->now_ms) faults[count++] = fault_of(TCB_FAULT_PAST, TCB_ENDS_AT, 0, 0);
  else if (out->ends_at - out->starts_at > TCB_WINDOW_MAX_MS)
    faults[count++] = fault_of(TCB_FAULT_WINDOW, TCB_ENDS_AT, 0, out->ends_at - out->starts_at - TCB_WINDOW_MAX_MS);
  return count;
}

/* "\b" and the like; 0: the byte has no short form. */
static char short_escape(unsigned char c) {
  switch (c) {
  case '"': case '\\': return (char)c;
  case '\b': return 'b';
  case '\f': return 'f';
  case '\n': return 'n';
  case '\r': return 'r';
  case '\t': return 't';
  default: return 0;
  }
}

tcb_status tcb_json_text(const char *text, size_t len, tcb_buf *out, tcb_err *err) {
  static const char hex[] = "0123456789abcdef";
  tcb_status status = tcb_buf_reserve(out, len * 6 + 2, err);
  if (status != TCB_OK) return status;
  char *to = out->data + out->len;
  *to++ = '"';
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)text[i];
    if (c >= 0x20 && c != '"' && c != '\\') {
      *to++ = (char)c;
      continue;
    }
    *to++ = '\\';
    if ((*to = short_escape(c)) != 0) to++;
    else {
      memcpy(to, "u00", 3);
      to[3] = hex[c >> 4], to[4] = hex[c & 15];
      to += 5;
    }
  }
  *to++ = '"';
  out->len = (size_t)(to - out->data);
  return TCB_OK;
}

static char *put(char *to, const char *text, size_t len) {
  memcpy(to, text, len);
  return to + len;
}

static char *put_int(char *to, int64_t n) {                /* instants: never negative */
  char digits[20];
  size_t at = sizeof digits;
  do digits[--at] = (char)('0' + n % 10); while ((n /= 10) != 0);
  return put(to, digits + at, sizeof digits - at);
}

tcb_status tcb_record_encode(const tcb_record *record, tcb_dialect dialect, int plus, tcb_buf *out, tcb_err *err) {
  for (int i = 0; i < TCB_FIELDS; i++) {
    tcb_text text = record->text[i];
    tcb_type type = tcb_rules[i].type;
    if (type != TCB_TYPE_NUMBER && type != TCB_TYPE_INSTANT && text.data == NULL) continue;
    const char *name = tcb_rules[i].name[dialect];
    size_t name_len = strlen(name);
    tcb_status status = tcb_buf_reserve(out, name_len + 32, err);
    if (status != TCB_OK) return status;
    char *to = out->data + out->len;
    *to++ = i == 0 ? '{' : ',';
    *to++ = '"';
    to = put(put(to, name, name_len), "\":", 2);
    if (type == TCB_TYPE_NUMBER) to = put(put(put(to, "\"+", plus ? 2 : 1), record->number[i], record->number_len[i]), "\"", 1);
    else if (type == TCB_TYPE_INSTANT) to = put_int(to, i == TCB_STARTS_AT ? record->starts_at : record->ends_at);
    out->len = (size_t)(to - out->data);
    if (type != TCB_TYPE_NUMBER && type != TCB_TYPE_INSTANT && (status = tcb_json_text(text.data, text.len, out, err)) != TCB_OK) return status;
  }
  return tcb_buf_add(out, "}", 1, err);
}

void tcb_match_key_of(const tcb_record *r, tcb_match_key *key) {
  tcb_text label = r->text[TCB_LABEL];
  tcb_match_key_set(key, r->number[0], r->number_len[0], r->number[1], r->number_len[1], r->starts_at, r->ends_at, label.data,
                    label.data ? label.len : 0);
}
