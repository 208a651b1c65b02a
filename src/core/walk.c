/* core/walk.c: one buffer that slides over the input. */
#include "core/walk.h"

#include <string.h>

#define PIECE_BYTES (128 * 1024)

struct tcb_walk {
  tcb_ctx *ctx;
  tcb_reader *reader;
  char delimiter;
  tcb_csv_cell *cells;
  size_t columns;
  char *block;
  size_t cap, from, to;             /* unread bytes: block[from..to) */
  int at_end;
  int64_t offset, line;
};

tcb_status tcb_walk_open(tcb_walk **out, tcb_ctx *ctx, tcb_reader *reader, char delimiter, size_t columns, tcb_err *err) {
  tcb_walk *w = tcb_calloc(ctx, sizeof *w);
  *out = w;
  if (w) {
    *w = (tcb_walk){ .ctx = ctx, .reader = reader, .delimiter = delimiter, .columns = columns, .cap = 2 * PIECE_BYTES, .line = 1 };
    w->cells = tcb_malloc(ctx, columns * sizeof *w->cells);
    w->block = tcb_malloc(ctx, w->cap);
    if (w->cells && w->block) return TCB_OK;
    tcb_walk_free(w);
  } else {
    tcb_reader_free(reader);
  }
  *out = NULL;
  return tcb_fail(err, TCB_E_MEMORY, "not enough memory to read the input");
}

void tcb_walk_free(tcb_walk *w) {
  if (w == NULL) return;
  tcb_reader_free(w->reader);
  tcb_free(w->ctx, w->cells, w->columns * sizeof *w->cells);
  tcb_free(w->ctx, w->block, w->cap);
  tcb_free(w->ctx, w, sizeof *w);
}

static tcb_status fill(tcb_walk *w, tcb_err *err) {
  size_t left = w->to - w->from, got = 0;
  if (left > 0) memmove(w->block, w->block + w->from, left);
  w->from = 0;
  w->to = left;
  if (w->cap - left < PIECE_BYTES) {
    char *block = tcb_realloc(w->ctx, w->block, w->cap, 2 * w->cap);
    if (block == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory for a row of the input");
    w->block = block;
    w->cap *= 2;
  }
  tcb_status status = w->reader->read(w->reader, w->block + left, PIECE_BYTES, &got, err);
  if (status == TCB_NOT_FOUND) return w->at_end = 1, TCB_OK;
  w->to += status == TCB_OK ? got : 0;
  return status;
}

tcb_status tcb_walk_next(tcb_walk *w, tcb_walk_row *out, tcb_err *err) {
  while (!tcb_csv_next(w->delimiter, w->block + w->from, w->to - w->from, w->at_end, w->cells, w->columns, &out->row)) {
    if (w->at_end) return TCB_NOT_FOUND;
    tcb_status status = fill(w, err);
    if (status != TCB_OK) return status;
  }
  out->offset = w->offset;
  out->line = w->line;
  out->text = w->block + w->from;
  out->cells = w->cells;
  out->cap = w->columns;
  w->from += out->row.bytes;
  w->offset += (int64_t)out->row.bytes;
  w->line += (int64_t)out->row.lines;
  return TCB_OK;
}
