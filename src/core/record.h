/* core/record.h: the call record: its rule table, which validation, encoding and documentation share, and its match key. */
#ifndef TCB_RECORD_H
#define TCB_RECORD_H

#include "core/buf.h"
#include "core/fault.h"
#include "core/match.h"
#include "core/text.h"
#include "core/zone.h"

typedef enum { TCB_CALLER, TCB_RECEIVER, TCB_LABEL, TCB_NAME, TCB_REASON, TCB_STARTS_AT, TCB_ENDS_AT, TCB_FIELDS } tcb_field;
typedef enum { TCB_TYPE_NUMBER, TCB_TYPE_UUID, TCB_TYPE_TEXT, TCB_TYPE_INSTANT } tcb_type;
typedef enum { TCB_V2, TCB_V1, TCB_DIALECTS } tcb_dialect;

#define TCB_BATCH_MAX 500                                 /* records of one request; API reference, batch personalisation */
#define TCB_WINDOW_MAX_MS INT64_C(86400000)               /* ends_at - starts_at, inclusive; API reference */
#define TCB_LABEL_BYTES 36

typedef struct {
  const char *name[TCB_DIALECTS];   /* the field's name on the wire */
  tcb_type type;
  int required;
  int least, most;                  /* texts: code points; numbers: digits */
  const char *forbidden;            /* texts: none of these bytes anywhere */
  const char *edges;                /* texts: none of these bytes at the start or the end */
  const char *rule;                 /* for the documentation: the rule in words */
} tcb_field_rule;

/* In the order in which bodies are written. */
extern const tcb_field_rule tcb_rules[TCB_FIELDS];

typedef struct {                    /* what a dialect's batch is wrapped in */
  const char *name;                 /* "v2" */
  const char *before, *after;       /* around the records, which commas separate */
} tcb_dialect_rule;

extern const tcb_dialect_rule tcb_dialects[TCB_DIALECTS];

/* A field as it came: text to be read, or already an integer. */
typedef struct {
  tcb_text text;                    /* data NULL, or empty: absent, unless is_int */
  int64_t n;
  int is_int;
} tcb_cell;

typedef struct {                    /* a record that keeps the rules; texts still belong to whoever gave the cells */
  char number[2][16];               /* caller, receiver: digits, NUL-terminated */
  size_t number_len[2];
  tcb_text text[TCB_FIELDS];        /* label, name, reason; data NULL: absent */
  int64_t starts_at, ends_at;
} tcb_record;

typedef struct {                    /* what a check depends on besides the cells */
  const char *country;              /* digits, "" = none: completes national numbers */
  const tcb_zone *zone;             /* of instants without one; NULL: refused */
  int label_optional;
  int64_t now_ms;                   /* INT64_MIN: a window in the past is no fault */
} tcb_check;

#define TCB_FAULTS_MAX (TCB_FIELDS + 1)

/* Reads and checks the cells in the table's order. Returns the number of faults, 0 = `out` is a record. */
int tcb_record_check(const tcb_check *check, const tcb_cell cells[TCB_FIELDS], tcb_record *out, tcb_fault faults[TCB_FAULTS_MAX]);
/* The rules for one text that is valid UTF-8; TCB_FAULT_NONE when it keeps them. */
tcb_fault tcb_text_check(tcb_field field, tcb_text text);
int tcb_is_uuid(const char *s, size_t len);

/* Appends the record's JSON object. `plus`: numbers with a leading +. */
tcb_status tcb_record_encode(const tcb_record *record, tcb_dialect dialect, int plus, tcb_buf *out, tcb_err *err);
/* Appends `text` as a JSON string with its quotes; bytes from 0x80 on are copied. */
tcb_status tcb_json_text(const char *text, size_t len, tcb_buf *out, tcb_err *err);

/* (caller, receiver, starts_at, ends_at, label): what tells one record of a batch from another. */
void tcb_match_key_of(const tcb_record *record, tcb_match_key *key);

#endif
