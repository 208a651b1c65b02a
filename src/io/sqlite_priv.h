/* io/sqlite_priv.h: shared by io/sqlite_conn.c and io/sqlite_query.c alone. */
#ifndef TCB_SQLITE_PRIV_H
#define TCB_SQLITE_PRIV_H

#include <sqlite3.h>

#include "io/sqlite_conn.h"

struct tcb_sqlite {
  tcb_ctx *ctx;
  sqlite3 *handle;                  /* NULL: closed */
  tcb_stmt *first;                  /* every open statement */
  int refs;                         /* the owner, and one a statement */
  int busy_ms;
  size_t bytes;                     /* of this block: path stands behind the struct */
  char path[];
};

struct tcb_stmt {
  tcb_sqlite *db;
  sqlite3_stmt *handle;             /* NULL: ended with its connection */
  tcb_stmt *next, *previous;
};

/* Fills `err` for result code `rc` of `db`: attempt, path, cause. */
tcb_status tcb_sqlite_fail(tcb_sqlite *db, int rc, const char *attempt, tcb_err *err);
/* Gives up one reference; the last one frees the block. */
void tcb_sqlite_unref(tcb_sqlite *db);

#endif
