/* core/fault.h: what can be wrong with a record: a code, a field, and a detail that the message is made from. */
#ifndef TCB_FAULT_H
#define TCB_FAULT_H

#include <stddef.h>
#include <stdint.h>

/* The codes users see (plan, export, journal), in the order in which a row is examined. */
typedef enum {
  TCB_FAULT_NONE, TCB_FAULT_CSV, TCB_FAULT_ENCODING, TCB_FAULT_MISSING, TCB_FAULT_NUMBER, TCB_FAULT_LABEL, TCB_FAULT_LENGTH,
  TCB_FAULT_CHARSET, TCB_FAULT_EDGE, TCB_FAULT_TIME, TCB_FAULT_ORDER, TCB_FAULT_PAST, TCB_FAULT_WINDOW, TCB_FAULT_DUPLICATE,
  TCB_FAULT_OVERLAP, TCB_FAULT_EXCLUDED, TCB_FAULT_CODES
} tcb_fault_code;

/* Why a number, an instant or a CSV row was not accepted: the detail of TCB_FAULT_NUMBER, _TIME and _CSV. */
typedef enum {
  TCB_WHY_NONE,
  TCB_PHONE_EMPTY, TCB_PHONE_SCIENTIFIC, TCB_PHONE_POINT_ZERO, TCB_PHONE_APOSTROPHE, TCB_PHONE_CHARACTER, TCB_PHONE_SHORT, TCB_PHONE_LONG,
  TCB_PHONE_ZERO, TCB_PHONE_NATIONAL, TCB_PHONE_PLUS,
  TCB_TIME_EMPTY, TCB_TIME_SECONDS, TCB_TIME_MICROSECONDS, TCB_TIME_SCIENTIFIC, TCB_TIME_POINT_ZERO, TCB_TIME_ZONE, TCB_TIME_DATE_ONLY,
  TCB_TIME_RANGE, TCB_TIME_FORM,
  TCB_CSV_QUOTE, TCB_CSV_OPEN, TCB_CSV_FEW, TCB_CSV_MANY, TCB_CSV_LONG, TCB_CSV_JSON,
  TCB_WHYS
} tcb_why;

#define TCB_FIELD_NONE 255

typedef struct {
  uint8_t code;                     /* tcb_fault_code */
  uint8_t field;                    /* tcb_field, or TCB_FIELD_NONE */
  uint8_t why;                      /* tcb_why */
  int64_t detail;                   /* code points counted, columns found, an instant, the byte of a character: by code */
} tcb_fault;

/* "number", "length", ...: static text. */
const char *tcb_fault_name(unsigned code);
/* The sentence a user reads, with what to do about it; holds no phone number. `field` is its name in the user's dialect, or what tcb_shown
   made of name and value. */
void tcb_fault_message(const tcb_fault *fault, const char *field, char *out, size_t out_bytes);
/* The static sentence of a tcb_why. */
const char *tcb_why_text(unsigned why);

#endif
