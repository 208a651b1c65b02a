/* core/shape.h: how a row of input becomes a record: which column each field comes from, and what fills it when it is missing. */
#ifndef TCB_SHAPE_H
#define TCB_SHAPE_H

#include "core/buf.h"
#include "core/csv.h"
#include "core/record.h"

#define TCB_PARTS_MAX 64

/* What the user asked for. Strings belong to the caller and are copied by tcb_plan_make. */
typedef struct {
  tcb_dialect dialect;
  int plus;                         /* numbers with + */
  int batch_max;                    /* 1..TCB_BATCH_MAX */
  tcb_check check;                  /* country, zone, label_optional; now_ms is set a batch */
  const char *map[TCB_FIELDS];      /* column of a field; NULL: the one with the field's name in either dialect */
  const char *fill[TCB_FIELDS];     /* text for a missing column or an empty cell; {column} inserts a cell; NULL: none */
} tcb_shape;

typedef struct {                    /* a piece of a fill: a literal, or a column */
  int column;                       /* -1: a literal */
  size_t at, len;                   /* of the literal, in the plan's text */
} tcb_part;

/* A shape with its columns found. */
typedef struct {
  tcb_dialect dialect;
  int plus, batch_max;
  tcb_check check;
  char country[4];
  struct { int column, first_part, parts; } field[TCB_FIELDS];      /* column -1: none; parts 0: no fill */
  tcb_part part[TCB_PARTS_MAX];
  int parts;
  tcb_buf text;                     /* literals */
  tcb_buf scratch;                  /* texts of the current row */
} tcb_plan;

/* Finds a column by name: its index, or -1. */
typedef int (*tcb_column_find)(void *ud, const char *name, size_t len);

/* TCB_E_INPUT with a sentence about what is missing or misnamed. Release with tcb_plan_clear, also after a failure. */
tcb_status tcb_plan_make(tcb_plan *plan, tcb_ctx *ctx, const tcb_shape *shape, tcb_column_find find, void *ud, tcb_err *err);
void tcb_plan_clear(tcb_plan *plan);
/* Cells of a row -> fields. The texts point into the row or into the plan, valid until the next call. */
tcb_status tcb_plan_fields(tcb_plan *plan, const tcb_csv_cell *cells, size_t count, tcb_cell fields[TCB_FIELDS], tcb_err *err);

/* How column names compare: blanks around them, case, and the difference of space, hyphen and _ do not count. */
int tcb_column_same(const char *a, size_t a_len, const char *b, size_t b_len);

#endif
