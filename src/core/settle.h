/* core/settle.h: reads status documents where they landed and finds what became of each record of a batch. Rows are matched by the
   hash of their key, in any order; the work of one batch is begin, scan (and row), end. */
#ifndef TCB_SETTLE_H
#define TCB_SETTLE_H

#include "core/outcome.h"

typedef struct tcb_settle tcb_settle;

/* What one document said. */
typedef struct {
  int64_t rows;
  int64_t changed;                  /* how many more records have their outcome */
  int64_t open;                     /* records of the batch that are still without one */
  int64_t missing;                  /* of these, not in the document */
  int64_t grouped;                  /* records settled by elimination: their numbers came back masked */
  int64_t extra;                    /* rows that fit no record */
  int64_t duplicates;               /* further rows of a record that had one already */
} tcb_settle_counts;

/* One row that the scan left to a full JSON decoder. Absent strings are NULL. Instants: -1 absent. */
typedef struct {
  const char *id, *caller, *receiver, *label, *status, *message, *field;
  size_t id_len, caller_len, receiver_len, label_len, status_len, message_len, field_len;
  int64_t starts_at, ends_at;
} tcb_settle_row;

tcb_status tcb_settle_open(tcb_settle **out, tcb_ctx *ctx, tcb_err *err);
void tcb_settle_free(tcb_settle *s);

/* Learns reason number `n` (the journal's message table) in order, 0 first. TCB_E_STORE when it is out of order. */
tcb_status tcb_settle_learn(tcb_settle *s, unsigned n, const char *text, size_t len, const char *field, size_t field_len, tcb_err *err);
/* How many reasons are known, and reason `n`; text and field lie behind each other, both as long as told. */
unsigned tcb_settle_reasons(const tcb_settle *s);
void tcb_settle_reason(const tcb_settle *s, unsigned n, const char **text, size_t *len, const char **field, size_t *field_len);
/* The code for a failure of this reason: a new one joins the table; TCB_REC_NOTED when the table is full. */
tcb_status tcb_settle_code(tcb_settle *s, const char *text, size_t len, const char *field, size_t field_len, unsigned char *code, tcb_err *err);

/* Starts with a batch: `count` hashes of 8 bytes; codes, ids (16 bytes each), marks and notes of earlier documents, NULL when there
   are none. */
tcb_status tcb_settle_begin(tcb_settle *s, const char *hashes, size_t count, const char *codes, const char *ids, const char *marks,
                            const char *notes, size_t notes_len, tcb_err *err);
/* Reads a whole document. `batch_id` NULL: not compared. Rows that it does not understand are appended to `odd` as pairs of
   varints (offset, bytes): hand each to tcb_settle_take, decoded. TCB_E_PROTO: not a status document, or cut off. */
tcb_status tcb_settle_scan(tcb_settle *s, const char *doc, size_t len, const char *batch_id, tcb_buf *odd, tcb_err *err);
/* One row, decoded elsewhere. `text` is kept as a note where the row fits no record by key. */
tcb_status tcb_settle_take(tcb_settle *s, const tcb_settle_row *row, const char *text, size_t len, tcb_err *err);
/* Ends the batch: masked rows are given to the records left over. The results stay valid until the next begin. */
void tcb_settle_end(tcb_settle *s, tcb_settle_counts *counts);

const char *tcb_settle_codes(const tcb_settle *s);       /* `count` bytes */
const char *tcb_settle_ids(const tcb_settle *s);         /* 16 bytes a record; zero: unknown, four 0xff: in the notes */
const char *tcb_settle_marks(const tcb_settle *s);       /* `count` bytes; NULL when none is set */
const tcb_buf *tcb_settle_notes(const tcb_settle *s);

#endif
