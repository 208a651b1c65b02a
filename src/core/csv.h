/* core/csv.h: splits CSV into rows and cells (RFC 4180; LF, CRLF and CR end a row; a quote inside an unquoted cell is text). */
#ifndef TCB_CSV_H
#define TCB_CSV_H

#include "core/buf.h"
#include "core/fault.h"
#include "core/text.h"

#define TCB_COLUMNS_MAX 1024
#define TCB_ROW_MAX (1024 * 1024)     /* bytes; a longer row is an unclosed quote */

typedef struct {
  const char *data;                 /* into the input, without the surrounding quotes */
  uint32_t len;
  int doubled;                      /* it holds quotes that are written twice */
} tcb_csv_cell;

typedef struct {
  size_t count;                     /* cells found; only the first `cap` are kept. 0: an empty line */
  size_t bytes;                     /* of the row, with its line end */
  size_t lines;                     /* line ends in it */
  tcb_why why;                      /* TCB_CSV_QUOTE, _OPEN, _LONG; then bytes and lines reach to the end of its first line */
} tcb_csv_row;

/* Reads the row at `p`. Returns 1, or 0 when more bytes are needed to tell where it ends; with `is_last` there are none, and it
   returns 0 only when len is 0. */
int tcb_csv_next(char delimiter, const char *p, size_t len, int is_last, tcb_csv_cell *cells, size_t cap, tcb_csv_row *row);
/* The delimiter of a file by its header line: the one of , ; TAB that splits it into the most cells. */
char tcb_csv_delimiter(const char *header, size_t len);
/* The cell's text; a cell with doubled quotes is written to `scratch`, which must have room for cell->len bytes. */
static inline tcb_text tcb_csv_text(const tcb_csv_cell *cell, char *scratch) {
  if (!cell->doubled) return (tcb_text){ cell->data, cell->len };
  size_t n = 0;
  for (uint32_t i = 0; i < cell->len; i++) {
    scratch[n++] = cell->data[i];
    if (cell->data[i] == '"') i++;
  }
  return (tcb_text){ scratch, n };
}

#endif
