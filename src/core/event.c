/* core/event.c: the head of a webhook event. */
#include "core/event.h"

#include <string.h>

#include "core/jscan.h"
#include "core/phone.h"
#include "core/text.h"

/* A string's text, or a number's own characters; the length, 0 for anything else and for what does not fit. */
static size_t read_text(tcb_slice value, char *out, size_t cap) {
  size_t len = value.from ? (size_t)(value.to - value.from) : 0;
  out[0] = '\0';
  if (len == 0) return 0;
  if (*value.from == '"') {
    if (len > cap * 6) return 0;                         /* even as escapes it cannot fit */
    size_t n = tcb_jscan_string(value, out, cap);
    return n + 4 > cap - 1 ? 0 : n;                         /* it may have been cut */
  }
  if (strchr("-0123456789", *value.from) == NULL || len >= cap) return 0;
  memcpy(out, value.from, len);
  out[len] = '\0';
  return len;
}

/* Epoch seconds as text, or as a number; a value that can only be ms stays one. */
static int64_t read_instant(tcb_slice value) {
  char text[24];
  int64_t n = 0;
  size_t len = read_text(value, text, sizeof text);
  if (len == 0 || len > 14) return 0;
  for (size_t i = 0; i < len; i++) {
    if (text[i] < '0' || text[i] > '9') return 0;
    n = n * 10 + (text[i] - '0');
  }
  return n < INT64_C(100000000000) ? n * 1000 : n;
}

static int read_number(tcb_slice payload, const char *name, char out[16]) {
  char text[64];
  size_t n, len = read_text(tcb_jscan_member(payload, name), text, sizeof text);
  if (len > 0 && tcb_phone_parse(text, len, "", out, &n) == TCB_WHY_NONE) return 1;
  out[0] = '\0';
  return 0;
}

/* The documented events hold it in cmb_payload or survey_payload; others may in any object of the first level, or at the top. */
static void find_number(tcb_slice event, char out[16]) {
  static const char *const names[] = { "client_number", "alternate_number" };
  for (int i = 0; i < 2; i++) {
    tcb_jscan_members it = tcb_jscan_open(event);
    while (tcb_jscan_next(&it))
      if (*it.value.from == '{' && read_number(it.value, names[i], out)) return;
    if (read_number(event, names[i], out)) return;
  }
}

tcb_status tcb_event_read(const char *text, size_t len, tcb_event *out, tcb_err *err) {
  tcb_slice whole = { text, text + len };
  memset(out, 0, sizeof *out);
  if (!tcb_jscan_is_whole(text, len)) return tcb_fail(err, TCB_E_INPUT, "the event is not JSON of at most %d levels", TCB_JSCAN_DEPTH);
  if (tcb_utf8_count(text, len) < 0) return tcb_fail(err, TCB_E_INPUT, "the event is not UTF-8");
  if (tcb_jscan_kind(text, len) != '{') return tcb_fail(err, TCB_E_INPUT, "the event is not a JSON object");
  out->id_len = read_text(tcb_jscan_member(whole, "event_id"), out->id, sizeof out->id);
  if (out->id_len == 0) return tcb_fail_field(err, TCB_E_INPUT, "event_id", "the event has no event_id of 1..%d bytes", TCB_EVENT_ID_MAX);
  out->type_len = read_text(tcb_jscan_member(whole, "event_type"), out->type, sizeof out->type);
  out->created_at = read_instant(tcb_jscan_member(whole, "created_at"));
  find_number(whole, out->number);
  return TCB_OK;
}
