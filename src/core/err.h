/* core/err.h: how the core reports failure. Every fallible function returns a tcb_status and fills the caller's tcb_err. */
#ifndef TCB_ERR_H
#define TCB_ERR_H

#include <stdarg.h>
#include <stdint.h>

/* The error kinds a user sees (docs/reference.md); the first three are results, not errors. */
typedef enum {
  TCB_OK, TCB_AGAIN, TCB_NOT_FOUND,
  TCB_E_INPUT, TCB_E_AUTH, TCB_E_FORBIDDEN, TCB_E_NOT_FOUND, TCB_E_RATE, TCB_E_SERVER, TCB_E_NET, TCB_E_TIMEOUT,
  TCB_E_PROTO, TCB_E_IN_DOUBT, TCB_E_CONFIG, TCB_E_STORE, TCB_E_CANCELLED, TCB_E_MEMORY
} tcb_status;

typedef struct {
  tcb_status status;
  int http_status;                  /* 0: no answer */
  int64_t retry_after_ms;           /* -1: the other side named none */
  int sent;                         /* 1: the first byte of a request had left */
  char slug[48];                    /* the service's own code, "" when none */
  char field[32];                   /* the record or request field at fault, "" when none */
  char message[256];                /* attempt, cause, value; lower case, no full stop, nothing secret */
} tcb_err;

/* Empties `err`; NULL is allowed here and in tcb_fail. */
void tcb_err_clear(tcb_err *err);
/* Fills `err` with `status` and a printf message, and returns `status`: `return tcb_fail(err, TCB_E_STORE, "...")`. */
tcb_status tcb_fail(tcb_err *err, tcb_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same, naming the field at fault. */
tcb_status tcb_fail_field(tcb_err *err, tcb_status status, const char *field, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* "input", "auth", ...: the kind of an error status; "ok", "again", "absent" for the results. Static text. */
const char *tcb_status_name(tcb_status status);

#endif
