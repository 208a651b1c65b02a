#define _GNU_SOURCE                 /* memmem */
/* spec/fuzz/rows.c: rows.c INPUTS SEED: made and mutated CSV rows go through the plain path and every build of the fast path;
   bodies, hashes, spans, refusals and checkpoints must be the same, and what stands in a body must keep the rules. libcsv is the oracle for
   rows and cells. At least half of the inputs are mutations of good rows in a form that the fast path takes, which is counted. The first
   difference is written to rows-SEED.csv, and the exit status is 1. */
#include <csv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/feed_priv.h"

#define NOW INT64_C(1893456000000)
#define LABEL "0c7d1f6e-0281-4f86-bb27-745254543456"
#define ROWS 200                      /* inputs of one file */
#define LEN(a) (sizeof(a) / sizeof *(a))

static uint64_t state;
static uint32_t rnd(uint32_t n) {                        /* xorshift64*: 0..n-1 */
  state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
  return (uint32_t)((state * UINT64_C(2685821657736338717)) >> 33) % n;
}

/* What cells are made of. The first few of each are good. */
static const char *const names[] = { "ABC", "Acme Deliveries", "\"Smith, \"\"Jones\"\" & Co\"", "Café Déjà Vu", "राष्ट्रीय बैंक सेवा", "🚚 Quick Delivery",
  "ßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßß", "", "\"\"", "Path C:\\orders\\7", "\"a \"\"b\"\" c\\d\"", " lead", "tail ", "Öl", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
  "\"\"\"\"\"\"", "\"\"\"ab\"", "\"ab\"\"\"", "a\tb", "   ", "a\"b c" };
static const char *const reasons[] = { "Your parcel arrives today", "\"Your parcel, \"\"the big one\"\", arrives\"", "ऑर्डर 12345678 की डिलीवरी आज होगी",
  "配送番号 12345678 のご確認のお電話です", "Fraud alert on card ending 1234: Asha call 12345678 blocked by our desk until you confirm it ok", "Path C:\\orders\\12345678\\2 is ready",
  "exactly 10", "nine char", "", "ends with.", ",comma first", "-dash first", "\"First line\nsecond line\"", "what? 'yes' <ok>; = ~`{}[]|", "Your parcel + more",
  "under_score here", "a/b of it all", "caf\xE9 au lait here", "cut \xE2\x82", "overlong \xC0\xAF text", "surrogate \xED\xA0\x80 text", "beyond \xF4\x90\x80\x80 text",
  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxé", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxé", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx配配", "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"\"yy\"",
  "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"\"\"", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\\y", "tab\there now ok", "\"-edge inside\"", "\"edge inside.\"", "ééééééééé", "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9 four" };
static const char *const numbers[] = { "919876543210", "+919876543210", "12345678", "1234567", "123456789012345", "1234567890123456", "+123456789012345", "0919876543210",
  "91 98765 43210", "00919876543210", "91ABC1234567", "", "+", "\"919876543210\"", "\"+919876543210\"", "9.19877E+11", "9876543210", "9198765432/0", "919876543:10", "++919876543210" };
static const char *const instants[] = { "1893456001000", "1893459600000", "1893542401000", "1893542401001", "1893456000000", "1893456000", "0893456001000",
  "18934560010000", "", "2030-01-01T00:30:00Z", "\"1893459600000\"", "189345600x000", "+1893456001000", "1893456001:00", "189345600100/" };
static const char *const labels[] = { LABEL, "0C7D1F6E-0281-4F86-BB27-745254543456", "1c7d1f6e-0281-4f86-bb27-745254543456", "\"" LABEL "\"", LABEL "0",
  "0c7d1f6e_0281_4f86_bb27_745254543456", "0g7d1f6e-0281-4f86-bb27-745254543456", "0\x10" "7d1f6e-0281-4f86-bb27-745254543456", "", "0c7d1f6e-0281-4f86-bb27-74525454345",
  "0c7d1f6e-0281-4f86-bb27-7452545434-6", "0c7d1f6e-02814-f86-bb27-745254543456" };
static const char *const notes[] = { "", "note", "\"quoted, \"\"note\"\"\"", "it's", "\\", "longer than thirty-two bytes, so it takes two", "x\"y", "\"a\nb\"", "\xFF" };

#define PICK(list) list[rnd(LEN(list))]
#define GOOD(list, good) (is_good ? list[rnd(good)] : PICK(list))

typedef struct { const char *title; int order[12]; tcb_shape shape; } form;

static void add(tcb_buf *b, const char *text, size_t len) {
  if (tcb_buf_add(b, text, len, NULL) != TCB_OK) abort();
}

static void cell(tcb_buf *out, int field, int is_good) {
  char number[24];
  const char *text;
  switch (field) {
  case 1: text = GOOD(numbers, 2); break;
  case 2:
    if (!is_good && rnd(2)) text = PICK(numbers);
    else {
      snprintf(number, sizeof number, "%s91%010u", rnd(4) ? "" : "+", 3000000000u + rnd(100000));
      text = number;
    }
    break;
  case 3: text = GOOD(labels, 4); break;
  case 4: text = GOOD(names, 7); break;
  case 5: text = GOOD(reasons, 6); break;
  case 6: text = GOOD(instants, 1); break;
  case 7: text = is_good ? instants[1] : PICK(instants); break;
  default: text = PICK(notes); break;
  }
  add(out, text, strlen(text));
}

/* One change to the bytes from `from` on. */
static void mutate(tcb_buf *b, size_t from) {
  static const char *const pieces[] = { "\"", ",", "\n", "\r", "\\", " ", "é", "\r\n", "\"\"", ";", "\t", "0", "-", ".", "!", "\xF0\x9F\x9A\x9A", "\x80" };
  size_t len = b->len - from, at = from + rnd((uint32_t)len + 1);
  const char *piece = PICK(pieces);
  switch (rnd(6)) {
  case 0: if (at < b->len) b->data[at] = (char)rnd(256); break;
  case 1: if (at < b->len) memmove(b->data + at, b->data + at + 1, b->len - at - 1), b->len--; break;
  case 2: b->len = at; break;
  case 3: if (at < b->len) b->data[at] ^= (char)(1 << rnd(8)); break;
  case 4: if (at < b->len && b->data[at] == ',') b->data[at] = piece[0]; break;
  default: {
    size_t n = strlen(piece);
    add(b, piece, n);
    memmove(b->data + at + n, b->data + at, b->len - n - at);
    memcpy(b->data + at, piece, n);
  }
  }
}

/* Makes a file; returns how many of its rows are mutations of good ones. */
static int make(tcb_buf *out, const form *f, char delimiter, const char *newline) {
  static const char *const columns[] = { "", "caller_number", "receiver_number", "label_id", "dynamic_label_name", "dynamic_call_reason", "starts_at", "ends_at" };
  char name[16];
  int mutations = 0;
  out->len = 0;
  for (int i = 0; f->order[i] >= 0; i++) {
    if (i) add(out, &delimiter, 1);
    snprintf(name, sizeof name, "note%d", i);
    const char *column = f->order[i] ? columns[f->order[i]] : name;
    add(out, column, strlen(column));
  }
  add(out, newline, strlen(newline));
  for (int row = 0; row < ROWS; row++) {
    size_t from = out->len;
    int is_good = rnd(10) > 0;
    for (int i = 0; f->order[i] >= 0; i++) {
      if (i) add(out, &delimiter, 1);
      cell(out, f->order[i], is_good);
    }
    if (rnd(10) < 7) {
      for (uint32_t n = 1 + rnd(2); n > 0; n--) mutate(out, from);
      mutations += is_good;
    }
    if (row < ROWS - 1 || rnd(2)) add(out, newline, strlen(newline));
  }
  return mutations;
}

/* The rules once more, written apart from the table: what stands in a body must keep them. */

typedef struct { const char *at; size_t len; } slice;

/* The value of "name": in a record; an absent one is empty. */
static slice value_of(const char *record, size_t len, const char *name) {
  char key[40];
  snprintf(key, sizeof key, "\"%s\":", name);
  const char *p = memmem(record, len, key, strlen(key));
  if (p == NULL) return (slice){ NULL, 0 };
  p += strlen(key);
  const char *end = p;
  if (*p == '"') for (end++; *end != '"'; end++) end += *end == '\\';
  else while (*end >= '0' && *end <= '9') end++;
  return *p == '"' ? (slice){ p + 1, (size_t)(end - p - 1) } : (slice){ p, (size_t)(end - p) };
}

static int characters(slice s) {
  int n = 0;
  for (size_t i = 0; i < s.len; i++) {
    if (s.at[i] == '\\') i += s.at[i + 1] == 'u' ? 5 : 1;
    n += ((unsigned char)s.at[i] & 0xC0) != 0x80;
  }
  return n;
}

static int is_number(slice s, int plus) {
  if (plus && (s.len == 0 || *s.at++ != '+' || s.len-- == 0)) return 0;
  if (s.len < 8 || s.len > 15 || s.at[0] == '0') return 0;
  for (size_t i = 0; i < s.len; i++) if (s.at[i] < '0' || s.at[i] > '9') return 0;
  return 1;
}

static int is_label(slice s) {
  if (s.at == NULL) return 1;
  if (s.len != 36) return 0;
  for (size_t i = 0; i < 36; i++)
    if (!strchr(i == 8 || i == 13 || i == 18 || i == 23 ? "-" : "0123456789abcdefABCDEF", s.at[i])) return 0;
  return 1;
}

static int record_keeps_rules(const char *record, size_t len, const tcb_shape *shape) {
  const char *const v2[] = { "caller_number", "receiver_number", "dynamic_label_name", "dynamic_call_reason" };
  const char *const v1[] = { "caller", "receiver", "label_name", "call_reason" };
  const char *const *names_of = shape->dialect == TCB_V1 ? v1 : v2;
  slice name = value_of(record, len, names_of[2]), reason = value_of(record, len, names_of[3]);
  if (!is_number(value_of(record, len, names_of[0]), shape->plus) || !is_number(value_of(record, len, names_of[1]), shape->plus)) return 0;
  if (!is_label(value_of(record, len, "label_id"))) return 0;
  if (name.at && (characters(name) < 3 || characters(name) > 40)) return 0;
  if (reason.at) {
    if (characters(reason) < 10 || characters(reason) > 100) return 0;
    for (size_t i = 0; i < reason.len; i++) if (reason.at[i] && strchr("!@#$%^&*()_+/", reason.at[i])) return 0;
    if (strchr(".,- ", reason.at[0]) || strchr(".,- ", reason.at[reason.len - 1])) return 0;
  }
  slice starts = value_of(record, len, "starts_at"), ends = value_of(record, len, "ends_at");
  if (starts.at == NULL || ends.at == NULL) return 0;
  long long from = atoll(starts.at), to = atoll(ends.at);
  return from >= 100000000000 && to > from && to > NOW && to - from <= 86400000;
}

static int keeps_rules(const tcb_buf *body, const tcb_shape *shape) {
  const char *p = body->data + strlen("{\"call_records\":["), *last = body->data + body->len - 2;
  while (p < last) {
    const char *end = p;
    for (; *end != '}'; end++)
      if (*end == '"') for (end++; *end != '"'; end++) end += *end == '\\';
    if (!record_keeps_rules(p, (size_t)(end - p), shape)) return 0;
    p = end + 2;
  }
  return 1;
}

/* A build of the fast path that counts the rows it takes. */
static int64_t taken_fast;
static int is_fast;                   /* the last form's rows are offered to it */
static const tcb_rows_build *inner;
static int64_t take_counted(tcb_rows *rows, int64_t most) {
  int64_t n = inner->take(rows, most);
  taken_fast += n;
  return n;
}

/* Everything that a path makes of the text, as bytes. */
static int64_t taken, refused, lawless;
static void outcome(tcb_ctx *ctx, const tcb_buf *text, const tcb_shape *shape, const char *path, tcb_buf *out) {
  tcb_reader *reader;
  tcb_feed *feed;
  tcb_feed_result result;
  tcb_err err;
  tcb_rows_build counted = { path, take_counted, NULL };
  out->len = 0;
  if (tcb_reader_text(&reader, ctx, text->data, text->len, &err) != TCB_OK || tcb_feed_open(&feed, ctx, reader, TCB_FORMAT_CSV, shape, &err) != TCB_OK) abort();
  if (tcb_feed_path(feed, path, &err) != TCB_OK) abort();
  inner = feed->build;
  if (inner) feed->build = &counted;
  do {
    tcb_status status = tcb_feed_next(feed, NOW, 0, &result, &err);
    if (status != TCB_OK) {
      add(out, err.message, strlen(err.message));
      break;
    }
    const tcb_batch *b = tcb_feed_batch(feed);
    const tcb_buf *parts[] = { &b->body, &b->spans, &b->hashes, &b->refused };
    int64_t numbers_of[] = { result, b->count, b->refused_count, b->first_line, b->last_line, b->min_starts_at, b->max_starts_at, b->min_ends_at, b->max_ends_at };
    for (size_t i = 0; i < LEN(parts); i++) add(out, parts[i]->data, parts[i]->len);
    add(out, (const char *)numbers_of, sizeof numbers_of);
    if (tcb_feed_checkpoint(feed, out, &err) != TCB_OK) abort();
    if (b->count > 0 && !keeps_rules(&b->body, shape)) lawless++;
    if (strcmp(path, "plain") == 0) taken += b->count, refused += b->refused_count;
  } while (result != TCB_FEED_END);
  is_fast = feed->rows.is_usable;
  tcb_feed_free(feed);
}

/* libcsv as the oracle: cells, then a mark a row. */
static void oracle_cell(void *data, size_t len, void *out) {
  add(out, data, len);
  add(out, "\1", 1);
}
static void oracle_row(int end, void *out) {
  (void)end;
  add(out, "\2", 1);
}
static int is_space(unsigned char c) { (void)c; return 0; }

static int is_same(char delimiter, const char *bytes, size_t len, tcb_buf *ours, tcb_buf *theirs) {
  struct csv_parser p;
  if (csv_init(&p, 0) != 0) abort();
  csv_set_delim(&p, (unsigned char)delimiter);
  csv_set_space_func(&p, is_space);
  theirs->len = 0;
  csv_parse(&p, bytes, len, oracle_cell, oracle_row, theirs);
  csv_fini(&p, oracle_cell, oracle_row, theirs);
  csv_free(&p);
  return ours->len == theirs->len && memcmp(ours->data, theirs->data, ours->len) == 0;
}

/* Compares each stretch of whole rows; a broken row, where libcsv goes another way, ends a stretch. */
static int agrees_with_libcsv(const tcb_buf *text, char delimiter, tcb_buf *ours, tcb_buf *theirs, int64_t *compared) {
  static tcb_csv_cell cells[64];
  static char scratch[1 << 20];
  tcb_csv_row row;
  size_t from = 0, at = 0;
  ours->len = 0;
  for (; tcb_csv_next(delimiter, text->data + at, text->len - at, 1, cells, LEN(cells), &row); at += row.bytes) {
    if (row.why != TCB_WHY_NONE || row.count > LEN(cells)) {
      if (!is_same(delimiter, text->data + from, at - from, ours, theirs)) return 0;
      from = at + row.bytes;
      ours->len = 0;
      continue;
    }
    for (size_t i = 0; i < row.count; i++) {
      tcb_text t = tcb_csv_text(&cells[i], scratch);
      oracle_cell((void *)t.data, t.len, ours);
    }
    if (row.count > 0) oracle_row(0, ours), (*compared)++;
  }
  return is_same(delimiter, text->data + from, at - from, ours, theirs);
}

static int differs(const tcb_buf *text, uint64_t seed, int64_t inputs, const char *what, const char *title) {
  char name[64];
  snprintf(name, sizeof name, "rows-%llu.csv", (unsigned long long)seed);
  FILE *f = fopen(name, "wb");
  if (f) fwrite(text->data, 1, text->len, f), fclose(f);
  printf("%s differs from the plain path (%s) within %lld inputs: see %s\n", what, title, (long long)inputs, name);
  return 1;
}

int main(int argc, char **argv) {
  int64_t inputs = argc > 1 ? atoll(argv[1]) : 100000, compared = 0, mutations = 0;
  uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
  const tcb_check plain = { .country = "" };
  const form forms[] = {
    { "in order", { 1, 2, 3, 4, 5, 6, 7, -1 }, { .batch_max = 500, .check = plain } },
    { "other order", { 0, 7, 5, 0, 2, 6, 1, 3, 4, 0, -1 }, { .batch_max = 500, .check = plain } },
    { "defaults", { 2, 5, 7, -1 }, { .batch_max = 500, .check = plain,
      .fill = { [TCB_CALLER] = "+91 1234567890", [TCB_LABEL] = LABEL, [TCB_STARTS_AT] = "1893456001000", [TCB_NAME] = "Acme \"1\" \\ ü" } } },
    { "country, plus, small batches", { 1, 2, 3, 4, 5, 6, 7, -1 }, { .plus = 1, .batch_max = 7, .check = { .country = "91" } } },
    { "v1, no label needed", { 2, 1, 3, 4, 5, 7, 6, -1 }, { .dialect = TCB_V1, .batch_max = 500, .check = { .country = "", .label_optional = 1 } } },
    { "template", { 1, 2, 3, 4, 5, 6, 7, 0, -1 }, { .batch_max = 500, .check = plain, .fill = { [TCB_REASON] = "Order {note7} arrives today" } } },
  };
  static const char *const paths[] = { "portable", "sse2", "avx2" };
  static const char delimiters[] = { ',', ',', ',', ';', '\t' };
  static const char *const newlines[] = { "\n", "\n", "\n", "\r\n", "\r" };
  tcb_ctx ctx;
  tcb_buf text, want, got;
  tcb_ctx_init(&ctx);
  tcb_buf_init(&text, &ctx), tcb_buf_init(&want, &ctx), tcb_buf_init(&got, &ctx);
  state = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
  for (int64_t done = 0; done < inputs; done += ROWS) {
    const form *f = &forms[rnd(LEN(forms))];
    char delimiter = delimiters[rnd(LEN(delimiters))];
    int mutated = make(&text, f, delimiter, newlines[rnd(LEN(newlines))]);
    outcome(&ctx, &text, &f->shape, "plain", &want);
    for (size_t i = 0; i < LEN(paths); i++) {
      if (tcb_rows_find(paths[i]) == NULL) continue;
      outcome(&ctx, &text, &f->shape, paths[i], &got);
      if (got.len != want.len || memcmp(got.data, want.data, got.len) != 0) return differs(&text, seed, done + ROWS, paths[i], f->title);
    }
    if (is_fast) mutations += mutated;
    if (lawless) return differs(&text, seed, done + ROWS, "a body that breaks a rule", f->title);
    if (!agrees_with_libcsv(&text, delimiter, &want, &got, &compared)) return differs(&text, seed, done + ROWS, "libcsv", f->title);
  }
  tcb_buf_free(&text), tcb_buf_free(&want), tcb_buf_free(&got);
  tcb_ctx_clear(&ctx);
  printf("%lld inputs, %lld records, %lld refusals, %lld rows compared with libcsv; %lld mutations of good rows before the fast paths, which took %lld rows\n",
         (long long)inputs, (long long)taken, (long long)refused, (long long)compared, (long long)mutations, (long long)taken_fast);
  return 0;
}
