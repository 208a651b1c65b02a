/* core/sandbox_rows.c: writes what the sandbox tells about records: ledger keys and results, rows of the status document. */
#include "core/sandbox_priv.h"

#include <string.h>
#include <strings.h>

#include "core/json.h"

#define KEY_BYTES 120               /* of one entry of the ledger's keys, at most */
#define RESULT_BYTES 96

char *tcb_sandbox_put_int(char *o, int64_t n) {
  char digits[20];
  int count = 0;
  uint64_t u = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
  if (n < 0) *o++ = '-';
  do digits[count++] = (char)('0' + u % 10); while (u /= 10);
  while (count) *o++ = digits[--count];
  return o;
}

static char *put(char *o, const char *text) {
  size_t len = strlen(text);
  memcpy(o, text, len);
  return o + len;
}

static char *put_bytes(char *o, const char *bytes, size_t len) {
  memcpy(o, bytes, len);
  return o + len;
}

static char *put_key(char *o, const unsigned char key[8]) {
  tcb_hex(key, 8, o);
  return o + 16;
}

/* The last four digits of a number, whatever else the text holds. */
static char *put_last4(char *o, json_text t) {
  uint32_t from = t.len, count = 0;
  while (from && count < 4) {
    char c = t.data[--from];
    if (c >= '0' && c <= '9') count++;
  }
  for (uint32_t i = from; i < t.len; i++)
    if (t.data[i] >= '0' && t.data[i] <= '9') *o++ = t.data[i];
  return o;
}

tcb_status tcb_sandbox_records_ledger(const tcb_sandbox_records *r, tcb_buf *out, tcb_err *err) {
  if (tcb_buf_reserve(out, (size_t)r->count * KEY_BYTES + 2, err) != TCB_OK) return TCB_E_MEMORY;
  char *o = out->data + out->len;
  *o++ = '[';
  for (int i = 0; i < r->count; i++) {
    const record *rec = &r->list[i];
    if (i) *o++ = ',';
    o = put_key(put(o, "{\"key\":\""), rec->key);
    o = tcb_sandbox_put_int(put(o, "\",\"starts_at\":"), rec->starts_at);
    o = tcb_sandbox_put_int(put(o, ",\"ends_at\":"), rec->ends_at);
    o = put_last4(put(o, ",\"receiver\":\""), rec->text[TCB_RECEIVER]);
    o = put(o, "\"}");
  }
  *o++ = ']';
  out->len = (size_t)(o - out->data);
  return TCB_OK;
}

tcb_status tcb_sandbox_records_notes(const tcb_sandbox_records *r, tcb_buf *out, tcb_err *err) {
  if (tcb_buf_reserve(out, (size_t)r->count * TCB_SANDBOX_NOTE_BYTES, err) != TCB_OK) return TCB_E_MEMORY;
  char *o = out->data + out->len;
  for (int i = 0; i < r->count; i++) {
    o = put_bytes(o, (const char *)r->list[i].key, 8);
    *o++ = (char)r->list[i].outcome;
    *o++ = (char)r->list[i].field;
  }
  out->len = (size_t)(o - out->data);
  return TCB_OK;
}

const char *tcb_sandbox_reason(tcb_sandbox_outcome outcome) {
  static const char *const reasons[] = { NULL, "Invalid input", "Not a Truecaller user", "OS not supported",
    "App version not supported", "Failed to push" };
  return outcome <= TCB_SANDBOX_PUSH_FAILED ? reasons[outcome] : NULL;
}

tcb_status tcb_sandbox_results(const char *notes, size_t len, tcb_buf *out, tcb_err *err) {
  size_t count = len / TCB_SANDBOX_NOTE_BYTES, written = 0;
  if (tcb_buf_reserve(out, count * RESULT_BYTES + 2, err) != TCB_OK) return TCB_E_MEMORY;
  char *o = out->data + out->len;
  *o++ = '[';
  for (size_t i = 0; i < count; i++, notes += TCB_SANDBOX_NOTE_BYTES) {
    tcb_sandbox_outcome outcome = (unsigned char)notes[8];
    const char *reason = tcb_sandbox_reason(outcome);
    if (outcome == TCB_SANDBOX_NEVER || outcome == TCB_SANDBOX_UNREPORTED) continue;
    if (written++) *o++ = ',';
    o = put_key(put(o, "{\"key\":\""), (const unsigned char *)notes);
    o = reason ? put(put(put(o, "\",\"status\":\"error\",\"message\":\""), reason), "\"}") : put(o, "\",\"status\":\"success\"}");
  }
  *o++ = ']';
  out->len = (size_t)(o - out->data);
  return TCB_OK;
}

static uint64_t mix(uint64_t x) {                        /* splitmix64 */
  x += UINT64_C(0x9E3779B97F4A7C15);
  x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
  x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
  return x ^ x >> 31;
}

static char *put_uuid(char *o, uint64_t high, uint64_t low) {
  unsigned char bytes[16];
  char hex[32];
  for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)(high >> 8 * i), bytes[8 + i] = (unsigned char)(low >> 8 * i);
  bytes[6] = (bytes[6] & 0x0F) | 0x40;
  bytes[8] = (bytes[8] & 0x3F) | 0x80;
  tcb_hex(bytes, 16, hex);
  static const int parts[] = { 8, 4, 4, 4, 12 };
  for (int i = 0, at = 0; i < 5; at += parts[i++]) {
    if (i) *o++ = '-';
    o = put_bytes(o, hex + at, (size_t)parts[i]);
  }
  return o;
}

static char *put_string(char *o, const char *name, const char *text, size_t len) {     /* `text` is JSON string content */
  *o++ = '"';
  o = put(put(o, name), "\":\"");
  o = put_bytes(o, text, len);
  return put(o, "\",");
}

/* Text whose escapes were taken out: what would need one again shows as ?. */
static char *put_plain(char *o, json_text t) {
  for (uint32_t i = 0; i < t.len; i++) {
    char c = t.data[i];
    *o++ = c == '"' || c == '\\' || (unsigned char)c < 0x20 ? '?' : c;
  }
  return o;
}

/* A number as the row shows it: digits, with + or masked for two endings. */
static char *put_number(char *o, const char *name, json_text t, int plus, int masked) {
  t = digits_of(t);
  *o++ = '"';
  o = put(put(o, name), "\":\"");
  if (plus) *o++ = '+';
  char *from = o;
  o = put_plain(o, t);
  if (masked) memset(from + 2, '*', t.len - 6);          /* only numbers that kept the rules are masked: 8 digits at least */
  return put(o, "\",");
}

static const char *own_name(json_text label, const tcb_sandbox_view *view) {
  const char *name = view->label_names;
  for (size_t i = 0; i < view->label_count; i++, name += strlen(name) + 1)
    if (label.len == TCB_LABEL_BYTES && strncasecmp(view->labels + i * TCB_LABEL_BYTES, label.data, label.len) == 0) return name;
  return "";
}

static char *put_status(char *o, tcb_dialect dialect, tcb_sandbox_outcome outcome, int field, int is_settled) {
  const char *reason = tcb_sandbox_reason(outcome);
  int v1 = dialect == TCB_V1;
  if (!v1) o = put(o, "\"status_info\":{");
  if (!is_settled || outcome == TCB_SANDBOX_NEVER) o = put(o, "\"status\":\"pending\"");
  else if (reason == NULL) o = put(o, "\"status\":\"success\"");
  else {
    o = put(o, "\"status\":\"error\",");
    if (field < TCB_FIELDS) o = put(put(put(o, "\"field\":\""), tcb_rules[field].name[dialect]), "\",");
    o = put(put(put(o, "\"message\":\""), reason), "\"");
  }
  return v1 ? o : put(o, "}");
}

static char *put_row(char *o, const record *rec, uint64_t seed, const char *note, const tcb_sandbox_view *view) {
  json_text name = rec->text[TCB_NAME], reason = rec->text[TCB_REASON];
  tcb_sandbox_outcome outcome = (unsigned char)note[8];
  int plus = outcome == TCB_SANDBOX_PLUS;
  o = put(o, "{\"id\":\"");
  o = put(put_uuid(o, mix(seed), mix(seed + 1)), "\",");
  if (view->dialect == TCB_V1) {
    o = put_string(o, "client_account_id", view->account, strlen(view->account));
    o = put_string(o, "batch_id", view->batch_id, strlen(view->batch_id));
  }
  o = put_number(o, tcb_rules[TCB_CALLER].name[view->dialect], rec->text[TCB_CALLER], plus, 0);
  o = put_number(o, tcb_rules[TCB_RECEIVER].name[view->dialect], rec->text[TCB_RECEIVER], plus, outcome == TCB_SANDBOX_MASKED);
  o = put(put_plain(put(put(put(o, "\""), tcb_rules[TCB_LABEL].name[view->dialect]), "\":\""), rec->text[TCB_LABEL]), "\",");
  const char *own = name.is_present ? "" : own_name(rec->text[TCB_LABEL], view);
  if (name.is_present) o = put_string(o, tcb_rules[TCB_NAME].name[view->dialect], name.data, name.len);
  else o = put_string(o, tcb_rules[TCB_NAME].name[view->dialect], own, strlen(own));
  o = put_string(o, tcb_rules[TCB_REASON].name[view->dialect], reason.is_present ? reason.data : "", reason.len);
  o = tcb_sandbox_put_int(put(o, "\"starts_at\":"), rec->starts_at);
  o = tcb_sandbox_put_int(put(o, ",\"ends_at\":"), rec->ends_at);
  *o++ = ',';
  o = put_status(o, view->dialect, outcome, (unsigned char)note[9], view->is_settled);
  return put(put(put(o, ",\"created_at\":\""), view->created_at), "\"}");
}

static size_t row_bytes(const record *rec, const tcb_sandbox_view *view) {
  size_t bytes = 640 + strlen(view->batch_id) + strlen(view->account) + strlen(view->created_at);
  bytes += strlen(own_name(rec->text[TCB_LABEL], view));
  for (int f = 0; f < TCB_STARTS_AT; f++) bytes += rec->text[f].len;
  return bytes;
}

static int divisor(int a, int b) {
  while (b) {
    int rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

tcb_status tcb_sandbox_rows(const tcb_sandbox_records *r, const char *notes, size_t notes_len, const tcb_sandbox_view *view,
                            tcb_buf *out, tcb_err *err) {
  unsigned char digest[32];
  uint64_t seed = 0;
  int count = r->count, step, written = 0;
  if (notes_len != (size_t)count * TCB_SANDBOX_NOTE_BYTES)
    return tcb_fail(err, TCB_E_STORE, "the sandbox's notes do not fit the batch");
  tcb_sha256_with(r->sha256, view->batch_id, strlen(view->batch_id), digest);
  memcpy(&seed, digest, 7);
  /* Rows need not come in the order sent: they come with a stride. */
  step = 1 + (int)(seed % 97);
  while (divisor(step, count) != 1) step++;
  for (int n = 0, i = (int)(seed % (unsigned)count); n < count && n < view->shown; n++, i = (i + step) % count) {
    const char *note = notes + (size_t)i * TCB_SANDBOX_NOTE_BYTES;
    int times = note[8] == TCB_SANDBOX_UNREPORTED ? 0 : note[8] == TCB_SANDBOX_TWICE && view->is_settled ? 2 : 1;
    for (int k = 0; k < times; k++) {
      if (tcb_buf_reserve(out, row_bytes(&r->list[i], view), err) != TCB_OK) return TCB_E_MEMORY;
      char *o = out->data + out->len;
      if (written++) *o++ = ',';
      o = put_row(o, &r->list[i], seed + 2 * (uint64_t)i, note, view);
      out->len = (size_t)(o - out->data);
    }
  }
  return TCB_OK;
}
