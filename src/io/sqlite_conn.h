/* io/sqlite_conn.h: SQLite connections and statements, with errors that name the file and say what a user can do.
   One thread at a time. A statement keeps its connection's memory alive; closing the connection ends its statements. */
#ifndef TCB_SQLITE_CONN_H
#define TCB_SQLITE_CONN_H

#include "core/ctx.h"

typedef struct tcb_sqlite tcb_sqlite;
typedef struct tcb_stmt tcb_stmt;

typedef enum { TCB_SYNC_OFF, TCB_SYNC_NORMAL, TCB_SYNC_FULL } tcb_sqlite_sync;

typedef struct {
  int create;                       /* make the file when it is absent */
  int parents;                      /* make absent folders of the path, 0700 */
  int mode;                         /* permissions of a new file */
  tcb_sqlite_sync sync;
  int wal;
  int readonly;
  int busy_ms;                      /* how long another process may hold the file before that is an error */
  int page_bytes;                   /* of a new file; 0: SQLite's own default. A power of two, 512..65536 */
  int64_t version;                  /* newest PRAGMA user_version the caller understands; -1: any */
} tcb_sqlite_options;

/* On TCB_OK the caller owns *out and gives it back with tcb_sqlite_release. Errors are TCB_E_STORE, TCB_E_MEMORY or, for a
   path that cannot be used, TCB_E_STORE too; slug tells them apart: busy full readonly damaged newer absent io constraint sql. */
tcb_status tcb_sqlite_open(tcb_sqlite **out, tcb_ctx *ctx, const char *path, const tcb_sqlite_options *options, tcb_err *err);
/* Ends all statements and closes the file; the handle itself lives until its last statement and tcb_sqlite_release. */
void tcb_sqlite_close(tcb_sqlite *db);
/* Closes and gives up the caller's reference. Accepts NULL. */
void tcb_sqlite_release(tcb_sqlite *db);
int tcb_sqlite_is_open(const tcb_sqlite *db);
const char *tcb_sqlite_path(const tcb_sqlite *db);

/* Runs one or more statements without results. */
tcb_status tcb_sqlite_exec(tcb_sqlite *db, const char *sql, tcb_err *err);
tcb_status tcb_sqlite_begin(tcb_sqlite *db, tcb_err *err);         /* BEGIN IMMEDIATE */
/* On failure nothing was kept: the transaction is rolled back. */
tcb_status tcb_sqlite_commit(tcb_sqlite *db, tcb_err *err);
/* Harmless when no transaction is open. */
tcb_status tcb_sqlite_rollback(tcb_sqlite *db, tcb_err *err);
/* Does the path lead to another file by now, or to none? */
int tcb_sqlite_has_moved(const tcb_sqlite *db);
int tcb_sqlite_in_transaction(const tcb_sqlite *db);
int64_t tcb_sqlite_last_id(const tcb_sqlite *db);

/* One statement, compiled. On TCB_OK the caller owns *out. */
tcb_status tcb_stmt_prepare(tcb_stmt **out, tcb_sqlite *db, const char *sql, size_t len, tcb_err *err);
/* Ends the statement and frees it. Accepts NULL. */
void tcb_stmt_free(tcb_stmt *s);
int tcb_stmt_is_open(const tcb_stmt *s);                          /* 0 after its connection was closed */
const char *tcb_stmt_sql(const tcb_stmt *s);
int tcb_stmt_parameters(const tcb_stmt *s);
int64_t tcb_stmt_changes(const tcb_stmt *s);                      /* rows that the connection's last writing statement changed */
/* Ends the run at hand and forgets the values bound. */
void tcb_stmt_reset(tcb_stmt *s);
/* Parameters count from 1. `keep`: the bytes stay where they are until the reset; else they are copied. */
tcb_status tcb_stmt_bind_null(tcb_stmt *s, int at, tcb_err *err);
tcb_status tcb_stmt_bind_int(tcb_stmt *s, int at, int64_t n, tcb_err *err);
tcb_status tcb_stmt_bind_double(tcb_stmt *s, int at, double n, tcb_err *err);
tcb_status tcb_stmt_bind_text(tcb_stmt *s, int at, const char *bytes, size_t len, int keep, tcb_err *err);
tcb_status tcb_stmt_bind_blob(tcb_stmt *s, int at, const char *bytes, size_t len, int keep, tcb_err *err);
/* TCB_OK: a row is there; TCB_NOT_FOUND: finished. */
tcb_status tcb_stmt_step(tcb_stmt *s, tcb_err *err);
/* Columns of the row at hand count from 0; bytes live until the next step or reset. */
typedef enum { TCB_COLUMN_NULL, TCB_COLUMN_INT, TCB_COLUMN_DOUBLE, TCB_COLUMN_BYTES } tcb_column_type;
int tcb_stmt_columns(const tcb_stmt *s);
tcb_column_type tcb_stmt_type(const tcb_stmt *s, int at);
int64_t tcb_stmt_int(const tcb_stmt *s, int at);
double tcb_stmt_double(const tcb_stmt *s, int at);
const char *tcb_stmt_bytes(const tcb_stmt *s, int at, size_t *len);

#endif
