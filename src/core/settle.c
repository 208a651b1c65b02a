/* core/settle.c: matches status rows to the records of a batch. */
#include "core/settle.h"

#include <stdio.h>

#include "core/match.h"
#include "core/settle_priv.h"

#define SLOTS 1024                  /* of the reason table; a power of two above twice TCB_MESSAGES_MAX */
#define REASON_BYTES_MAX 512        /* longer texts are cut */

typedef struct { char *text; uint16_t len, field_len; } reason;   /* text and field lie behind each other */
typedef struct { unsigned char code, has_id; unsigned char id[16]; } masked;

struct tcb_settle {
  tcb_ctx *ctx;
  reason reasons[TCB_MESSAGES_MAX];
  unsigned reason_count, last_reason;
  uint16_t reason_slots[SLOTS];     /* reason number + 1; 0: free */
  /* The batch at hand. */
  size_t count, cap;
  uint64_t *hashes;
  unsigned char *codes, *marks, *seen;
  char *ids;
  uint16_t *slots;                  /* record + 1 by hash; made when the first row comes out of order */
  size_t slot_count, slot_cap;
  int has_slots, has_marks;
  size_t next;                      /* the record that the next row should be */
  tcb_buf notes, masked;
  int64_t masked_count, open_before;
  tcb_settle_counts counts;
};

tcb_status tcb_settle_open(tcb_settle **out, tcb_ctx *ctx, tcb_err *err) {
  tcb_settle *s = tcb_calloc(ctx, sizeof *s);
  *out = s;
  if (s == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory to read status documents");
  s->ctx = ctx;
  tcb_buf_init(&s->notes, ctx);
  tcb_buf_init(&s->masked, ctx);
  return TCB_OK;
}

static void free_batch(tcb_settle *s) {
  tcb_free(s->ctx, s->hashes, s->cap * sizeof *s->hashes);
  tcb_free(s->ctx, s->codes, s->cap * 3);
  tcb_free(s->ctx, s->ids, s->cap * 16);
  s->hashes = NULL, s->codes = NULL, s->ids = NULL;
  s->cap = s->count = 0;
}

void tcb_settle_free(tcb_settle *s) {
  if (s == NULL) return;
  for (unsigned i = 0; i < s->reason_count; i++) tcb_free(s->ctx, s->reasons[i].text, (size_t)s->reasons[i].len + s->reasons[i].field_len + 1);
  free_batch(s);
  tcb_free(s->ctx, s->slots, s->slot_cap * sizeof *s->slots);
  tcb_buf_free(&s->notes);
  tcb_buf_free(&s->masked);
  tcb_free(s->ctx, s, sizeof *s);
}

static uint16_t *reason_slot(tcb_settle *s, const char *text, size_t len, const char *field, size_t field_len) {
  uint64_t h = XXH64(text, len, field_len) ^ (field_len ? XXH64(field, field_len, len) : 0);
  for (unsigned at = (unsigned)h & (SLOTS - 1);; at = (at + 1) & (SLOTS - 1)) {
    uint16_t *slot = &s->reason_slots[at];
    if (*slot == 0) return slot;
    const reason *r = &s->reasons[*slot - 1];
    if (r->len == len && r->field_len == field_len && memcmp(r->text, text, len) == 0 && memcmp(r->text + len, field, field_len) == 0) return slot;
  }
}

tcb_status tcb_settle_code(tcb_settle *s, const char *text, size_t len, const char *field, size_t field_len, unsigned char *code, tcb_err *err) {
  if (field == NULL) field = "", field_len = 0;
  if (len > REASON_BYTES_MAX) len = REASON_BYTES_MAX;
  if (field_len > 64) field_len = 64;
  uint16_t *slot = reason_slot(s, text, len, field, field_len);
  if (*slot == 0) {
    if (s->reason_count == TCB_MESSAGES_MAX) {
      *code = TCB_REC_NOTED;
      return TCB_OK;
    }
    char *copy = tcb_malloc(s->ctx, len + field_len + 1);
    if (copy == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory for a reason");
    memcpy(copy, text, len);
    memcpy(copy + len, field, field_len);
    s->reasons[s->reason_count] = (reason){ copy, (uint16_t)len, (uint16_t)field_len };
    *slot = (uint16_t)++s->reason_count;
  }
  *code = (unsigned char)(TCB_REC_FAILED + *slot - 1);
  return TCB_OK;
}

tcb_status tcb_settle_learn(tcb_settle *s, unsigned n, const char *text, size_t len, const char *field, size_t field_len, tcb_err *err) {
  unsigned char code;
  unsigned before = s->reason_count;
  tcb_status status = n == before ? tcb_settle_code(s, text, len, field, field_len, &code, err) : TCB_OK;
  if (status == TCB_OK && s->reason_count != before + 1) {
    return tcb_fail(err, TCB_E_STORE, "the journal's table of reasons is out of order at %u", n);
  }
  return status;
}

unsigned tcb_settle_reasons(const tcb_settle *s) {
  return s->reason_count;
}

void tcb_settle_reason(const tcb_settle *s, unsigned n, const char **text, size_t *len, const char **field, size_t *field_len) {
  const reason *r = &s->reasons[n];
  *text = r->text, *len = r->len;
  *field = r->text + r->len, *field_len = r->field_len;
}

static tcb_status room(tcb_settle *s, size_t count, tcb_err *err) {
  if (count <= s->cap) return TCB_OK;
  free_batch(s);
  s->hashes = tcb_malloc(s->ctx, count * sizeof *s->hashes);
  s->codes = tcb_malloc(s->ctx, count * 3);
  s->ids = tcb_malloc(s->ctx, count * 16);
  s->cap = count;
  if (s->hashes && s->codes && s->ids) return TCB_OK;
  free_batch(s);
  return tcb_fail(err, TCB_E_MEMORY, "not enough memory for a batch of %zu records", count);
}

static int64_t count_open(const tcb_settle *s) {
  int64_t n = 0;
  for (size_t i = 0; i < s->count; i++) n += s->codes[i] == TCB_REC_OPEN;
  return n;
}

tcb_status tcb_settle_begin(tcb_settle *s, const char *hashes, size_t count, const char *codes, const char *ids, const char *marks,
                             const char *notes, size_t notes_len, tcb_err *err) {
  if (count >= TCB_NO_RECORD) return tcb_fail(err, TCB_E_STORE, "a batch of %zu records cannot be", count);
  tcb_status status = room(s, count, err);
  if (status != TCB_OK) return status;
  s->count = count;
  s->marks = s->codes + count;
  s->seen = s->codes + 2 * count;
  for (size_t i = 0; i < count; i++) s->hashes[i] = tcb_match_load(hashes + 8 * i);
  if (codes) memcpy(s->codes, codes, count);
  else memset(s->codes, TCB_REC_OPEN, count);
  if (ids) memcpy(s->ids, ids, count * 16);
  else memset(s->ids, 0, count * 16);
  s->has_marks = marks != NULL;
  if (marks) memcpy(s->marks, marks, count);
  else memset(s->marks, 0, count);
  memset(s->seen, 0, count);
  s->next = 0;
  s->has_slots = 0;
  s->notes.len = s->masked.len = 0;
  s->masked_count = 0;
  s->counts = (tcb_settle_counts){ 0 };
  s->open_before = count_open(s);
  tcb_notes_reader r = { notes, notes ? notes + notes_len : NULL };
  tcb_note note;
  int more = 0;
  while (notes && status == TCB_OK && (more = tcb_note_next(&r, &note)) == 1) {      /* what concerns the document alone starts afresh */
    if (note.record < count) status = tcb_note_add(&s->notes, note.kind, note.record, note.text, note.len, err);
  }
  return more < 0 ? tcb_fail(err, TCB_E_STORE, "the notes of a batch cannot be read: the journal is damaged") : status;
}

static tcb_status make_slots(tcb_settle *s, tcb_err *err) {
  size_t n = 16;
  while (n < 2 * s->count) n *= 2;
  if (n > s->slot_cap) {
    tcb_free(s->ctx, s->slots, s->slot_cap * sizeof *s->slots);
    s->slots = tcb_malloc(s->ctx, n * sizeof *s->slots);
    s->slot_cap = s->slots ? n : 0;
    if (s->slots == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory for a batch of %zu records", s->count);
  }
  s->slot_count = n;
  memset(s->slots, 0, n * sizeof *s->slots);
  for (size_t i = 0; i < s->count; i++) {
    size_t at = (size_t)s->hashes[i] & (n - 1);
    while (s->slots[at]) at = (at + 1) & (n - 1);
    s->slots[at] = (uint16_t)(i + 1);
  }
  s->has_slots = 1;
  return TCB_OK;
}

int tcb_settle_expects(const tcb_settle *s, uint64_t hash) {
  return s->next < s->count && s->hashes[s->next] == hash;
}

/* *record = TCB_NO_RECORD when the hash is none of this batch's. */
static tcb_status find(tcb_settle *s, uint64_t h, size_t *record, tcb_err *err) {
  *record = TCB_NO_RECORD;
  if (s->next < s->count && s->hashes[s->next] == h) {
    *record = s->next++;
    return TCB_OK;
  }
  if (!s->has_slots) {
    tcb_status status = make_slots(s, err);
    if (status != TCB_OK) return status;
  }
  for (size_t at = (size_t)h & (s->slot_count - 1); s->slots[at]; at = (at + 1) & (s->slot_count - 1)) {
    size_t i = s->slots[at] - 1u;
    if (s->hashes[i] != h) continue;
    *record = i;
    s->next = i + 1;
    break;
  }
  return TCB_OK;
}

static int is(tcb_slice v, const char *word, size_t len) {
  return v.from && (size_t)(v.to - v.from) == len && memcmp(v.from, word, len) == 0;
}

/* The text of a string; `value` is what stands between the quotes of the document, or a decoded text when `is_plain`. */
static size_t text_of(tcb_slice value, int is_plain, char *out, size_t cap) {
  if (value.from == NULL) return 0;
  size_t len = (size_t)(value.to - value.from);
  if (!is_plain && memchr(value.from, '\\', len)) return tcb_jscan_string((tcb_slice){ value.from - 1, value.to + 1 }, out, cap);
  if (len >= cap) len = cap - 1;
  memcpy(out, value.from, len);
  return len;
}

/* What the row says of its record: TCB_REC_OPEN while it is neither success nor error. */
static tcb_status row_code(tcb_settle *s, const tcb_row_slices *row, size_t record, unsigned char *code, tcb_err *err) {
  *code = TCB_REC_OPEN;
  if (is(row->status, "success", 7)) *code = TCB_REC_SUCCESS;
  else if (is(row->status, "error", 5)) {
    char text[REASON_BYTES_MAX + 80];
    size_t len = text_of(row->message, row->is_plain, text, REASON_BYTES_MAX);
    if (len == 0) len = (size_t)snprintf(text, sizeof text, "no reason given");
    size_t field_len = text_of(row->field, row->is_plain, text + len + 1, 64);
    tcb_status status = tcb_settle_code(s, text, len, text + len + 1, field_len, code, err);
    if (status != TCB_OK || *code != TCB_REC_NOTED) return status;
    text[len] = '\0';
    return tcb_note_add(&s->notes, TCB_NOTE_REASON, record, text, len + (field_len ? field_len + 1 : 0), err);
  }
  return TCB_OK;
}

static int is_masked(tcb_slice number) {
  int digits = 0, others = 0;
  for (const char *p = number.from; p && p < number.to; p++) {
    if (*p >= '0' && *p <= '9') digits++;
    else if (*p == '*' || *p == 'x' || *p == 'X' || *p == '#' || (unsigned char)*p >= 0x80) others++;
  }
  return number.from && others > 0 && digits < 13;
}

static tcb_status unmatched(tcb_settle *s, const tcb_row_slices *row, const char *text, size_t len, tcb_err *err) {
  masked m = { 0 };
  if (!is_masked(row->receiver) && !is_masked(row->caller)) {
    s->counts.extra++;
    return tcb_note_add(&s->notes, TCB_NOTE_EXTRA, TCB_NO_RECORD, text, len, err);
  }
  tcb_status status = row_code(s, row, TCB_NO_RECORD, &m.code, err);
  if (status != TCB_OK) return status;
  m.has_id = (unsigned char)(row->id.from && tcb_uuid_pack(row->id.from, (size_t)(row->id.to - row->id.from), m.id));
  s->masked_count++;
  status = tcb_buf_add(&s->masked, (const char *)&m, sizeof m, err);
  return status == TCB_OK ? tcb_note_add(&s->notes, TCB_NOTE_MASKED, TCB_NO_RECORD, text, len, err) : status;
}

static size_t length(tcb_slice v) {
  return v.from ? (size_t)(v.to - v.from) : 0;
}

/* The hash that a record with this row's key has; 0 when the key cannot be one. */
static uint64_t hash_of(const tcb_row_slices *row) {
  tcb_match_key key;
  int64_t starts_at, ends_at;
  if (!tcb_match_instant(row->starts.from, length(row->starts), &starts_at) || !tcb_match_instant(row->ends.from, length(row->ends), &ends_at))
    return 0;
  if (length(row->caller) > 16 || length(row->receiver) > 16 || length(row->label) > TCB_MATCH_LABEL) return 0;
  tcb_match_key_set(&key, row->caller.from, length(row->caller), row->receiver.from, length(row->receiver), starts_at, ends_at,
                    row->label.from, length(row->label));
  return tcb_match_hash(&key);
}

static tcb_status keep_id(tcb_settle *s, size_t record, const char *id, size_t len, tcb_err *err) {
  static const unsigned char noted[16] = { 0xff, 0xff, 0xff, 0xff };
  unsigned char *to = (unsigned char *)s->ids + 16 * record;
  if (tcb_uuid_pack(id, len, to) || len == 0 || memcmp(to, noted, sizeof noted) == 0) return TCB_OK;
  memcpy(to, noted, sizeof noted);
  return tcb_note_add(&s->notes, TCB_NOTE_ID, record, id, len, err);
}

tcb_status tcb_settle_match(tcb_settle *s, const tcb_row_slices *row, const char *text, size_t len, tcb_err *err) {
  return tcb_settle_match_hash(s, hash_of(row), row, text, len, err);
}

tcb_status tcb_settle_match_hash(tcb_settle *s, uint64_t hash, const tcb_row_slices *row, const char *text, size_t len, tcb_err *err) {
  size_t record = TCB_NO_RECORD;
  s->counts.rows++;
  tcb_status status = hash ? find(s, hash, &record, err) : TCB_OK;
  if (status != TCB_OK) return status;
  if (record == TCB_NO_RECORD) return unmatched(s, row, text, len, err);
  if (s->seen[record]) s->counts.duplicates++;
  s->seen[record] = 1;
  if (s->codes[record] != TCB_REC_OPEN && s->codes[record] != TCB_REC_UNREPORTED) return TCB_OK;
  unsigned char code;
  status = row_code(s, row, record, &code, err);
  if (status != TCB_OK) return status;
  if (code != TCB_REC_OPEN) s->codes[record] = code;
  return row->id.from ? keep_id(s, record, row->id.from, (size_t)(row->id.to - row->id.from), err) : TCB_OK;
}

static tcb_slice slice(const char *text, size_t len) {
  return (tcb_slice){ text, text ? text + len : NULL };
}

tcb_status tcb_settle_take(tcb_settle *s, const tcb_settle_row *row, const char *text, size_t len, tcb_err *err) {
  char starts[24], ends[24];
  int starts_len = row->starts_at < 0 ? 0 : snprintf(starts, sizeof starts, "%lld", (long long)row->starts_at);
  int ends_len = row->ends_at < 0 ? 0 : snprintf(ends, sizeof ends, "%lld", (long long)row->ends_at);
  tcb_row_slices r = {
    .is_plain = 1, .id = slice(row->id, row->id_len), .caller = slice(row->caller, row->caller_len),
    .receiver = slice(row->receiver, row->receiver_len),
    .label = slice(row->label, row->label_len), .status = slice(row->status, row->status_len),
    .starts = slice(starts_len ? starts : NULL, (size_t)starts_len), .ends = slice(ends_len ? ends : NULL, (size_t)ends_len),
    .message = slice(row->message, row->message_len), .field = slice(row->field, row->field_len),
  };
  return tcb_settle_match(s, &r, text, len, err);
}

static int64_t left_over(const masked *rows, int64_t count) {      /* final rows for which no record was left */
  int64_t n = 0;
  for (int64_t i = 0; i < count; i++) n += rows[i].code != TCB_REC_OPEN;
  return n;
}

/* Rows with masked numbers belong to the records that no other row names: counts are exact, and which record had which outcome
   is known when all of them agree. A later document gives the whole group anew. */
static void give_masked(tcb_settle *s) {
  const masked *rows = (const masked *)(const void *)s->masked.data;
  int64_t at = 0;
  int is_mixed = 0;
  for (int64_t i = 0; i < s->masked_count; i++) is_mixed |= rows[i].code != rows[0].code;
  for (size_t i = 0; i < s->count; i++) {
    if (s->seen[i] || (s->codes[i] != TCB_REC_OPEN && !(s->marks[i] & TCB_MARK_GROUP))) continue;
    while (at < s->masked_count && rows[at].code == TCB_REC_OPEN) at++;
    s->codes[i] = at < s->masked_count ? rows[at++].code : TCB_REC_OPEN;
    if (s->codes[i] == TCB_REC_OPEN) {
      s->marks[i] &= (unsigned char)~(TCB_MARK_GROUP | TCB_MARK_MIXED);
      continue;
    }
    s->marks[i] = (unsigned char)((s->marks[i] & TCB_MARK_LATE) | TCB_MARK_GROUP | (is_mixed ? TCB_MARK_MIXED : 0));
    s->seen[i] = s->has_marks = 1;
    s->counts.grouped++;
  }
  s->counts.extra += left_over(rows + at, s->masked_count - at);
}

void tcb_settle_end(tcb_settle *s, tcb_settle_counts *counts) {
  if (s->masked_count > 0) give_masked(s);
  s->counts.open = count_open(s);
  s->counts.changed = s->open_before - s->counts.open;
  for (size_t i = 0; i < s->count; i++) s->counts.missing += s->codes[i] == TCB_REC_OPEN && !s->seen[i];
  *counts = s->counts;
}

const char *tcb_settle_codes(const tcb_settle *s) { return (const char *)s->codes; }
const char *tcb_settle_ids(const tcb_settle *s) { return s->ids; }
const char *tcb_settle_marks(const tcb_settle *s) { return s->has_marks ? (const char *)s->marks : NULL; }
const tcb_buf *tcb_settle_notes(const tcb_settle *s) { return &s->notes; }
