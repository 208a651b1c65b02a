/* core/export_priv.h: what finding a row's fate (export.c) and writing it (export_write.c) share. */
#ifndef TCB_EXPORT_PRIV_H
#define TCB_EXPORT_PRIV_H

#include "core/export.h"

typedef struct {                    /* what became of one record, or of a row that became none */
  const char *outcome, *batch_id, *matched;
  tcb_text reason, record_id;
} tcb_fate;

/* A row without its fate columns: the CSV text, or the JSON object up to its last member, open. */
tcb_status tcb_export_row(const tcb_export_options *o, const tcb_walk_row *row, tcb_buf *out, tcb_err *err);
/* The fate columns and the line's end. */
tcb_status tcb_export_fate(const tcb_export_options *o, int64_t line, const tcb_fate *fate, tcb_buf *out, tcb_err *err);

#endif
