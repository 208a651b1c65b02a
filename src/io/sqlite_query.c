/* io/sqlite_query.c: SQLite statements. */
#include "io/sqlite_priv.h"

#include <string.h>

/* Is there more than blanks behind the first statement? SQLite would compile the first and forget the rest. */
static int has_more(const char *rest, const char *end) {
  while (rest < end && strchr(" \t\r\n;", *rest)) rest++;
  return rest < end;
}

tcb_status tcb_stmt_prepare(tcb_stmt **out, tcb_sqlite *db, const char *sql, size_t len, tcb_err *err) {
  const char *rest = NULL;
  tcb_stmt *s = tcb_calloc(db->ctx, sizeof *s);
  if (s == NULL) return tcb_fail(err, TCB_E_MEMORY, "cannot use '%s': not enough memory", db->path);
  int rc = sqlite3_prepare_v3(db->handle, sql, (int)len, SQLITE_PREPARE_PERSISTENT, &s->handle, &rest);
  if (rc != SQLITE_OK || s->handle == NULL || has_more(rest, sql + len)) {
    tcb_status status = rc != SQLITE_OK ? tcb_sqlite_fail(db, rc, "use", err)
                      : tcb_fail(err, TCB_E_STORE, "cannot use '%s': exactly one statement is expected", db->path);
    sqlite3_finalize(s->handle);
    tcb_free(db->ctx, s, sizeof *s);
    return status;
  }
  s->db = db;
  s->next = db->first;
  if (s->next) s->next->previous = s;
  db->first = s;
  db->refs++;
  *out = s;
  return TCB_OK;
}

void tcb_stmt_free(tcb_stmt *s) {
  if (s == NULL) return;
  tcb_sqlite *db = s->db;
  if (s->handle) {                  /* else its connection has ended it and taken it off the list */
    sqlite3_finalize(s->handle);
    if (s->next) s->next->previous = s->previous;
    if (s->previous) s->previous->next = s->next;
    else db->first = s->next;
  }
  tcb_free(db->ctx, s, sizeof *s);
  tcb_sqlite_unref(db);
}

int tcb_stmt_is_open(const tcb_stmt *s) { return s->handle != NULL; }
const char *tcb_stmt_sql(const tcb_stmt *s) { return sqlite3_sql(s->handle); }
int tcb_stmt_parameters(const tcb_stmt *s) { return sqlite3_bind_parameter_count(s->handle); }
int64_t tcb_stmt_changes(const tcb_stmt *s) { return sqlite3_stmt_readonly(s->handle) ? 0 : sqlite3_changes64(s->db->handle); }

void tcb_stmt_reset(tcb_stmt *s) {
  sqlite3_reset(s->handle);
  sqlite3_clear_bindings(s->handle);
}

static tcb_status bound(tcb_stmt *s, int rc, tcb_err *err) {
  return rc == SQLITE_OK ? TCB_OK : tcb_sqlite_fail(s->db, rc, "use", err);
}

tcb_status tcb_stmt_bind_null(tcb_stmt *s, int at, tcb_err *err) { return bound(s, sqlite3_bind_null(s->handle, at), err); }

tcb_status tcb_stmt_bind_int(tcb_stmt *s, int at, int64_t n, tcb_err *err) {
  return bound(s, sqlite3_bind_int64(s->handle, at, n), err);
}

tcb_status tcb_stmt_bind_double(tcb_stmt *s, int at, double n, tcb_err *err) {
  return bound(s, sqlite3_bind_double(s->handle, at, n), err);
}

tcb_status tcb_stmt_bind_text(tcb_stmt *s, int at, const char *bytes, size_t len, int keep, tcb_err *err) {
  return bound(s, sqlite3_bind_text64(s->handle, at, bytes, len, keep ? SQLITE_STATIC : SQLITE_TRANSIENT, SQLITE_UTF8), err);
}

tcb_status tcb_stmt_bind_blob(tcb_stmt *s, int at, const char *bytes, size_t len, int keep, tcb_err *err) {
  return bound(s, sqlite3_bind_blob64(s->handle, at, bytes, len, keep ? SQLITE_STATIC : SQLITE_TRANSIENT), err);
}

tcb_status tcb_stmt_step(tcb_stmt *s, tcb_err *err) {
  int rc = sqlite3_step(s->handle);
  if (rc == SQLITE_ROW) return TCB_OK;
  if (rc == SQLITE_DONE) return TCB_NOT_FOUND;
  return tcb_sqlite_fail(s->db, rc, sqlite3_stmt_readonly(s->handle) ? "read" : "write", err);
}

int tcb_stmt_columns(const tcb_stmt *s) { return sqlite3_data_count(s->handle); }

tcb_column_type tcb_stmt_type(const tcb_stmt *s, int at) {
  switch (sqlite3_column_type(s->handle, at)) {
    case SQLITE_NULL: return TCB_COLUMN_NULL;
    case SQLITE_INTEGER: return TCB_COLUMN_INT;
    case SQLITE_FLOAT: return TCB_COLUMN_DOUBLE;
    default: return TCB_COLUMN_BYTES;
  }
}

int64_t tcb_stmt_int(const tcb_stmt *s, int at) { return sqlite3_column_int64(s->handle, at); }
double tcb_stmt_double(const tcb_stmt *s, int at) { return sqlite3_column_double(s->handle, at); }

const char *tcb_stmt_bytes(const tcb_stmt *s, int at, size_t *len) {
  const char *bytes = sqlite3_column_type(s->handle, at) == SQLITE_TEXT ? (const char *)sqlite3_column_text(s->handle, at)
                                                                        : sqlite3_column_blob(s->handle, at);
  *len = (size_t)sqlite3_column_bytes(s->handle, at);
  return bytes ? bytes : "";
}
