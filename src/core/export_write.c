/* core/export_write.c: rows as CSV or as JSON lines. */
#include <stdio.h>

#include "core/export_priv.h"
#include "core/record.h"

static tcb_status put_cell(char delimiter, tcb_text t, tcb_buf *out, tcb_err *err) {
  int is_plain = 1;
  for (size_t i = 0; i < t.len; i++) is_plain &= t.data[i] != delimiter && t.data[i] != '"' && t.data[i] != '\n' && t.data[i] != '\r';
  if (is_plain) return tcb_buf_add(out, t.data, t.len, err);
  tcb_status status = tcb_buf_reserve(out, 2 * t.len + 2, err);
  if (status != TCB_OK) return status;
  out->data[out->len++] = '"';
  for (size_t i = 0; i < t.len; i++) {
    if (t.data[i] == '"') out->data[out->len++] = '"';
    out->data[out->len++] = t.data[i];
  }
  out->data[out->len++] = '"';
  return TCB_OK;
}

static size_t without_end(const char *text, size_t len) {
  if (len > 0 && text[len - 1] == '\n') len--;
  if (len > 0 && text[len - 1] == '\r') len--;
  return len;
}

static tcb_status csv_row(const tcb_export_options *o, const tcb_walk_row *row, tcb_buf *out, tcb_err *err) {
  size_t len = without_end(row->text, row->row.bytes);
  tcb_text text = { row->text, len };
  tcb_status status = row->row.why == TCB_WHY_NONE ? tcb_buf_add(out, text.data, len, err) : put_cell(o->delimiter, text, out, err);
  for (size_t i = row->row.count; status == TCB_OK && i < o->columns; i++) status = tcb_buf_add(out, &o->delimiter, 1, err);
  return status;
}

/* Cells of an NDJSON row as CSV. */
static tcb_status cells_row(const tcb_export_options *o, const tcb_walk_row *row, tcb_buf *out, tcb_err *err) {
  tcb_status status = TCB_OK;
  for (size_t i = 0; status == TCB_OK && i < o->columns; i++) {
    if (i > 0) status = tcb_buf_add(out, &o->delimiter, 1, err);
    tcb_text t = { row->cells[i].data, row->cells[i].len };
    if (status == TCB_OK && row->row.why == TCB_WHY_NONE && t.len) status = put_cell(o->delimiter, t, out, err);
  }
  return status;
}

/* An NDJSON row's object, open: without its last brace, and with a comma where it has members. */
static tcb_status object_row(const tcb_walk_row *row, tcb_buf *out, tcb_err *err) {
  tcb_text t = tcb_text_trim(row->text, row->row.bytes);
  if (row->row.why != TCB_WHY_NONE) return tcb_buf_add(out, "{", 1, err);
  t = tcb_text_trim(t.data, t.len - 1);
  tcb_status status = tcb_buf_add(out, t.data, t.len, err);
  return status == TCB_OK && t.len > 1 ? tcb_buf_add(out, ",", 1, err) : status;
}

static tcb_status json_row(const tcb_export_options *o, const tcb_walk_row *row, tcb_buf *out, tcb_err *err) {
  tcb_status status = tcb_buf_add(out, "{", 1, err);
  size_t n = row->row.count < row->cap ? row->row.count : row->cap;
  if (row->row.why != TCB_WHY_NONE) n = 0;
  for (size_t i = 0; status == TCB_OK && i < n; i++) {
    const tcb_csv_cell *cell = &row->cells[i];
    size_t at = out->len;
    status = tcb_json_text(o->names[i].data, o->names[i].len, out, err);
    if (status == TCB_OK) status = tcb_buf_add(out, ":", 1, err);
    if (status == TCB_OK) status = tcb_buf_reserve(out, cell->len, err);
    if (status != TCB_OK) return status;
    /* A doubled quote is undone behind what is written, where there is room for it; the JSON text may grow over it. */
    if (!cell->doubled) status = tcb_json_text(cell->data, cell->len, out, err);
    else {
      tcb_buf undone;
      tcb_buf_init(&undone, out->ctx);
      status = tcb_buf_reserve(&undone, cell->len, err);
      tcb_text t = { NULL, 0 };
      if (status == TCB_OK) t = tcb_csv_text(cell, undone.data);
      if (status == TCB_OK) status = tcb_json_text(t.data, t.len, out, err);
      tcb_buf_free(&undone);
    }
    if (status == TCB_OK) status = tcb_buf_add(out, ",", 1, err);
    if (status != TCB_OK) out->len = at;
  }
  return status;
}

tcb_status tcb_export_row(const tcb_export_options *o, const tcb_walk_row *row, tcb_buf *out, tcb_err *err) {
  if (o->is_ndjson) return o->format == TCB_EXPORT_CSV ? cells_row(o, row, out, err) : object_row(row, out, err);
  return o->format == TCB_EXPORT_CSV ? csv_row(o, row, out, err) : json_row(o, row, out, err);
}

static tcb_text text_of(const char *s) {
  return (tcb_text){ s, strlen(s) };
}

tcb_status tcb_export_fate(const tcb_export_options *o, int64_t line, const tcb_fate *fate, tcb_buf *out, tcb_err *err) {
  static const char *const names[] = { "tcb_outcome", "tcb_reason", "tcb_batch_id", "tcb_record_id", "tcb_matched" };
  tcb_text values[] = { text_of(fate->outcome), fate->reason, text_of(fate->batch_id), fate->record_id, text_of(fate->matched) };
  int is_csv = o->format == TCB_EXPORT_CSV;
  tcb_status status = is_csv ? tcb_buf_addf(out, err, "%c%lld", o->delimiter, (long long)line)
                             : tcb_buf_addf(out, err, "\"tcb_line\":%lld", (long long)line);
  for (int i = 0; status == TCB_OK && i < 5; i++) {
    if (is_csv) {
      status = tcb_buf_add(out, &o->delimiter, 1, err);
      if (status == TCB_OK) status = put_cell(o->delimiter, values[i], out, err);
    } else {
      status = tcb_buf_addf(out, err, ",\"%s\":%s", names[i], values[i].len ? "" : "null");
      if (status == TCB_OK && values[i].len) status = tcb_json_text(values[i].data, values[i].len, out, err);
    }
  }
  return status == TCB_OK ? tcb_buf_add(out, is_csv ? "\n" : "}\n", is_csv ? 1 : 2, err) : status;
}

