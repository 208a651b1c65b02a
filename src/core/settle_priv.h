/* core/settle_priv.h: what the matcher (settle.c) and the reader of documents (settle_scan.c) share. */
#ifndef TCB_SETTLE_PRIV_H
#define TCB_SETTLE_PRIV_H

#include "core/jscan.h"
#include "core/settle.h"

/* A row as slices; from == NULL: absent. `message` and `field` may hold escapes unless the row was decoded (`is_plain`). */
typedef struct {
  int is_plain;
  tcb_slice id, caller, receiver, label, starts, ends, status, message, field;
} tcb_row_slices;

/* The same for a row whose hash the reader has worked out already; 0: its key cannot be one. */
tcb_status tcb_settle_match_hash(tcb_settle *s, uint64_t hash, const tcb_row_slices *row, const char *text, size_t len, tcb_err *err);
/* Is this the hash of the record whose row should come next? */
int tcb_settle_expects(const tcb_settle *s, uint64_t hash);
/* Gives a row its record. `text` is the row's JSON. TCB_OK also for rows that fit nothing: these are counted and noted. */
tcb_status tcb_settle_match(tcb_settle *s, const tcb_row_slices *row, const char *text, size_t len, tcb_err *err);

#endif
