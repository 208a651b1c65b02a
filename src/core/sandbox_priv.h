/* core/sandbox_priv.h: what the files about the sandbox's records share. */
#ifndef TCB_SANDBOX_PRIV_H
#define TCB_SANDBOX_PRIV_H

#include "core/sandbox_records.h"
#include "core/sha256.h"

/* The fields of a record, in the order in which they are checked and written. */
enum { F_CALLER, F_RECEIVER, F_LABEL, F_NAME, F_REASON, F_STARTS, F_ENDS, F_COUNT };
#define FIELD_NONE 255

enum { FAULT_NONE, FAULT_NUMBER, FAULT_LABEL, FAULT_LENGTH, FAULT_CHARSET, FAULT_EDGE, FAULT_ORDER, FAULT_PAST, FAULT_WINDOW };

typedef struct { const char *data; uint32_t len; uint8_t has_escapes, is_present; } json_text;

typedef struct {
  json_text text[F_STARTS];         /* as in the body, between the quotes; numbers and label without escapes */
  int64_t starts_at, ends_at;
  unsigned char key[8];
  uint8_t fault, field, outcome;
} record;

struct tcb_sandbox_records {
  tcb_ctx *ctx;
  tcb_sha256_engine sha256;
  tcb_sandbox_dialect dialect;
  tcb_buf plain;                    /* numbers and labels that were written with escapes */
  int count;
  record list[TCB_SANDBOX_RECORDS_MAX];
};

typedef struct { const char *name; size_t len; int is_required, is_number; } field_rule;
extern const field_rule tcb_sandbox_fields[2][F_COUNT];

/* A number without its plus. */
static inline json_text digits_of(json_text t) {
  if (t.len && t.data[0] == '+') t.data++, t.len--;
  return t;
}

/* Writes a decimal number, returns behind it. */
char *tcb_sandbox_put_int(char *o, int64_t n);

#endif
