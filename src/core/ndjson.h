/* core/ndjson.h: rows of newline-delimited JSON: one object a line, its members as cells. */
#ifndef TCB_NDJSON_H
#define TCB_NDJSON_H

#include "core/csv.h"

/* Says which cell a member belongs to; -1: none. */
typedef int (*tcb_member_place)(void *ud, const char *name, size_t len);

/* Whether a wanted member may be an array or object; its cell then holds its text. Else the row is TCB_CSV_JSON. */
typedef enum { TCB_NESTED_REFUSED, TCB_NESTED_TEXT } tcb_nested;

/* Reads the line at `p`, as tcb_csv_next does: 1, or 0 when more bytes are needed. Cells without a member stay empty; strings are
   unescaped into `scratch` (half a surrogate pair becomes a byte that is not UTF-8), other scalars keep their text, null is empty. A
   line that is no object is TCB_CSV_JSON. row->count is `cells_count`, or 0 for an empty line. Out of memory: -1. */
int tcb_ndjson_next(const char *p, size_t len, int is_last, tcb_nested nested, tcb_member_place place, void *ud, tcb_csv_cell *cells,
                    size_t cells_count, tcb_buf *scratch, tcb_csv_row *row, tcb_err *err);
/* The text of a JSON string between its quotes, unescaped to `to`, which has room for `len` bytes. Returns its length. */
size_t tcb_ndjson_unescape(const char *s, size_t len, char *to);

#endif
