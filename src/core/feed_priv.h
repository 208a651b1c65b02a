/* core/feed_priv.h: what the parts of the feed share. */
#ifndef TCB_FEED_PRIV_H
#define TCB_FEED_PRIV_H

#include "core/feed.h"
#include "core/ndjson.h"
#include "core/rows.h"

#define TCB_PIECE (256 * 1024)        /* bytes of one read */
#define TCB_HEAD (64 * 1024)          /* room for the unfinished row in front of a piece; grows with the row */
#define TCB_SLACK 64                  /* zero bytes behind the input, so that whole vectors can be read */
#define TCB_REFUSED_BYTES (4096 * sizeof(tcb_refusal))

typedef struct {                      /* a record and where it came from */
  int64_t offset, bytes, line;
  int64_t starts_at, ends_at;
  uint64_t hash;
  size_t json, json_len;              /* carried ones: their text in carry.json */
} tcb_taken;

typedef struct {                      /* records whose key is in the open batch already: they wait for the next one */
  tcb_buf records;                    /* of tcb_taken */
  tcb_buf json;
} tcb_carry;

typedef struct { uint64_t *slots; size_t cap, count; } tcb_keyset;      /* open addressing over integers but 0 */

typedef struct { uint32_t at, len; int doubled; } tcb_name;        /* a column's name, in the header's bytes */

struct tcb_feed {
  tcb_ctx *ctx;
  tcb_reader *reader;
  tcb_format format;
  tcb_shape shape;
  tcb_buf shape_text;                 /* the shape's strings */
  tcb_plan plan;
  int is_started, is_open, at_end, to_carry;
  int wants_notes, wants_all_faults, has_hook;
  int is_row;                         /* with a hook: a row is at hand; these are its parts */
  tcb_record record;
  tcb_csv_row row;
  int64_t row_puts;
  char delimiter;
  size_t columns;
  tcb_buf header;                     /* of CSV; of NDJSON the names that are wanted */
  tcb_buf unescaped;                  /* NDJSON: strings of the row at hand */
  tcb_name *names;                    /* of its columns */
  tcb_csv_cell *cells;                /* of the row at hand */
  size_t cells_cap;

  char *block;                        /* head, piece, slack */
  size_t block_bytes, head;
  size_t want;                        /* bytes of the next read; 0: a whole piece */
  char *in, *in_end;                  /* unread input */
  int64_t offset, line;               /* of *in */
  int64_t limit;                      /* offset at which rebuilding stops */

  tcb_rows rows;
  const tcb_rows_build *build;        /* NULL: everything goes the plain way */

  tcb_batch batch;
  tcb_spans spans;
  tcb_carry carry, carry_old;
  tcb_keyset exclude;                 /* numbers as integers, which 15 digits that do not start with 0 are one to one */
  int remembers;                      /* every record's key is in `seen`, and is refused when it comes again */
  tcb_keyset seen;
  tcb_pairs *pairs;                   /* repeats that are known in advance: the next one's line (0: none), and the line it repeats */
  int has_twins;
  int64_t twin_line, twin_of;
  uint64_t slots[TCB_SLOTS];          /* hashes of the open batch, at least two places a record; 0: empty */
};

/* feed_input.c */
tcb_status tcb_feed_keep_shape(tcb_feed *f, const tcb_shape *shape, tcb_err *err);
/* Room for an unfinished row of `tail` bytes in front of the next piece. */
tcb_status tcb_feed_room(tcb_feed *f, size_t tail, tcb_err *err);
/* Reads the next piece behind what is unread. TCB_NOT_FOUND at the end of the input, TCB_AGAIN: nothing yet. */
tcb_status tcb_feed_fill(tcb_feed *f, tcb_err *err);

/* feed_exclude.c */
int tcb_feed_is_excluded(const void *feed, const char digits[16]);

/* feed_unique.c */
/* Puts `n` in: 1, or 0 when it is there already; -1: out of memory. */
int tcb_keyset_add(tcb_ctx *ctx, tcb_keyset *set, uint64_t n, tcb_err *err);
int tcb_keyset_has(const tcb_keyset *set, uint64_t n);
void tcb_keyset_free(tcb_ctx *ctx, tcb_keyset *set);
/* Moves on to the repeat at the row at hand or behind it. */
tcb_status tcb_feed_find_twin(tcb_feed *f, tcb_err *err);
/* Whether the row at hand, whose key is `hash`, repeats an earlier one: 1 with *of, its line (0: not known); -1: an error. */
int tcb_feed_is_twin(tcb_feed *f, uint64_t hash, int64_t *of, tcb_err *err);

/* Index of a header's column; -1: none. `ambiguous` (may be NULL) is set when two columns have the name. */
int tcb_feed_column(const tcb_feed *f, const char *name, size_t len, int *ambiguous);

/* The row at p: 1, 0 when more input is needed, -1 out of memory. */
int tcb_feed_split(tcb_feed *f, const char *p, size_t len, int is_last, tcb_csv_row *row, tcb_err *err);

/* feed_json.c */
tcb_status tcb_feed_start_json(tcb_feed *f, tcb_err *err);
/* A member of the row at hand, whatever its name; data NULL: it has none. */
tcb_status tcb_feed_json_cell(const tcb_feed *f, const char *name, size_t len, tcb_buf *scratch, tcb_text *out, tcb_err *err);
/* The cell of a member's name; -1: it is not wanted. */
int tcb_feed_member(void *feed, const char *name, size_t len);

/* feed_carry.c */
tcb_status tcb_carry_add(tcb_feed *f, const tcb_taken *taken, const char *json, size_t len, tcb_err *err);
/* Puts what waits into the batch that was just opened, as far as keys allow. */
tcb_status tcb_carry_take(tcb_feed *f, tcb_err *err);
/* Whether the open batch must end early, so that what waits does not grow without bound. */
int tcb_carry_is_full(const tcb_feed *f);
/* Appends the packed spans of what waits. */
tcb_status tcb_carry_spans(const tcb_feed *f, tcb_buf *out, tcb_err *err);

/* feed_again.c */
tcb_status tcb_feed_go_to(tcb_feed *f, int64_t offset, int64_t line, tcb_err *err);

/* feed.c */
/* Opens a batch whose records are valid at `now_ms`; what waits goes into it. */
tcb_status tcb_feed_begin(tcb_feed *f, int64_t now_ms, tcb_err *err);
/* Whether the open batch must end although it is not full: too much waits, or too much was refused. */
int tcb_feed_must_end(const tcb_feed *f);
/* Closes the open batch: its body and spans are whole. */
tcb_status tcb_feed_finish(tcb_feed *f, tcb_err *err);
/* Takes up to `most` rows. TCB_AGAIN: the next one is not all here. */
tcb_status tcb_feed_rows(tcb_feed *f, int64_t most, tcb_err *err);
/* Puts a hash into the open batch's set; 0: it is there already. */
int tcb_feed_hash_take(tcb_feed *f, uint64_t hash);
/* Counts a record whose text was appended to the body. */
tcb_status tcb_feed_count(tcb_feed *f, const tcb_taken *taken, tcb_err *err);

#endif
