/* core/rows.h: the fast path of the feed: CSV bytes -> JSON bytes in one pass. A program made from the plan says what each column is;
   three builds of one source (core/rows.inc) run it: AVX2, SSE2, portable. Whatever is odd about a row, it is left to the plain path. */
#ifndef TCB_ROWS_H
#define TCB_ROWS_H

#include "core/match.h"
#include "core/shape.h"

#define TCB_ROWS_COLUMNS 256          /* wider files go the plain way */
#define TCB_CELL_MAX 512              /* bytes of a text; no longer one keeps the rules without being odd */
#define TCB_PIECE_MAX 1280            /* JSON of one field: its name and TCB_CELL_MAX bytes, each escaped */
#define TCB_ROW_JSON 8192             /* room that one record needs at most, constants included */
#define TCB_SLOTS 1024                /* of the open batch's hash set: at least 2 a record */

typedef enum { TCB_OP_SKIP, TCB_OP_NUMBER, TCB_OP_UUID, TCB_OP_TEXT, TCB_OP_INSTANT } tcb_op_kind;

enum { TCB_STOP_PLAIN = 1, TCB_STOP_QUOTED = 2, TCB_IS_EDGE = 4 };

typedef struct {                      /* bytes at which reading a text stops, as a set in the forms that the builds want */
  uint8_t low[16];                    /* AVX2: by low nibble, a bit for each high nibble */
  uint8_t from[16], span[16];         /* SSE2: ranges from..from+span */
  int ranges;
} tcb_stops;

typedef struct {
  uint8_t kind, field;
  uint8_t may_be_empty;               /* an empty cell is no field, and no fault */
  uint8_t before_len, after_len;      /* of the texts below */
  int least, most;                    /* code points, or digits of a number without + */
  uint32_t country, country_mask;     /* such a number's first digits, as it lies in memory */
  const char *before;                 /* JSON in front of the value: ,"label_id":"  ; readable in steps of 32 */
  const char *after;                  /* fields without a column that follow */
  tcb_stops plain, quoted;            /* where an unquoted, a quoted text stops */
  uint8_t class_of[256];              /* TCB_STOP_*, TCB_IS_EDGE */
} tcb_op;

typedef struct {                      /* a record that was read, for who looks at all of them: pairs, order, hooks */
  int64_t offset, bytes, line;
  tcb_match_key key;
} tcb_sighting;

typedef struct {
  /* The program: made once. */
  int is_usable, is_ordered;          /* ordered: the columns come in the order of the JSON */
  int columns;
  char delimiter;
  tcb_op op[TCB_FIELDS + 1];          /* the last one skips */
  uint8_t op_of[TCB_ROWS_COLUMNS];
  tcb_buf text;                       /* what `before` and `after` point into */
  const char *head;                   /* fields without a column in front of the first that has one */
  int head_len;
  tcb_match_key key_start;            /* with the constants in place */
  int64_t starts_at, ends_at;         /* constants; 0: from a column */
  char piece[TCB_FIELDS + 1][TCB_PIECE_MAX];  /* out of order: the fields' JSON, constants in place; the last is nobody's */
  int piece_len[TCB_FIELDS + 1];

  /* One call. */
  const char *in;                     /* a row's first byte; then behind the last row taken */
  char *out, *out_end;                /* room for at least TCB_ROW_JSON bytes */
  char *hashes;                       /* 8 bytes a record, as in the batch */
  uint64_t *slots;
  tcb_sighting *notes;                    /* NULL, or one a record: offset counts from `in`, line from 0 */
  int (*is_excluded)(const void *ud, const char receiver[16]);      /* NULL: nobody is */
  const void *exclude_ud;
  int64_t now_ms;
  int64_t min_starts_at, max_starts_at, min_ends_at, max_ends_at;
} tcb_rows;

/* Makes the program; is_usable stays 0 where the plan holds more than the fast path knows. `rows` is zeroed by the caller. */
tcb_status tcb_rows_make(tcb_rows *rows, tcb_ctx *ctx, const tcb_plan *plan, char delimiter, size_t columns, tcb_err *err);
void tcb_rows_clear(tcb_rows *rows);

/* Takes at most `most` rows at rows->in and returns how many; stops in front of a row that is odd, not whole, or whose key is in the
   set already. 32 zero bytes must follow the input. */
typedef int64_t (*tcb_rows_take)(tcb_rows *rows, int64_t most);
typedef uint64_t (*tcb_bytes_hash)(const char *bytes, size_t len);

typedef struct {
  const char *name;
  tcb_rows_take take;
  tcb_bytes_hash hash;
} tcb_rows_build;

/* The build of that name ("avx2", "sse2", "portable"), or with NULL the best that this machine runs; NULL: it does not. */
const tcb_rows_build *tcb_rows_find(const char *name);

extern const tcb_rows_build tcb_rows_portable;
#if defined(__x86_64__)
extern const tcb_rows_build tcb_rows_sse2, tcb_rows_avx2;
#endif

#endif
