/* core/sandbox_priv.h: what the files about the sandbox's records share. */
#ifndef TCB_SANDBOX_PRIV_H
#define TCB_SANDBOX_PRIV_H

#include "core/sandbox_records.h"
#include "core/sha256.h"

enum { FAULT_NONE, FAULT_NUMBER, FAULT_LABEL, FAULT_LENGTH, FAULT_CHARSET, FAULT_EDGE, FAULT_ORDER, FAULT_PAST, FAULT_WINDOW };

typedef struct { const char *data; uint32_t len; uint8_t has_escapes, is_present; } json_text;

typedef struct {
  json_text text[TCB_STARTS_AT];         /* as in the body, between the quotes; numbers and label without escapes */
  int64_t starts_at, ends_at;
  unsigned char key[8];
  uint8_t fault, field, outcome;
} record;

struct tcb_sandbox_records {
  tcb_ctx *ctx;
  tcb_sha256_engine sha256;
  tcb_dialect dialect;
  size_t name_len[TCB_DIALECTS][TCB_FIELDS];
  uint8_t marks[TCB_FIELDS][128];   /* of ASCII characters in a field's text: MARK_* */
  tcb_buf plain;                    /* numbers and labels that were written with escapes */
  int count;
  record list[TCB_BATCH_MAX];
};

enum { MARK_FORBIDDEN = 1, MARK_EDGE = 2 };

/* A number without its plus. */
static inline json_text digits_of(json_text t) {
  if (t.len && t.data[0] == '+') t.data++, t.len--;
  return t;
}

/* Writes a decimal number, returns behind it. */
char *tcb_sandbox_put_int(char *o, int64_t n);

#endif
