/* core/feed.c: reads input in pieces, takes row after row, fills batches. Rows that are plain in every respect are taken by the fast
   path (core/rows.h); all others go the plain way here, which is the reference. */
#include "core/feed_priv.h"
#include "core/shown.h"

#define BUFFERS 13
static void buffers(tcb_feed *f, tcb_buf *all[BUFFERS]) {
  tcb_batch *b = &f->batch;
  tcb_buf *list[BUFFERS] = { &f->header, &f->unescaped, &f->shape_text, &b->body, &b->spans, &b->hashes, &b->refused, &b->shown, &b->notes,
                             &f->carry.records, &f->carry.json, &f->carry_old.records, &f->carry_old.json };
  memcpy(all, list, sizeof list);
}

tcb_status tcb_feed_open(tcb_feed **out, tcb_ctx *ctx, tcb_reader *reader, tcb_format format, const tcb_shape *shape, tcb_err *err) {
  tcb_feed *f = tcb_calloc(ctx, sizeof *f);
  *out = NULL;
  if (f == NULL) {
    tcb_reader_free(reader);
    return tcb_fail(err, TCB_E_MEMORY, "not enough memory to read the input");
  }
  f->ctx = ctx;
  f->reader = reader;
  f->format = format;
  f->limit = INT64_MAX;
  f->build = tcb_rows_find(NULL);
  tcb_buf *all[BUFFERS];
  buffers(f, all);
  for (size_t i = 0; i < BUFFERS; i++) tcb_buf_init(all[i], ctx);
  tcb_status status = tcb_feed_keep_shape(f, shape, err);
  if (status == TCB_OK) status = tcb_feed_room(f, 0, err);
  if (status != TCB_OK) {
    tcb_feed_free(f);
    return status;
  }
  *out = f;
  return TCB_OK;
}

void tcb_feed_free(tcb_feed *f) {
  if (f == NULL) return;
  tcb_buf *all[BUFFERS];
  buffers(f, all);
  for (size_t i = 0; i < BUFFERS; i++) tcb_buf_free(all[i]);
  tcb_plan_clear(&f->plan);
  tcb_rows_clear(&f->rows);
  tcb_reader_free(f->reader);
  tcb_free(f->ctx, f->block, f->block_bytes);
  tcb_free(f->ctx, f->cells, f->cells_cap * sizeof *f->cells);
  tcb_free(f->ctx, f->names, f->cells_cap * sizeof *f->names);
  tcb_keyset_free(f->ctx, &f->exclude);
  tcb_keyset_free(f->ctx, &f->seen);
  tcb_free(f->ctx, f, sizeof *f);
}

/* The open batch. */

static void batch_clear(tcb_batch *b) {
  b->body.len = b->spans.len = b->hashes.len = b->refused.len = b->shown.len = b->notes.len = 0;
  b->count = b->refused_count = b->excluded_count = b->dropped_count = b->split_count = b->first_line = b->last_line = 0;
  b->min_starts_at = b->min_ends_at = INT64_MAX;
  b->max_starts_at = b->max_ends_at = INT64_MIN;
}

tcb_status tcb_feed_begin(tcb_feed *f, int64_t now_ms, tcb_err *err) {
  const char *before = tcb_dialects[f->plan.dialect].before;
  batch_clear(&f->batch);
  f->batch.now_ms = now_ms;
  f->spans = (tcb_spans){ 0 };
  f->is_open = 1;
  memset(f->slots, 0, sizeof f->slots);
  tcb_status status = tcb_buf_add(&f->batch.body, before, strlen(before), err);
  return status == TCB_OK ? tcb_carry_take(f, err) : status;
}

tcb_status tcb_feed_finish(tcb_feed *f, tcb_err *err) {
  const char *after = tcb_dialects[f->plan.dialect].after;
  f->is_open = 0;
  if (f->batch.count == 0) return TCB_OK;
  f->batch.body.len--;                                   /* the comma behind the last record */
  tcb_status status = tcb_buf_add(&f->batch.body, after, strlen(after), err);
  return status == TCB_OK ? tcb_spans_end(&f->spans, &f->batch.spans, err) : status;
}

int tcb_feed_hash_take(tcb_feed *f, uint64_t hash) {
  size_t i = hash % TCB_SLOTS;
  while (f->slots[i] != 0) {
    if (f->slots[i] == hash) return 0;
    i = (i + 1) % TCB_SLOTS;
  }
  f->slots[i] = hash;
  return 1;
}

tcb_status tcb_feed_count(tcb_feed *f, const tcb_taken *r, tcb_err *err) {
  tcb_batch *b = &f->batch;
  char packed[8];
  tcb_match_store(packed, r->hash);
  tcb_status status = tcb_buf_add(&b->hashes, packed, sizeof packed, err);
  if (status == TCB_OK) status = tcb_spans_add(&f->spans, &b->spans, r->offset, r->bytes, r->line, err);
  if (status != TCB_OK) return status;
  b->count++;
  if (b->first_line == 0 || r->line < b->first_line) b->first_line = r->line;
  if (r->line > b->last_line) b->last_line = r->line;
  if (r->starts_at < b->min_starts_at) b->min_starts_at = r->starts_at;
  if (r->starts_at > b->max_starts_at) b->max_starts_at = r->starts_at;
  if (r->ends_at < b->min_ends_at) b->min_ends_at = r->ends_at;
  if (r->ends_at > b->max_ends_at) b->max_ends_at = r->ends_at;
  return TCB_OK;
}

/* The fault's field and value, for whoever reads about it now; the journal keeps neither. */
static tcb_status show(tcb_feed *f, const tcb_fault *fault, const tcb_cell *cells, tcb_err *err) {
  char text[TCB_SHOWN_BYTES] = "row";
  tcb_field field = (tcb_field)fault->field;
  if (fault->field < TCB_FIELDS) tcb_shown(f->ctx, field, tcb_rules[field].name[f->plan.dialect], cells ? &cells[field] : NULL, text);
  return tcb_buf_add(&f->batch.shown, text, strlen(text) + 1, err);
}

/* Refuses the row at hand: for the first of its faults, or for each of them. `cells` may be NULL. */
static tcb_status refuse(tcb_feed *f, const tcb_fault *faults, int count, const tcb_cell *cells, tcb_err *err) {
  tcb_status status = TCB_OK;
  if (faults[0].code == TCB_FAULT_EXCLUDED) f->batch.excluded_count++; else f->batch.refused_count++;
  if (!f->wants_all_faults) count = 1;
  for (int i = 0; i < count && status == TCB_OK; i++) {
    tcb_refusal r = { .offset = f->offset, .line = f->line, .detail = faults[i].detail, .code = faults[i].code, .field = faults[i].field,
                      .why = faults[i].why };
    status = tcb_buf_add(&f->batch.refused, (const char *)&r, sizeof r, err);
    if (status == TCB_OK && f->wants_all_faults) status = show(f, &faults[i], cells, err);
  }
  return status;
}

/* One row, the plain way. */

static tcb_status take_record(tcb_feed *f, const tcb_record *record, const tcb_csv_row *row, tcb_err *err) {
  tcb_match_key key;
  tcb_buf *body = &f->batch.body;
  size_t from = body->len;
  tcb_match_key_of(record, &key);
  tcb_taken taken = { .offset = f->offset, .bytes = (int64_t)row->bytes, .line = f->line, .hash = tcb_match_hash(&key),
                      .starts_at = record->starts_at, .ends_at = record->ends_at };
  int64_t twin_of;
  int is_twin = f->to_carry ? 0 : tcb_feed_is_twin(f, taken.hash, &twin_of, err);
  if (is_twin < 0) return err ? err->status : TCB_E_MEMORY;
  if (is_twin) {
    const tcb_fault fault = { TCB_FAULT_DUPLICATE, TCB_RECEIVER, 0, twin_of };
    return refuse(f, &fault, 1, NULL, err);
  }
  if (f->wants_notes) {
    tcb_sighting note = { taken.offset, taken.bytes, taken.line, key };
    tcb_status noted = tcb_buf_add(&f->batch.notes, (const char *)&note, sizeof note, err);
    if (noted != TCB_OK) return noted;
  }
  tcb_status status = tcb_record_encode(record, f->plan.dialect, f->plan.plus, body, err);
  if (status == TCB_OK) status = tcb_buf_add(body, ",", 1, err);
  if (status != TCB_OK) return status;
  int has_room = !f->to_carry && f->batch.count < f->plan.batch_max;
  if (has_room && tcb_feed_hash_take(f, taken.hash)) return tcb_feed_count(f, &taken, err);
  status = tcb_carry_add(f, &taken, body->data + from, body->len - from, err);
  body->len = from;
  return status;
}

static tcb_fault csv_fault(tcb_why why, size_t count) {
  return (tcb_fault){ TCB_FAULT_CSV, TCB_FIELD_NONE, (uint8_t)why, (int64_t)count };
}

/* A record of the row at hand, checked against everything but the rules: the exclude list, and the keys of the batch. */
static tcb_status accept(tcb_feed *f, const tcb_record *record, const tcb_csv_row *row, tcb_err *err) {
  if (!tcb_feed_is_excluded(f, record->number[TCB_RECEIVER])) return take_record(f, record, row, err);
  const tcb_fault fault = { TCB_FAULT_EXCLUDED, TCB_RECEIVER, 0, 0 };
  return refuse(f, &fault, 1, NULL, err);
}

static tcb_status examine(tcb_feed *f, const tcb_csv_row *row, tcb_err *err) {
  tcb_cell fields[TCB_FIELDS];
  tcb_fault faults[TCB_FAULTS_MAX];
  if (row->why != TCB_WHY_NONE || row->count != f->columns) {
    tcb_why why = row->why != TCB_WHY_NONE ? row->why : row->count < f->columns ? TCB_CSV_FEW : TCB_CSV_MANY;
    faults[0] = csv_fault(why, row->count);
    return refuse(f, faults, 1, NULL, err);
  }
  tcb_status status = tcb_plan_fields(&f->plan, f->cells, row->count, fields, err);
  if (status != TCB_OK) return status;
  f->plan.check.now_ms = f->batch.now_ms;
  int count = tcb_record_check(&f->plan.check, fields, &f->record, faults);
  if (count > 0) return refuse(f, faults, count, fields, err);
  if (!f->has_hook) return accept(f, &f->record, row, err);
  f->is_row = 1;
  f->row = *row;
  f->row_puts = 0;
  return TCB_OK;
}

static void advance(tcb_feed *f, size_t bytes, size_t lines) {
  f->in += bytes;
  f->offset += (int64_t)bytes;
  f->line += (int64_t)lines;
}

/* Takes the row at f->in. TCB_AGAIN: it is not all here. */
static tcb_status one_row(tcb_feed *f, tcb_err *err) {
  tcb_csv_row row;
  size_t len = (size_t)(f->in_end - f->in);
  int is_last = f->at_end;
  if (f->offset + (int64_t)len >= f->limit) len = (size_t)(f->limit - f->offset), is_last = 1;
  int found = tcb_feed_split(f, f->in, len, is_last, &row, err);
  if (found <= 0) return found < 0 ? TCB_E_MEMORY : TCB_AGAIN;
  tcb_status status = row.count > 0 ? examine(f, &row, err) : TCB_OK;
  if (status == TCB_OK && !f->is_row) advance(f, row.bytes, row.lines);
  return status;
}

/* The hook is done with the row at hand. */
static void leave_row(tcb_feed *f) {
  if (f->row_puts == 0) f->batch.dropped_count++;
  else f->batch.split_count += f->row_puts - 1;
  f->is_row = 0;
  advance(f, f->row.bytes, f->row.lines);
}

tcb_status tcb_feed_put(tcb_feed *f, const tcb_cell cells[TCB_FIELDS], tcb_err *err) {
  tcb_record record;
  tcb_fault faults[TCB_FAULTS_MAX];
  int count = tcb_record_check(&f->plan.check, cells, &record, faults);
  f->row_puts++;
  return count > 0 ? refuse(f, faults, count, cells, err) : accept(f, &record, &f->row, err);
}

tcb_status tcb_feed_keep(tcb_feed *f, tcb_err *err) {
  f->row_puts++;
  return accept(f, &f->record, &f->row, err);
}

void tcb_feed_hook(tcb_feed *f, int on) {
  f->has_hook = on;
}

const tcb_record *tcb_feed_record(const tcb_feed *f) {
  return f->is_row ? &f->record : NULL;
}

int64_t tcb_feed_line(const tcb_feed *f) {
  return f->line;
}

tcb_dialect tcb_feed_dialect(const tcb_feed *f) {
  return f->shape.dialect;
}

tcb_status tcb_feed_cell(const tcb_feed *f, const char *name, size_t len, tcb_buf *scratch, tcb_text *out, tcb_err *err) {
  *out = (tcb_text){ NULL, 0 };
  scratch->len = 0;
  if (f->format == TCB_FORMAT_NDJSON) return tcb_feed_json_cell(f, name, len, scratch, out, err);
  int column = tcb_feed_column(f, name, len, NULL);
  if (column < 0) return TCB_OK;
  tcb_status status = tcb_buf_reserve(scratch, (size_t)f->cells[column].len + 1, err);
  if (status == TCB_OK) *out = tcb_csv_text(&f->cells[column], scratch->data);
  return status;
}

/* Takes as many of the next `most` rows as are plain, the fast way; *taken may be 0. */
static tcb_status plain_rows(tcb_feed *f, int64_t most, int64_t *taken, tcb_err *err) {
  tcb_batch *b = &f->batch;
  tcb_rows *r = &f->rows;
  *taken = 0;
  if (f->build == NULL || !r->is_usable || f->to_carry || f->has_hook || f->remembers) return TCB_OK;
  if (f->pairs) {                                        /* up to the next row that repeats another: a plain row is one line */
    tcb_status found = tcb_feed_find_twin(f, err);
    if (found != TCB_OK) return found;
    if (f->twin_line && f->twin_line - f->line < most) most = f->twin_line - f->line;
    if (most == 0) return TCB_OK;
  }
  tcb_status status = tcb_buf_reserve(&b->body, TCB_ROW_JSON, err);
  if (status == TCB_OK) status = tcb_buf_reserve(&b->hashes, 8 * (size_t)most, err);
  if (status == TCB_OK && f->wants_notes) status = tcb_buf_reserve(&b->notes, (size_t)most * sizeof(tcb_sighting), err);
  if (status != TCB_OK) return status;
  r->in = f->in;
  r->out = b->body.data + b->body.len;
  r->out_end = b->body.data + b->body.cap;
  r->hashes = b->hashes.data + b->hashes.len;
  r->slots = f->slots;
  r->notes = f->wants_notes ? (tcb_sighting *)(b->notes.data + b->notes.len) : NULL;
  r->is_excluded = f->exclude.count ? tcb_feed_is_excluded : NULL;
  r->exclude_ud = f;
  r->now_ms = b->now_ms;
  r->min_starts_at = b->min_starts_at, r->max_starts_at = b->max_starts_at;
  r->min_ends_at = b->min_ends_at, r->max_ends_at = b->max_ends_at;
  int64_t n = *taken = f->build->take(r, most);
  if (n == 0) return TCB_OK;
  int64_t bytes = r->in - f->in;
  if ((status = tcb_spans_add(&f->spans, &b->spans, f->offset, bytes, f->line, err)) != TCB_OK) return status;
  f->spans.open.records += n - 1;
  if (b->first_line == 0 || f->line < b->first_line) b->first_line = f->line;
  if (f->line + n - 1 > b->last_line) b->last_line = f->line + n - 1;
  b->min_starts_at = r->min_starts_at, b->max_starts_at = r->max_starts_at;
  b->min_ends_at = r->min_ends_at, b->max_ends_at = r->max_ends_at;
  b->count += n;
  b->body.len = (size_t)(r->out - b->body.data);
  b->hashes.len += 8 * (size_t)n;
  for (int64_t i = 0; r->notes && i < n; i++) r->notes[i].offset += f->offset, r->notes[i].line += f->line;
  if (r->notes) b->notes.len += (size_t)n * sizeof(tcb_sighting);
  advance(f, (size_t)bytes, (size_t)n);
  return TCB_OK;
}

tcb_status tcb_feed_rows(tcb_feed *f, int64_t most, tcb_err *err) {
  int64_t taken;
  tcb_status status = plain_rows(f, most, &taken, err);
  return status == TCB_OK && taken == 0 ? one_row(f, err) : status;
}

int tcb_feed_must_end(const tcb_feed *f) {
  return tcb_carry_is_full(f) || f->batch.refused.len >= TCB_REFUSED_BYTES;
}

/* Rows until the batch is full (TCB_OK), or until more input is needed (TCB_AGAIN). */
static tcb_status rows(tcb_feed *f, tcb_err *err) {
  tcb_status status = TCB_OK;
  while (f->batch.count < f->plan.batch_max) {
    if (tcb_feed_must_end(f)) return TCB_OK;
    if ((status = tcb_feed_rows(f, f->plan.batch_max - f->batch.count, err)) != TCB_OK || f->is_row) return status;
  }
  return TCB_OK;
}

tcb_status tcb_feed_next(tcb_feed *f, int64_t now_ms, int flush, tcb_feed_result *result, tcb_err *err) {
  tcb_status status = tcb_feed_start(f, err);
  *result = TCB_FEED_WAIT;
  if (status == TCB_AGAIN) return TCB_OK;
  if (f->is_row) leave_row(f);
  if (status == TCB_OK && !f->is_open) status = tcb_feed_begin(f, now_ms, err);
  while (status == TCB_OK) {
    status = rows(f, err);
    if (status == TCB_OK) break;
    if (status != TCB_AGAIN) return status;
    status = f->at_end ? TCB_NOT_FOUND : tcb_feed_fill(f, err);
    if (status == TCB_AGAIN && !(flush && f->batch.count > 0)) return TCB_OK;
    if (status == TCB_AGAIN) break;
    if (status == TCB_NOT_FOUND) {
      if (f->in == f->in_end) break;
      status = TCB_OK;                                   /* the last row has no line end */
    }
  }
  if (status != TCB_OK && status != TCB_NOT_FOUND && status != TCB_AGAIN) return status;
  if (f->is_row) {
    *result = TCB_FEED_ROW;
    return TCB_OK;
  }
  int is_over = status == TCB_NOT_FOUND && f->batch.count == 0;
  *result = f->batch.count > 0 ? TCB_FEED_BATCH : is_over ? TCB_FEED_END : TCB_FEED_REFUSED;
  return tcb_feed_finish(f, err);
}

void tcb_feed_watch(tcb_feed *f, int notes, int all_faults) {
  f->wants_notes = notes;
  f->wants_all_faults = all_faults;
}

tcb_batch *tcb_feed_batch(tcb_feed *f) {
  return &f->batch;
}

int64_t tcb_feed_offset(const tcb_feed *f) { return f->offset; }

uint64_t tcb_body_hash(const char *body, size_t len) {
  return tcb_rows_find(NULL)->hash(body, len);
}

tcb_status tcb_feed_path(tcb_feed *f, const char *name, tcb_err *err) {
  f->build = strcmp(name, "plain") == 0 ? NULL : tcb_rows_find(name);
  if (f->build || strcmp(name, "plain") == 0) return TCB_OK;
  return tcb_fail(err, TCB_E_CONFIG, "this machine cannot run the '%s' path", name);
}

tcb_status tcb_feed_drain(tcb_feed *f, int64_t now_ms, int64_t most, tcb_drain *out, tcb_err *err) {
  while (!out->is_over && most-- > 0) {
    tcb_feed_result result;
    tcb_status status = tcb_feed_next(f, now_ms, 0, &result, err);
    if (status != TCB_OK) return status;
    if (result == TCB_FEED_WAIT) return TCB_AGAIN;
    const tcb_batch *b = &f->batch;
    out->is_over = result == TCB_FEED_END;
    out->refused += b->refused_count;
    out->excluded += b->excluded_count;
    for (size_t at = 0; at < b->refused.len; at += sizeof(tcb_refusal)) out->by_code[((const tcb_refusal *)(b->refused.data + at))->code]++;
    if (b->count == 0) continue;
    out->batches++;
    out->records += b->count;
    out->bytes += (int64_t)b->body.len;
    out->hash = (out->hash ^ tcb_body_hash(b->body.data, b->body.len)) * UINT64_C(0x9E3779B97F4A7C15);
    if (b->min_starts_at < out->min_starts_at) out->min_starts_at = b->min_starts_at;
    if (b->max_ends_at > out->max_ends_at) out->max_ends_at = b->max_ends_at;
  }
  return TCB_OK;
}
