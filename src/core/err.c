/* core/err.c: filling a tcb_err. */
#include "core/err.h"

#include <stdio.h>
#include <string.h>

void tcb_err_clear(tcb_err *err) {
  if (err == NULL) return;
  memset(err, 0, sizeof *err);
  err->retry_after_ms = -1;
}

static void fill(tcb_err *err, tcb_status status, const char *field, const char *format, va_list args) {
  if (err == NULL) return;
  tcb_err_clear(err);
  err->status = status;
  snprintf(err->field, sizeof err->field, "%s", field);
  vsnprintf(err->message, sizeof err->message, format, args);
}

tcb_status tcb_fail(tcb_err *err, tcb_status status, const char *format, ...) {
  va_list args;
  va_start(args, format);
  fill(err, status, "", format, args);
  va_end(args);
  return status;
}

tcb_status tcb_fail_field(tcb_err *err, tcb_status status, const char *field, const char *format, ...) {
  va_list args;
  va_start(args, format);
  fill(err, status, field, format, args);
  va_end(args);
  return status;
}

const char *tcb_status_name(tcb_status status) {
  static const char *const names[] = {
    "ok", "again", "absent", "input", "auth", "forbidden", "not_found", "rate", "server", "net", "timeout",
    "proto", "in_doubt", "config", "store", "cancelled", "memory",
  };
  return (unsigned)status < sizeof names / sizeof *names ? names[status] : "unknown";
}
