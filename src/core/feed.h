/* core/feed.h: input bytes -> checked records -> bodies of batches. Streaming: one piece of input and one open batch in memory. */
#ifndef TCB_FEED_H
#define TCB_FEED_H

#include "core/pairs.h"
#include "core/reader.h"
#include "core/rows.h"
#include "core/shape.h"
#include "core/spans.h"

typedef struct tcb_feed tcb_feed;

/* A row that is not sent, packed in a batch's `refused`: this struct's bytes. */
typedef struct {
  int64_t offset;                   /* of the row's first byte in the input */
  int64_t line;                     /* physical line on which it begins */
  int64_t detail;                   /* as in tcb_fault */
  uint8_t code, field, why;
  uint8_t unused[5];                /* zero */
} tcb_refusal;

/* What was made of a stretch of input. Buffers belong to the feed; the body may be taken (and another buffer left in its place). */
typedef struct {
  tcb_buf body;
  tcb_buf spans;                    /* packed (core/spans.h): where the records lie */
  tcb_buf hashes;                   /* 8 bytes a record: tcb_match_hash, in the body's order */
  tcb_buf refused;                  /* tcb_refusal of each row refused since the batch before */
  tcb_buf shown;                    /* with `all_faults`: for each of them its field and value (core/shown.h), NUL-terminated */
  tcb_buf notes;                    /* tcb_sighting of each record read since the batch before, where tcb_feed_watch asked for it */
  int64_t count;                    /* records */
  int64_t refused_count;            /* rows refused, without the excluded ones */
  int64_t excluded_count;           /* rows whose receiver is on the exclude list; they are in `refused` too */
  int64_t dropped_count;            /* with a hook: rows it made no record of */
  int64_t split_count;              /* with a hook: records more than rows */
  int64_t first_line, last_line;    /* of its records; 0: none */
  int64_t min_starts_at, max_starts_at, min_ends_at, max_ends_at;
  int64_t now_ms;                   /* the instant that its time rules used */
} tcb_batch;

/* Why tcb_feed_next came back. */
typedef enum {
  TCB_FEED_BATCH,                   /* a batch with at least one record */
  TCB_FEED_REFUSED,                 /* no record, but many refusals: take them and call again */
  TCB_FEED_ROW,                     /* with a hook: a row is at hand, see tcb_feed_hook */
  TCB_FEED_WAIT,                    /* a pipe has nothing yet */
  TCB_FEED_END                      /* no record any more; the last refusals are in the batch */
} tcb_feed_result;

typedef enum { TCB_FORMAT_CSV, TCB_FORMAT_NDJSON } tcb_format;

/* Takes over `reader` (also when this fails) and copies the shape, but for its zone, which must outlive the feed. */
tcb_status tcb_feed_open(tcb_feed **out, tcb_ctx *ctx, tcb_reader *reader, tcb_format format, const tcb_shape *shape, tcb_err *err);
void tcb_feed_free(tcb_feed *feed);
/* Reads the header and finds the columns. TCB_AGAIN: a pipe has not given it yet. Done by tcb_feed_next where the caller has not. */
tcb_status tcb_feed_start(tcb_feed *feed, tcb_err *err);
/* Goes on until a batch is full or the input ends; records in it are valid at `now_ms` (a batch keeps the instant of its first row).
   With `flush` a batch that has records is given although it is not full, when nothing more can be read now. */
tcb_status tcb_feed_next(tcb_feed *feed, int64_t now_ms, int flush, tcb_feed_result *result, tcb_err *err);
/* What tcb_feed_next or tcb_feed_rebuild made, valid until the next of them. */
tcb_batch *tcb_feed_batch(tcb_feed *feed);

/* With `notes` every record that is read is noted; with `all_faults` a row that breaks several rules has a refusal for each
   of them, and `shown` tells the values. */
void tcb_feed_watch(tcb_feed *feed, int notes, int all_faults);

/* With a hook tcb_feed_next comes back for every valid row; tcb_feed_put then makes records of it: none drops the row, several split it.
   The next tcb_feed_next goes on behind it. */
void tcb_feed_hook(tcb_feed *feed, int on);
/* The row at hand; valid until the next tcb_feed_next. */
const tcb_record *tcb_feed_record(const tcb_feed *feed);
int64_t tcb_feed_line(const tcb_feed *feed);
/* A cell of it, by the column's name in the header; data NULL: no such column. `scratch` keeps the text. */
tcb_status tcb_feed_cell(const tcb_feed *feed, const char *name, size_t len, tcb_buf *scratch, tcb_text *out, tcb_err *err);
/* Makes the record that the row at hand is. */
tcb_status tcb_feed_keep(tcb_feed *feed, tcb_err *err);
/* Makes a record of the row at hand: checked again, refused in the row's name when it breaks a rule. */
tcb_status tcb_feed_put(tcb_feed *feed, const tcb_cell cells[TCB_FIELDS], tcb_err *err);
tcb_dialect tcb_feed_dialect(const tcb_feed *feed);

/* Where to go on behind the last batch: opaque bytes. */
tcb_status tcb_feed_checkpoint(const tcb_feed *feed, tcb_buf *out, tcb_err *err);
/* How far the input has been read: the offset behind the last row taken, of the bytes that the reader gives. */
int64_t tcb_feed_offset(const tcb_feed *feed);
tcb_status tcb_feed_resume(tcb_feed *feed, const char *checkpoint, size_t len, tcb_err *err);
/* Makes the batch that `spans` describe once more. TCB_E_INPUT when the input does not hold these records any more. */
tcb_status tcb_feed_rebuild(tcb_feed *feed, const char *spans, size_t len, tcb_err *err);

/* Sending in order of starts_at: every record read is added to a sort, whose records are TCB_ORDER_BYTES, and taken from it again. */
#define TCB_ORDER_BYTES 28
tcb_status tcb_order_add(tcb_sort *order, const tcb_sighting *record, tcb_err *err);
/* As tcb_feed_next, but the rows come in the order of `order`; *taken grows by each row that was taken out of it. The input must be one
   that can be read at any place. */
tcb_status tcb_feed_next_in_order(tcb_feed *feed, tcb_sort *order, int64_t now_ms, int64_t *taken, tcb_feed_result *result, tcb_err *err);

/* Refuses every row that `pairs` calls a repeat of an earlier one; they were filled with this very input. They stay the caller's, and
   may be given afresh before each call of tcb_feed_next (NULL: none). */
void tcb_feed_unique(tcb_feed *feed, tcb_pairs *pairs);
/* The same for input that is not known in advance: the feed remembers every key, 16 bytes of memory a record; `hashes` are those of
   batches that were made before. */
tcb_status tcb_feed_remember(tcb_feed *feed, const char *hashes, size_t len, tcb_err *err);

/* Receivers that get nothing: whole lines of a do-not-call list, each with a number or with cells whose first is one. A first line of
   the list that is no number is a heading; any other is TCB_E_INPUT, since to ignore it would be to call somebody who asked not to be
   called. *line counts the lines from 0 and stands at the one at fault then. */
tcb_status tcb_feed_exclude(tcb_feed *feed, const char *lines, size_t len, const char *country, int64_t *line, tcb_err *err);

/* The header as it stands in the input, with its line end; and the delimiter. Empty before tcb_feed_start, and for NDJSON. */
tcb_text tcb_feed_header(const tcb_feed *feed);
char tcb_feed_delimiter(const tcb_feed *feed);
tcb_reader *tcb_feed_reader(const tcb_feed *feed);
/* Which build of the fast path takes plain rows: "avx2", "sse2", "portable", or "plain" for none at all. TCB_E_CONFIG: not on this machine. */
tcb_status tcb_feed_path(tcb_feed *feed, const char *name, tcb_err *err);

/* The dry run: every batch made, counted and hashed, nothing kept. */
typedef struct {
  int64_t records, refused, excluded, batches, bytes;
  uint64_t hash;                    /* of all bodies */
  int64_t min_starts_at, max_ends_at;
  int64_t by_code[TCB_FAULT_CODES]; /* refusals */
  int is_over;
} tcb_drain;
#define TCB_DRAIN_START (tcb_drain){ .min_starts_at = INT64_MAX, .max_ends_at = INT64_MIN }

/* Adds at most `most` batches to *out, which starts as TCB_DRAIN_START. TCB_AGAIN when a pipe has nothing yet. */
tcb_status tcb_feed_drain(tcb_feed *feed, int64_t now_ms, int64_t most, tcb_drain *out, tcb_err *err);
/* 8 bytes of a body. */
uint64_t tcb_body_hash(const char *body, size_t len);

#endif
