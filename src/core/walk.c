/* core/walk.c: one buffer that slides over the input. */
#include "core/walk.h"

#include <string.h>

#include "core/jscan.h"
#include "core/ndjson.h"

#define PIECE_BYTES (128 * 1024)

struct tcb_walk {
  tcb_ctx *ctx;
  tcb_reader *reader;
  char delimiter;
  tcb_csv_cell *cells;
  size_t columns;
  const tcb_text *names;            /* NDJSON */
  size_t next_name;                 /* where the next member is looked for first: rows mostly have theirs in one order */
  tcb_buf scratch;
  char *block;
  size_t cap, from, to;             /* unread bytes: block[from..to) */
  int at_end;
  int64_t offset, line;
};

tcb_status tcb_walk_open(tcb_walk **out, tcb_ctx *ctx, tcb_reader *reader, char delimiter, size_t columns, const tcb_text *names, tcb_err *err) {
  tcb_walk *w = tcb_calloc(ctx, sizeof *w);
  *out = w;
  if (w) {
    *w = (tcb_walk){ .ctx = ctx, .reader = reader, .delimiter = delimiter, .columns = columns, .names = names,
                     .cap = 2 * PIECE_BYTES, .line = 1 };
    tcb_buf_init(&w->scratch, ctx);
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
  tcb_buf_free(&w->scratch);
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

static int place_of(void *ud, const char *name, size_t len) {
  tcb_walk *w = ud;
  for (size_t n = 0; n < w->columns; n++) {
    size_t i = (w->next_name + n) % w->columns;
    if (w->names[i].len != len || memcmp(w->names[i].data, name, len) != 0) continue;
    w->next_name = i + 1;
    return (int)i;
  }
  return -1;
}

/* 1 with the row in what is here, 0 when more is needed, -1 without memory. */
static int split(tcb_walk *w, tcb_csv_row *row, tcb_err *err) {
  const char *p = w->block + w->from;
  size_t len = w->to - w->from;
  if (w->names == NULL) return tcb_csv_next(w->delimiter, p, len, w->at_end, w->cells, w->columns, row);
  w->next_name = 0;
  return tcb_ndjson_next(p, len, w->at_end, TCB_NESTED_TEXT, place_of, w, w->cells, w->columns, &w->scratch, row, err);
}

tcb_status tcb_walk_next(tcb_walk *w, tcb_walk_row *out, tcb_err *err) {
  int found;
  while ((found = split(w, &out->row, err)) <= 0) {
    if (found < 0) return TCB_E_MEMORY;
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

typedef struct {
  tcb_ctx *ctx;
  tcb_text name[TCB_COLUMNS_MAX];   /* copies */
  size_t count, hint;
} name_list;

static tcb_status add_name(name_list *l, tcb_slice key, tcb_err *err) {
  size_t len = (size_t)(key.to - key.from);
  for (size_t n = 0; n < l->count; n++) {
    size_t i = (l->hint + n) % l->count;
    if (l->name[i].len != len || memcmp(l->name[i].data, key.from, len) != 0) continue;
    l->hint = i + 1;
    return TCB_OK;
  }
  if (l->count == TCB_COLUMNS_MAX) return TCB_OK;
  char *copy = tcb_malloc(l->ctx, len);
  if (copy == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory for the names of the members");
  memcpy(copy, key.from, len);
  l->name[l->count++] = (tcb_text){ copy, len };
  return TCB_OK;
}

/* `name` as it stands in JSON -> a quoted cell. */
static tcb_status put_name(tcb_buf *header, tcb_text name, tcb_err *err) {
  tcb_status status = tcb_buf_reserve(header, 3 * name.len + 3, err);
  if (status != TCB_OK) return status;
  char *to = header->data + header->len, *plain = to + 2 * name.len + 3;       /* undone behind, where it will not be written over */
  size_t len = tcb_ndjson_unescape(name.data, name.len, plain);
  if (header->len > 0) *to++ = ',';
  *to++ = '"';
  for (size_t i = 0; i < len; i++) {
    if (plain[i] == '"') *to++ = '"';
    *to++ = plain[i];
  }
  *to++ = '"';
  header->len = (size_t)(to - header->data);
  return TCB_OK;
}

tcb_status tcb_walk_names(tcb_ctx *ctx, tcb_reader *reader, tcb_buf *header, tcb_err *err) {
  static const tcb_text none[1] = { { "", 0 } };
  tcb_walk *w;
  tcb_walk_row row;
  name_list *l = tcb_calloc(ctx, sizeof *l);
  tcb_status status = tcb_walk_open(&w, ctx, reader, ',', 0, none, err);
  if (status == TCB_OK && l == NULL) status = tcb_fail(err, TCB_E_MEMORY, "not enough memory for the names of the members");
  if (l) l->ctx = ctx;
  while (status == TCB_OK && (status = tcb_walk_next(w, &row, err)) == TCB_OK) {
    if (row.row.why != TCB_WHY_NONE) continue;
    tcb_jscan_members m = tcb_jscan_open((tcb_slice){ row.text, row.text + row.row.bytes });
    for (l->hint = 0; status == TCB_OK && tcb_jscan_next(&m);) status = add_name(l, m.key, err);
  }
  if (status == TCB_NOT_FOUND) status = TCB_OK;
  for (size_t i = 0; l && i < l->count; i++) {
    if (status == TCB_OK) status = put_name(header, l->name[i], err);
    tcb_free(ctx, (char *)l->name[i].data, l->name[i].len);
  }
  tcb_free(ctx, l, sizeof *l);
  tcb_walk_free(w);
  return status;
}
