/* core/walk.h: the rows of an input, CSV or NDJSON, one by one, with their places: for what looks at the input a second time. */
#ifndef TCB_WALK_H
#define TCB_WALK_H

#include "core/csv.h"
#include "core/reader.h"

typedef struct tcb_walk tcb_walk;

typedef struct {
  int64_t offset, line;             /* of its first byte; the input's first line is 1 */
  const char *text;                 /* the row as it stands, with its line end; valid until the next one */
  const tcb_csv_cell *cells;
  tcb_csv_row row;                  /* row.count: cells found, of which `cap` are kept */
  size_t cap;
} tcb_walk_row;

/* Takes over `reader`, also when this fails. `columns`: cells kept of a row. `names`: NULL for CSV; of NDJSON the members that the
   columns hold, which must outlive the walk. */
tcb_status tcb_walk_open(tcb_walk **out, tcb_ctx *ctx, tcb_reader *reader, char delimiter, size_t columns, const tcb_text *names, tcb_err *err);
void tcb_walk_free(tcb_walk *w);
/* The next row, empty lines included. TCB_NOT_FOUND at the end, TCB_AGAIN when a pipe has nothing yet. */
tcb_status tcb_walk_next(tcb_walk *w, tcb_walk_row *row, tcb_err *err);
/* The names of all members of NDJSON input, in the order in which they appear first, as a CSV header without a line end. Takes over
   `reader`. */
tcb_status tcb_walk_names(tcb_ctx *ctx, tcb_reader *reader, tcb_buf *header, tcb_err *err);

#endif
