/* core/feed_input.c: pieces of input, the header and its columns, the exclude list. */
#define _GNU_SOURCE                 /* strnlen */
#include "core/feed_priv.h"

#include <stdio.h>
#include <string.h>

tcb_status tcb_feed_keep_shape(tcb_feed *f, const tcb_shape *shape, tcb_err *err) {
  size_t bytes = 0;
  for (int i = 0; i < TCB_FIELDS; i++)
    bytes += (shape->map[i] ? strlen(shape->map[i]) + 1 : 0) + (shape->fill[i] ? strlen(shape->fill[i]) + 1 : 0);
  bytes += shape->check.country ? strlen(shape->check.country) + 1 : 0;
  tcb_status status = tcb_buf_reserve(&f->shape_text, bytes + 1, err);
  if (status != TCB_OK) return status;
  f->shape = *shape;
  const char **texts[2 * TCB_FIELDS + 1] = { &f->shape.check.country };
  for (int i = 0; i < TCB_FIELDS; i++) texts[2 * i + 1] = &f->shape.map[i], texts[2 * i + 2] = &f->shape.fill[i];
  for (int i = 0; i < 2 * TCB_FIELDS + 1; i++) {
    if (*texts[i] == NULL) continue;
    size_t len = strlen(*texts[i]) + 1;
    *texts[i] = memcpy(f->shape_text.data + f->shape_text.len, *texts[i], len);
    f->shape_text.len += len;
  }
  return TCB_OK;
}

tcb_status tcb_feed_room(tcb_feed *f, size_t tail, tcb_err *err) {
  if (f->block && tail <= f->head) return TCB_OK;
  size_t head = f->block ? f->head : TCB_HEAD;
  while (head < tail) head *= 2;
  size_t bytes = head + TCB_PIECE + TCB_SLACK;
  char *block = tcb_malloc(f->ctx, bytes);
  if (block == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory for %zu bytes of input", bytes);
  if (tail > 0) memcpy(block + head - tail, f->in, tail);
  tcb_free(f->ctx, f->block, f->block_bytes);
  f->block = block;
  f->block_bytes = bytes;
  f->head = head;
  f->in = block + head - tail;
  f->in_end = block + head;
  memset(f->in_end, 0, TCB_SLACK);
  return TCB_OK;
}

tcb_status tcb_feed_fill(tcb_feed *f, tcb_err *err) {
  size_t tail = (size_t)(f->in_end - f->in), got = 0;
  tcb_status status = tcb_feed_room(f, tail, err);
  if (status != TCB_OK) return status;
  char *piece = f->block + f->head;
  if (f->in_end != piece) {
    if (tail > 0) memmove(piece - tail, f->in, tail);
    f->in = piece - tail;
    f->in_end = piece;
  }
  status = f->reader->read(f->reader, piece, f->want ? f->want : TCB_PIECE, &got, err);
  if (status == TCB_NOT_FOUND) f->at_end = 1;
  if (status != TCB_OK) got = 0;
  f->in_end = piece + got;
  memset(f->in_end, 0, TCB_SLACK);
  return status;
}

/* The header. */

int tcb_feed_column(const tcb_feed *f, const char *name, size_t len, int *ambiguous) {
  char scratch[256];
  const char *p = f->header.data;
  int found = -1;
  for (int pass = 0; pass < 2 && found < 0; pass++)        /* as written first, then regardless of case and the like */
    for (size_t i = 0; i < f->columns; i++) {
      const tcb_csv_cell cell = { p + f->names[i].at, f->names[i].len, f->names[i].doubled };
      if (cell.len > sizeof scratch) continue;
      tcb_text t = tcb_csv_text(&cell, scratch);
      if (pass == 0 ? t.len != len || memcmp(t.data, name, len) != 0 : !tcb_column_same(t.data, t.len, name, len)) continue;
      if (found >= 0 && ambiguous) *ambiguous = 1;
      if (found < 0) found = (int)i;
    }
  return found;
}

typedef struct { const tcb_feed *f; int is_ambiguous; char name[64]; } lookup;

static int find_column(void *ud, const char *name, size_t len) {
  lookup *l = ud;
  int was = l->is_ambiguous, found = tcb_feed_column(l->f, name, len, &l->is_ambiguous);
  if (l->is_ambiguous && !was) snprintf(l->name, sizeof l->name, "%.*s", (int)(len < 60 ? len : 60), name);
  return found;
}

/* Finds the header's row and keeps it: 1, or 0 when more input is needed. Empty lines before it, and a spreadsheet's "sep=;", are skipped. */
static int find_header(tcb_feed *f, tcb_csv_row *row) {
  for (;;) {
    if (!tcb_csv_next(',', f->in, (size_t)(f->in_end - f->in), f->at_end, NULL, 0, row)) return 0;
    size_t text = row->bytes;
    while (text > 0 && (f->in[text - 1] == '\n' || f->in[text - 1] == '\r')) text--;
    int is_hint = text == 5 && memcmp(f->in, "sep=", 4) == 0;
    if (is_hint) f->delimiter = f->in[4];
    if (text > 0 && !is_hint) return 1;
    f->in += row->bytes;
    f->offset += (int64_t)row->bytes;
    f->line += (int64_t)row->lines;
  }
}

static tcb_status keep_header(tcb_feed *f, tcb_csv_row *row, tcb_err *err) {
  tcb_status status = tcb_buf_add(&f->header, f->in, row->bytes, err);
  if (status != TCB_OK) return status;
  if (f->delimiter == 0) f->delimiter = tcb_csv_delimiter(f->header.data, f->header.len);
  if (!tcb_csv_next(f->delimiter, f->header.data, f->header.len, 1, NULL, 0, row) || row->why != TCB_WHY_NONE)
    return tcb_fail(err, TCB_E_INPUT, "line %lld, the header: %s", (long long)f->line, tcb_why_text(row->why));
  if (row->count > TCB_COLUMNS_MAX) return tcb_fail(err, TCB_E_INPUT, "the header has %zu columns; at most %d are read", row->count, TCB_COLUMNS_MAX);
  f->cells_cap = f->columns = row->count;
  f->cells = tcb_malloc(f->ctx, f->columns * sizeof *f->cells);
  f->names = tcb_malloc(f->ctx, f->columns * sizeof *f->names);
  if (f->cells == NULL || f->names == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory for the header");
  tcb_csv_next(f->delimiter, f->header.data, f->header.len, 1, f->cells, f->cells_cap, row);
  for (size_t i = 0; i < f->columns; i++)
    f->names[i] = (tcb_name){ (uint32_t)(f->cells[i].data - f->header.data), f->cells[i].len, f->cells[i].doubled };
  return TCB_OK;
}

/* Adds the header's columns to a message about a missing one. */
static void name_columns(const tcb_feed *f, tcb_err *err) {
  size_t at = strlen(err->message);
  for (size_t i = 0; i < f->columns && at + 40 < sizeof err->message; i++) {
    int len = f->cells[i].len < 24 ? (int)f->cells[i].len : 24;
    int n = snprintf(err->message + at, sizeof err->message - at, "%s%.*s", i ? ", " : "; columns: ", len, f->cells[i].data);
    if (n > 0) at += (size_t)n;
  }
}

tcb_status tcb_feed_start(tcb_feed *f, tcb_err *err) {
  tcb_csv_row row;
  if (f->is_started) return TCB_OK;
  if (f->line == 0) f->line = 1;
  if (f->format == TCB_FORMAT_NDJSON) return tcb_feed_start_json(f, err);
  while (!find_header(f, &row)) {
    if (f->at_end) return tcb_fail(err, TCB_E_INPUT, "the input is empty");
    tcb_status status = tcb_feed_fill(f, err);
    if (status != TCB_OK && status != TCB_NOT_FOUND) return status;
  }
  tcb_status status = keep_header(f, &row, err);
  if (status != TCB_OK) return status;
  lookup l = { .f = f };
  status = tcb_plan_make(&f->plan, f->ctx, &f->shape, find_column, &l, err);
  if (status == TCB_E_INPUT) name_columns(f, err);
  if (status == TCB_OK && l.is_ambiguous) status = tcb_fail(err, TCB_E_INPUT, "the header names column '%s' twice", l.name);
  if (status != TCB_OK) return status;
  if ((status = tcb_rows_make(&f->rows, f->ctx, &f->plan, f->delimiter, f->columns, err)) != TCB_OK) return status;
  f->in += row.bytes;
  f->offset += (int64_t)row.bytes;
  f->line += (int64_t)row.lines;
  f->is_started = 1;
  return TCB_OK;
}

int tcb_feed_split(tcb_feed *f, const char *p, size_t len, int is_last, tcb_csv_row *row, tcb_err *err) {
  if (f->format == TCB_FORMAT_CSV) return tcb_csv_next(f->delimiter, p, len, is_last, f->cells, f->cells_cap, row);
  return tcb_ndjson_next(p, len, is_last, TCB_NESTED_REFUSED, tcb_feed_member, f, f->cells, f->columns, &f->unescaped, row, err);
}

tcb_text tcb_feed_header(const tcb_feed *f) {
  return f->format == TCB_FORMAT_CSV ? (tcb_text){ f->header.data, f->header.len } : (tcb_text){ NULL, 0 };
}

char tcb_feed_delimiter(const tcb_feed *f) {
  return f->delimiter;
}

tcb_reader *tcb_feed_reader(const tcb_feed *f) {
  return f->reader;
}
