/* core/sandbox_records.h: what the sandbox does with each record of a request: reads it, checks it against the rules of api.md,
   gives it its outcome by the ending of the receiver, and writes the ledger's and the status document's share of it. */
#ifndef TCB_SANDBOX_RECORDS_H
#define TCB_SANDBOX_RECORDS_H

#include "core/buf.h"
#include "core/record.h"

/* How a record ends. Kept in the sandbox's files, one byte a record: append only. */
typedef enum {
  TCB_SANDBOX_SUCCESS, TCB_SANDBOX_INVALID, TCB_SANDBOX_NOT_USER, TCB_SANDBOX_OS, TCB_SANDBOX_APP, TCB_SANDBOX_PUSH_FAILED,
  TCB_SANDBOX_ONCE,                 /* failed to push the first time; becomes PUSH_FAILED or SUCCESS when it is accepted */
  TCB_SANDBOX_NEVER,                /* reported as pending for ever */
  TCB_SANDBOX_UNREPORTED,           /* no row at all */
  TCB_SANDBOX_TWICE, TCB_SANDBOX_PLUS, TCB_SANDBOX_MASKED
} tcb_sandbox_outcome;

typedef struct tcb_sandbox_records tcb_sandbox_records;  /* the records of one body; reused */

tcb_sandbox_records *tcb_sandbox_records_new(tcb_ctx *ctx);
void tcb_sandbox_records_free(tcb_sandbox_records *r);

/* Reads a body, which must stay in place while the records are used: {"call_records": [1..500 records]}, or one record.
   TCB_E_INPUT: it is not JSON, not 1..500 records, a required field is missing or of the wrong type; err->field, err->message. */
tcb_status tcb_sandbox_records_read(tcb_sandbox_records *r, const char *body, size_t len, tcb_dialect dialect, int is_batch,
                                    tcb_err *err);
/* Forgets what was read: the body may go. */
void tcb_sandbox_records_clear(tcb_sandbox_records *r);
int tcb_sandbox_records_count(const tcb_sandbox_records *r);

/* Checks all rules that do not make the whole request wrong, gives every record its outcome and its key. `labels` holds
   `label_count` ids of dynamic labels, one behind the other. `plus`: a leading + is accepted. Returns how many broke a rule. */
int tcb_sandbox_records_check(tcb_sandbox_records *r, int64_t now_ms, const char *labels, size_t label_count, int plus);
/* What is wrong with record `i` (0 ...): its field's name and a sentence; NULL when nothing. */
const char *tcb_sandbox_records_fault(const tcb_sandbox_records *r, int i, const char **field);
tcb_sandbox_outcome tcb_sandbox_records_outcome(const tcb_sandbox_records *r, int i);
void tcb_sandbox_records_decide(tcb_sandbox_records *r, int i, tcb_sandbox_outcome outcome);
/* The receiver's digits. */
const char *tcb_sandbox_records_receiver(const tcb_sandbox_records *r, int i, size_t *len);
/* The record's key: the first 8 bytes of SHA-256 of its match key. */
const unsigned char *tcb_sandbox_records_key(const tcb_sandbox_records *r, int i);

/* Appends the ledger's list of keys. */
tcb_status tcb_sandbox_records_ledger(const tcb_sandbox_records *r, tcb_buf *out, tcb_err *err);
/* Appends what has to be kept beside the body: TCB_SANDBOX_NOTE_BYTES a record. */
#define TCB_SANDBOX_NOTE_BYTES 10
tcb_status tcb_sandbox_records_notes(const tcb_sandbox_records *r, tcb_buf *out, tcb_err *err);

/* Appends the ledger's list of results, from notes alone. */
tcb_status tcb_sandbox_results(const char *notes, size_t len, tcb_buf *out, tcb_err *err);

typedef struct {
  tcb_dialect dialect;      /* of the rows; the body keeps its own */
  const char *batch_id, *account, *created_at;           /* created_at: ISO 8601 */
  const char *label_names;          /* where a record names none: one a label, each ending with NUL, as `labels` */
  const char *labels;
  size_t label_count;
  int is_settled;                   /* else every row is pending */
  int shown;                        /* rows to show, the first in the answer's order */
} tcb_sandbox_view;
/* Appends the rows of the status document (v2: without the object around them) out of a body that was read and its notes. */
tcb_status tcb_sandbox_rows(const tcb_sandbox_records *r, const char *notes, size_t notes_len, const tcb_sandbox_view *view,
                            tcb_buf *out, tcb_err *err);
/* "Invalid input", ...; NULL for outcomes that are no failure. */
const char *tcb_sandbox_reason(tcb_sandbox_outcome outcome);

#endif
