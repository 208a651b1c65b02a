/* core/export.c: walks the input beside the places of its records, both in the order of the input. */
#include "core/export.h"

#include <stdio.h>

#include "core/export_priv.h"
#include "core/record.h"

#define KNOWN_MAX 256               /* batches kept; the least recently used goes */
#define OUT_BYTES (64 * 1024)

typedef struct {
  uint32_t seq;                     /* 0: free */
  uint64_t used;
  size_t count, bytes;
  char *block;                      /* batch id, outcome, reason (each with its NUL), then the blobs */
  tcb_export_batch batch;
} known;

struct tcb_export {
  tcb_ctx *ctx;
  tcb_walk *walk;
  tcb_trace *trace;
  tcb_export_options o;
  char *names_block;
  size_t names_bytes;
  tcb_buf reasons;                  /* texts, each with its NUL */
  uint32_t reason_at[TCB_MESSAGES_MAX];
  unsigned reason_count;
  known known[KNOWN_MAX];
  uint64_t clock;
  /* Where the walk stands. */
  tcb_walk_row row;
  int has_row, has_entry, trace_ended, is_emitted;      /* is_emitted: this row has a line already */
  tcb_trace_entry entry;
  unsigned entry_used;              /* rows taken of the entry's span */
  int has_moved;
  uint32_t moved_seq;
  unsigned moved_position;
};

static tcb_status keep_options(tcb_export *x, const tcb_export_options *o, tcb_err *err) {
  size_t bytes = o->columns * sizeof *o->names, digits = o->only_digits ? strlen(o->only_digits) + 1 : 0;
  for (size_t i = 0; i < o->columns; i++) bytes += o->names[i].len;
  x->o = *o;
  x->names_bytes = bytes + digits;
  x->names_block = tcb_malloc(x->ctx, x->names_bytes);
  if (x->names_block == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory for the names of the columns");
  tcb_text *names = (tcb_text *)(void *)x->names_block;
  char *at = x->names_block + o->columns * sizeof *names;
  for (size_t i = 0; i < o->columns; i++) {
    memcpy(at, o->names[i].data, o->names[i].len);
    names[i] = (tcb_text){ at, o->names[i].len };
    at += o->names[i].len;
  }
  x->o.names = names;
  if (digits) x->o.only_digits = memcpy(at, o->only_digits, digits);
  return TCB_OK;
}

tcb_status tcb_export_open(tcb_export **out, tcb_ctx *ctx, tcb_walk *walk, tcb_trace *trace, const tcb_export_options *options, tcb_err *err) {
  tcb_export *x = tcb_calloc(ctx, sizeof *x);
  *out = NULL;
  if (x == NULL) {
    tcb_walk_free(walk);
    tcb_trace_free(trace);
    return tcb_fail(err, TCB_E_MEMORY, "not enough memory to export");
  }
  x->ctx = ctx;
  x->walk = walk;
  x->trace = trace;
  tcb_buf_init(&x->reasons, ctx);
  tcb_status status = keep_options(x, options, err);
  if (status == TCB_OK) *out = x;
  else tcb_export_free(x);
  return status;
}

void tcb_export_free(tcb_export *x) {
  if (x == NULL) return;
  tcb_walk_free(x->walk);
  tcb_trace_free(x->trace);
  for (size_t i = 0; i < KNOWN_MAX; i++) tcb_free(x->ctx, x->known[i].block, x->known[i].bytes);
  tcb_free(x->ctx, x->names_block, x->names_bytes);
  tcb_buf_free(&x->reasons);
  tcb_free(x->ctx, x, sizeof *x);
}

tcb_status tcb_export_reason(tcb_export *x, const char *text, size_t len, tcb_err *err) {
  if (x->reason_count == TCB_MESSAGES_MAX) return tcb_fail(err, TCB_E_STORE, "the journal has too many reasons");
  x->reason_at[x->reason_count] = (uint32_t)x->reasons.len;
  tcb_status status = tcb_buf_add(&x->reasons, text, len, err);
  if (status == TCB_OK) status = tcb_buf_add(&x->reasons, "", 1, err);
  if (status == TCB_OK) x->reason_count++;
  return status;
}

static known *find_known(tcb_export *x, uint32_t seq) {
  for (size_t i = 0; i < KNOWN_MAX; i++) {
    if (x->known[i].seq != seq) continue;
    x->known[i].used = ++x->clock;
    return &x->known[i];
  }
  return NULL;
}

static char *copy(char **at, const void *from, size_t bytes) {
  if (from == NULL) return NULL;
  char *to = memcpy(*at, from, bytes);
  *at += bytes;
  return to;
}

tcb_status tcb_export_know(tcb_export *x, const tcb_export_batch *b, tcb_err *err) {
  known *k = &x->known[0];
  for (size_t i = 1; i < KNOWN_MAX && k->seq; i++) if (x->known[i].used < k->used) k = &x->known[i];
  size_t id = strlen(b->batch_id) + 1, outcome = strlen(b->outcome) + 1, reason = strlen(b->reason) + 1;
  size_t bytes = id + outcome + reason + (b->codes ? b->count : 0) + (b->marks ? b->count : 0) + (b->ids ? 16 * b->count : 0) + b->notes_len;
  char *block = tcb_malloc(x->ctx, bytes), *at = block;
  if (block == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory for batch %u", b->seq);
  tcb_free(x->ctx, k->block, k->bytes);
  *k = (known){ .seq = b->seq, .used = ++x->clock, .block = block, .bytes = bytes, .batch = *b };
  k->batch.batch_id = copy(&at, b->batch_id, id);
  k->batch.outcome = copy(&at, b->outcome, outcome);
  k->batch.reason = copy(&at, b->reason, reason);
  k->batch.codes = copy(&at, b->codes, b->count);
  k->batch.marks = copy(&at, b->marks, b->count);
  k->batch.ids = copy(&at, b->ids, 16 * b->count);
  k->batch.notes = copy(&at, b->notes, b->notes_len);
  return TCB_OK;
}

void tcb_export_moved(tcb_export *x, uint32_t seq, unsigned position) {
  x->has_moved = 1;
  x->moved_seq = seq;
  x->moved_position = position;
}

static const char FATES[] = "tcb_line\0tcb_outcome\0tcb_reason\0tcb_batch_id\0tcb_record_id\0tcb_matched\0";

tcb_status tcb_export_header(tcb_export *x, tcb_buf *out, tcb_err *err) {
  tcb_status status = TCB_OK;
  for (size_t i = 0; status == TCB_OK && i < x->o.columns; i++) {
    tcb_text name = x->o.names[i];
    int quote = memchr(name.data, '"', name.len) || memchr(name.data, x->o.delimiter, name.len) || memchr(name.data, '\n', name.len);
    if (quote) status = tcb_buf_add(out, "\"", 1, err);
    for (size_t k = 0; status == TCB_OK && k < name.len; k++) {
      if (name.data[k] == '"') status = tcb_buf_add(out, "\"", 1, err);
      if (status == TCB_OK) status = tcb_buf_add(out, name.data + k, 1, err);
    }
    if (status == TCB_OK && quote) status = tcb_buf_add(out, "\"", 1, err);
    if (status == TCB_OK) status = tcb_buf_add(out, &x->o.delimiter, 1, err);
  }
  for (const char *name = FATES; status == TCB_OK && *name; name += strlen(name) + 1)
    status = tcb_buf_addf(out, err, "%s%c", name, name[strlen(name) + 1] ? x->o.delimiter : '\n');
  return status;
}

/* The text of a record's note of that kind. */
static tcb_text note_of(const tcb_export_batch *b, char kind, unsigned position) {
  tcb_notes_reader r = { b->notes, b->notes + b->notes_len };
  tcb_note note;
  while (b->notes && tcb_note_next(&r, &note) == 1)
    if (note.kind == kind && note.record == position) return (tcb_text){ note.text, strnlen(note.text, note.len) };
  return (tcb_text){ "", 0 };
}

static tcb_text text_of(const char *s) { return (tcb_text){ s, strlen(s) }; }

static void fate_of(const tcb_export *x, const tcb_export_batch *b, unsigned position, char id[36], tcb_fate *fate) {
  unsigned code = b->codes ? (unsigned char)b->codes[position] : TCB_REC_OPEN, mark = b->marks ? (unsigned char)b->marks[position] : 0;
  *fate = (tcb_fate){ .outcome = b->outcome, .batch_id = b->batch_id, .matched = "", .reason = text_of(b->reason), .record_id = { "", 0 } };
  if (code == TCB_REC_SUCCESS) fate->outcome = "success", fate->reason.len = 0;
  else if (code == TCB_REC_EXPIRED) {
    fate->outcome = "expired", fate->batch_id = "";
    fate->reason = text_of("its window passed before it could be sent");
  }
  else if (code == TCB_REC_UNREPORTED) fate->outcome = "in_doubt", fate->reason = text_of("not reported");
  else if (code == TCB_REC_NOTED) fate->outcome = "failed", fate->reason = note_of(b, TCB_NOTE_REASON, position);
  else if (code >= TCB_REC_FAILED) {
    unsigned n = code - TCB_REC_FAILED;
    fate->outcome = "failed";
    fate->reason = text_of(n < x->reason_count ? x->reasons.data + x->reason_at[n] : "");
  }
  if (code == TCB_REC_SUCCESS || code == TCB_REC_NOTED || code >= TCB_REC_FAILED) fate->matched = mark & TCB_MARK_GROUP ? "group" : "key";
  static const char none[16], noted[16] = "\xff\xff\xff\xff";
  const char *packed = b->ids ? b->ids + 16 * position : none;
  if (memcmp(packed, noted, 16) == 0) fate->record_id = note_of(b, TCB_NOTE_ID, position);
  else if (memcmp(packed, none, 16) != 0) {
    tcb_uuid_unpack((const unsigned char *)packed, id);
    fate->record_id = (tcb_text){ id, 36 };
  }
}

static int digits_end_so(const char *text, size_t len, const char *wanted) {
  size_t left = strlen(wanted);
  for (size_t i = len; left > 0 && i-- > 0;) {
    if (text[i] < '0' || text[i] > '9') continue;
    if (text[i] != wanted[--left]) return 0;
  }
  return left == 0;
}

static int is_wanted(const tcb_export *x) {
  if (x->o.only_line) return x->row.line == x->o.only_line;
  if (x->o.only_digits == NULL) return 1;
  size_t n = x->row.row.count < x->row.cap ? x->row.row.count : x->row.cap;
  for (size_t i = 0; i < n; i++)
    if (digits_end_so(x->row.cells[i].data, x->row.cells[i].len, x->o.only_digits)) return 1;
  return 0;
}

static tcb_status next_entry(tcb_export *x, tcb_err *err) {
  x->has_entry = 0;
  x->entry_used = 0;
  if (x->trace_ended) return TCB_OK;
  tcb_status status = tcb_trace_next(x->trace, &x->entry, err);
  if (status == TCB_NOT_FOUND) return x->trace_ended = 1, TCB_OK;
  x->has_entry = status == TCB_OK;
  return status;
}

static tcb_status write_line(tcb_export *x, const tcb_fate *fate, uint32_t seq, unsigned position, tcb_buf *out,
                             tcb_export_want *want, tcb_err *err) {
  x->is_emitted = 1;
  if (!is_wanted(x)) return TCB_OK;
  tcb_status status = tcb_export_row(&x->o, &x->row, out, err);
  if (status == TCB_OK) status = tcb_export_fate(&x->o, x->row.line, fate, out, err);
  if (status != TCB_OK || (x->o.only_line == 0 && x->o.only_digits == NULL)) return status;
  *want = (tcb_export_want){ TCB_EXPORT_FOUND, seq, position, x->row.line };
  return TCB_AGAIN;
}

/* A row that became a record. TCB_AGAIN: something has to be told first, or the row was looked for. */
static tcb_status record_line(tcb_export *x, tcb_buf *out, tcb_export_want *want, tcb_err *err) {
  uint32_t seq = x->has_moved ? x->moved_seq : x->entry.seq;
  unsigned position = x->has_moved ? x->moved_position : x->entry.position + x->entry_used;
  tcb_fate fate = { .outcome = "", .batch_id = "", .matched = "", .reason = { "", 0 }, .record_id = { "", 0 } };
  char id[36];
  if (is_wanted(x)) {
    const known *k = find_known(x, seq);
    if (k == NULL) return *want = (tcb_export_want){ TCB_EXPORT_BATCH, seq, 0, 0 }, TCB_AGAIN;
    if (position >= k->batch.count) return tcb_fail(err, TCB_E_STORE, "batch %u has no record %u: the journal is damaged", seq, position + 1);
    if (k->batch.codes && (unsigned char)k->batch.codes[position] == TCB_REC_MOVED)
      return *want = (tcb_export_want){ TCB_EXPORT_MOVED, seq, position, 0 }, TCB_AGAIN;
    fate_of(x, &k->batch, position, id, &fate);
  }
  x->has_moved = 0;
  x->entry_used++;
  unsigned used = x->entry_used, records = x->entry.records;
  tcb_status status = write_line(x, &fate, seq, position, out, want, err);
  if ((status == TCB_OK || status == TCB_AGAIN) && used == records) {
    tcb_status next = next_entry(x, err);
    if (next != TCB_OK) status = next;
  }
  return status;
}

static tcb_status refused_line(tcb_export *x, tcb_buf *out, tcb_export_want *want, tcb_err *err) {
  char text[256];
  tcb_fault fault = { x->entry.code, x->entry.field, x->entry.why, x->entry.detail };
  const char *field = fault.field < TCB_FIELDS ? tcb_rules[fault.field].name[TCB_V2] : "row";
  tcb_fault_message(&fault, field, text, sizeof text);
  tcb_fate fate = { .outcome = fault.code == TCB_FAULT_EXCLUDED ? "dropped" : "refused", .batch_id = "", .matched = "", .reason = text_of(text),
                    .record_id = { "", 0 } };
  tcb_status status = write_line(x, &fate, 0, 0, out, want, err);
  if (status != TCB_OK && status != TCB_AGAIN) return status;
  tcb_status next = next_entry(x, err);
  return next == TCB_OK ? status : next;
}

/* Does the entry at hand speak of the row at hand? Entries that lie before it belong to rows that are gone. */
static tcb_status catch_up(tcb_export *x, int *speaks, tcb_err *err) {
  for (;;) {
    *speaks = 0;
    if (!x->has_entry) return TCB_OK;
    int64_t end = x->entry.kind == TCB_TRACE_SPAN ? x->entry.offset + x->entry.bytes : x->entry.offset + 1;
    if (x->row.offset < x->entry.offset) return TCB_OK;
    if (x->row.offset < end && (x->entry_used == 0 || !x->is_emitted)) return *speaks = 1, TCB_OK;
    if (x->row.offset < end) return TCB_OK;               /* a span's row that has its line already */
    tcb_status status = next_entry(x, err);
    if (status != TCB_OK) return status;
  }
}

tcb_status tcb_export_step(tcb_export *x, tcb_buf *out, tcb_export_want *want, tcb_err *err) {
  tcb_status status = TCB_OK;
  *want = (tcb_export_want){ .kind = TCB_EXPORT_NOTHING };
  if (!x->has_entry && !x->trace_ended) status = next_entry(x, err);
  while (status == TCB_OK && out->len < OUT_BYTES) {
    if (!x->has_row) {
      status = tcb_walk_next(x->walk, &x->row, err);
      if (status != TCB_OK) return status;
      if (x->row.offset < x->o.begin || x->row.row.count == 0) continue;
      x->has_row = 1;
      x->is_emitted = 0;
    }
    int speaks;
    status = catch_up(x, &speaks, err);
    if (status != TCB_OK) return status;
    if (speaks) {
      status = x->entry.kind == TCB_TRACE_SPAN ? record_line(x, out, want, err) : refused_line(x, out, want, err);
      continue;
    }
    x->has_row = 0;
    if (x->is_emitted) continue;
    int waits = !x->o.is_done && x->row.offset >= tcb_trace_end(x->trace);
    tcb_fate fate = { .outcome = waits ? "waiting" : "dropped", .batch_id = "", .matched = "", .reason = { "", 0 }, .record_id = { "", 0 } };
    status = write_line(x, &fate, 0, 0, out, want, err);
  }
  return status;
}
