/* core/fault.c: codes and sentences of what can be wrong with a record. */
#include "core/fault.h"

#include <stdio.h>

static const char *const codes[TCB_FAULT_CODES] = {
  "none", "csv", "encoding", "missing", "number", "label", "length", "charset", "edge", "time", "order", "past", "window", "duplicate",
  "overlap", "excluded",
};

static const char *const whys[TCB_WHYS] = {
  [TCB_WHY_NONE] = "",
  [TCB_PHONE_EMPTY] = "has no digits",
  [TCB_PHONE_SCIENTIFIC] = "is in scientific notation: a spreadsheet dropped digits; format the column as text and export it again",
  [TCB_PHONE_POINT_ZERO] = "ends in .0: a spreadsheet or data frame took it for a quantity; export the column as text",
  [TCB_PHONE_APOSTROPHE] = "starts with an apostrophe, a spreadsheet's mark for text; remove it",
  [TCB_PHONE_CHARACTER] = "holds a character that no phone number has; digits, +, spaces, hyphens and brackets are allowed",
  [TCB_PHONE_SHORT] = "is too short: 8 to 15 digits with the country code are needed",
  [TCB_PHONE_LONG] = "is too long: 8 to 15 digits with the country code are needed",
  [TCB_PHONE_ZERO] = "has a country code that starts with 0",
  [TCB_PHONE_NATIONAL] = "starts with 0, so it lacks the country code: write it with + and the code, or name the country (--country 91)",
  [TCB_PHONE_PLUS] = "has a + that is not at its start",
  [TCB_TIME_EMPTY] = "is empty",
  [TCB_TIME_SECONDS] = "looks like seconds; epoch milliseconds are needed (seconds times 1000)",
  [TCB_TIME_MICROSECONDS] = "looks like microseconds; epoch milliseconds are needed",
  [TCB_TIME_SCIENTIFIC] = "is in scientific notation: a spreadsheet dropped digits; format the column as text and export it again",
  [TCB_TIME_POINT_ZERO] = "has a fraction: a spreadsheet or data frame took it for a quantity; epoch milliseconds are whole",
  [TCB_TIME_ZONE] = "has no time zone: add one (+05:30, Z), or name the zone of the file (--zone Asia/Kolkata)",
  [TCB_TIME_DATE_ONLY] = "is a date without a time of day",
  [TCB_TIME_RANGE] = "names a day or time of day that does not exist",
  [TCB_TIME_FORM] = "is neither epoch milliseconds nor ISO 8601 (2026-08-02T10:00:00+05:30)",
  [TCB_CSV_QUOTE] = "text follows a closing quote; a quote inside a quoted cell is written twice",
  [TCB_CSV_OPEN] = "a quote is opened and never closed",
  [TCB_CSV_FEW] = "has fewer cells than the header",
  [TCB_CSV_MANY] = "has more cells than the header; a cell that holds the delimiter must be quoted",
  [TCB_CSV_LONG] = "is longer than 1 MiB; a quote may be unclosed",
  [TCB_CSV_JSON] = "is not a JSON object on one line",
};

const char *tcb_fault_name(unsigned code) {
  return code < TCB_FAULT_CODES ? codes[code] : "unknown";
}

const char *tcb_why_text(unsigned why) {
  return why < TCB_WHYS ? whys[why] : "";
}

void tcb_fault_message(const tcb_fault *f, const char *field, char *out, size_t bytes) {
  long long n = (long long)f->detail;
  switch (f->code) {
  case TCB_FAULT_CSV:
    if (f->why == TCB_CSV_FEW || f->why == TCB_CSV_MANY) snprintf(out, bytes, "row %s (it has %lld)", tcb_why_text(f->why), n);
    else if (f->why == TCB_CSV_QUOTE || f->why == TCB_CSV_OPEN) snprintf(out, bytes, "%s", tcb_why_text(f->why));
    else snprintf(out, bytes, "row %s", tcb_why_text(f->why));
    break;
  case TCB_FAULT_ENCODING: snprintf(out, bytes, "%s is not valid UTF-8", field); break;
  case TCB_FAULT_MISSING: snprintf(out, bytes, "%s is missing", field); break;
  case TCB_FAULT_NUMBER: case TCB_FAULT_TIME: snprintf(out, bytes, "%s %s", field, tcb_why_text(f->why)); break;
  case TCB_FAULT_LABEL: snprintf(out, bytes, "%s is not a UUID (tcb labels lists the account's)", field); break;
  case TCB_FAULT_LENGTH: snprintf(out, bytes, "%s has %lld character%s; %d to %d are allowed", field, n & 0xFFFFFFFF, (n & 0xFFFFFFFF) == 1 ? "" : "s",
                                  (int)(n >> 32 & 0xFFFF), (int)(n >> 48)); break;
  case TCB_FAULT_CHARSET: snprintf(out, bytes, "%s holds '%c', which the service refuses", field, (char)n); break;
  case TCB_FAULT_EDGE:
    snprintf(out, bytes, n == ' ' ? "%s starts or ends with a space" : "%s starts or ends with '%c'", field, (char)n);
    break;
  case TCB_FAULT_ORDER: snprintf(out, bytes, "%s is not after the start of the window", field); break;
  case TCB_FAULT_PAST: snprintf(out, bytes, "%s is in the past", field); break;
  case TCB_FAULT_WINDOW:
    if (n < 60000) snprintf(out, bytes, "window is longer than 24 hours: %s is %lld ms too late", field, n);
    else snprintf(out, bytes, "window is longer than 24 hours: %s is %lld h %lld min too late", field, n / 3600000, n / 60000 % 60);
    break;
  case TCB_FAULT_DUPLICATE:
    if (n) snprintf(out, bytes, "same numbers, window and label as line %lld", n);
    else snprintf(out, bytes, "same numbers, window and label as an earlier row");
    break;
  case TCB_FAULT_OVERLAP: snprintf(out, bytes, "window overlaps that of line %lld for the same numbers", n); break;
  case TCB_FAULT_EXCLUDED: snprintf(out, bytes, "%s is on the exclude list", field); break;
  default: snprintf(out, bytes, "no fault");
  }
}
