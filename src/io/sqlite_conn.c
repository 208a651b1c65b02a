/* io/sqlite_conn.c: opening, transactions and errors of SQLite. */
#include "io/sqlite_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a result code means for a user: the slug, and the cause in words. */
static const struct { int code; const char *slug, *cause; } causes[] = {
  { SQLITE_BUSY, "busy", "another process holds it" },
  { SQLITE_LOCKED, "busy", "another statement holds it" },
  { SQLITE_FULL, "full", "the disk is full" },
  { SQLITE_READONLY, "readonly", "it is not writable" },
  { SQLITE_PERM, "readonly", "permission denied" },
  { SQLITE_AUTH, "readonly", "permission denied" },
  { SQLITE_CORRUPT, "damaged", "the file is damaged" },
  { SQLITE_NOTADB, "damaged", "the file is not a database of this kind" },
};

static tcb_status fail_as(tcb_err *err, const char *slug, const char *attempt, const char *path, const char *cause) {
  tcb_fail(err, TCB_E_STORE, "cannot %s '%s': %s", attempt, path, cause);
  if (err) snprintf(err->slug, sizeof err->slug, "%s", slug);
  return TCB_E_STORE;
}

tcb_status tcb_sqlite_fail(tcb_sqlite *db, int rc, const char *attempt, tcb_err *err) {
  int primary = rc & 0xff, os = db->handle ? sqlite3_system_errno(db->handle) : 0;
  if (primary == SQLITE_NOMEM) return tcb_fail(err, TCB_E_MEMORY, "cannot %s '%s': not enough memory", attempt, db->path);
  if (primary == SQLITE_BUSY) {
    char cause[80];
    snprintf(cause, sizeof cause, "another process has held it for %.3g s", db->busy_ms / 1000.0);
    return fail_as(err, "busy", attempt, db->path, cause);
  }
  for (size_t i = 0; i < sizeof causes / sizeof *causes; i++)
    if (causes[i].code == primary) return fail_as(err, causes[i].slug, attempt, db->path, causes[i].cause);
  if (primary == SQLITE_CONSTRAINT) return fail_as(err, "constraint", attempt, db->path, sqlite3_errmsg(db->handle));
  if (primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN) {
    if (os == ENOSPC || os == EDQUOT) return fail_as(err, "full", attempt, db->path, "the disk is full");
    const char *slug = os == EACCES || os == EPERM || os == EROFS ? "readonly" : os == ENOENT ? "absent" : "io";
    return fail_as(err, slug, attempt, db->path, os ? strerror(os) : sqlite3_errstr(rc));
  }
  return fail_as(err, "sql", attempt, db->path, db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(rc));
}

static tcb_status fail_os(tcb_err *err, const char *attempt, const char *path, int os) {
  const char *slug = os == EACCES || os == EPERM || os == EROFS ? "readonly" : os == ENOSPC || os == EDQUOT ? "full"
                   : os == ENOENT ? "absent" : "io";
  return fail_as(err, slug, attempt, path, os == ENOSPC || os == EDQUOT ? "the disk is full" : strerror(os));
}

/* Makes each absent folder of `path`, readable by its owner alone: what lies there holds secrets. */
static tcb_status make_parents(char *path, tcb_err *err) {
  for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = 0;
    int failed = mkdir(path, 0700) != 0 && errno != EEXIST ? errno : 0;
    struct stat st;
    if (failed && stat(path, &st) == 0 && S_ISDIR(st.st_mode)) failed = 0;    /* there, in a folder that we may not write */
    tcb_status status = failed ? fail_os(err, "make the folder", path, failed) : TCB_OK;
    *slash = '/';
    if (status != TCB_OK) return status;
  }
  return TCB_OK;
}

/* SQLite would create with the umask alone; its WAL and journal copy the mode of the file made here. An existing file is not
   opened: closing it again would drop the POSIX locks of every other connection of this process. */
static tcb_status make_file(tcb_sqlite *db, const tcb_sqlite_options *o, tcb_err *err) {
  struct stat st;
  if (strcmp(db->path, ":memory:") == 0) return TCB_OK;
  if (o->create && o->parents) {
    tcb_status status = make_parents(db->path, err);
    if (status != TCB_OK) return status;
  }
  if (o->create) {
    int fd = open(db->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, o->mode);
    if (fd < 0 && errno != EEXIST) return fail_os(err, "open", db->path, errno);
    if (fd >= 0) close(fd);
  }
  if (stat(db->path, &st) != 0) return fail_os(err, "open", db->path, errno);
  return S_ISREG(st.st_mode) ? TCB_OK : fail_as(err, "io", "open", db->path, "it is not a regular file");
}

static tcb_status read_version(tcb_sqlite *db, int64_t *version, tcb_err *err) {
  tcb_stmt *s = NULL;
  tcb_status status = tcb_stmt_prepare(&s, db, "PRAGMA user_version", 19, err);
  if (status == TCB_OK) status = tcb_stmt_step(s, err);
  if (status == TCB_OK) *version = tcb_stmt_int(s, 0);
  tcb_stmt_free(s);
  return status;
}

/* Several processes that open a new file at once: switching to WAL does not wait for the busy timeout by itself. */
static tcb_status use_wal(tcb_sqlite *db, tcb_err *err) {
  int waited_ms = 0, rc;
  for (;;) {
    rc = sqlite3_exec(db->handle, "PRAGMA journal_mode=WAL", NULL, NULL, NULL);
    if ((rc & 0xff) != SQLITE_BUSY || waited_ms >= db->busy_ms) break;
    waited_ms += sqlite3_sleep(5);
  }
  return rc == SQLITE_OK ? TCB_OK : tcb_sqlite_fail(db, rc, "open", err);
}

static tcb_status configure(tcb_sqlite *db, const tcb_sqlite_options *o, tcb_err *err) {
  static const char *const sync[] = { "PRAGMA synchronous=OFF", "PRAGMA synchronous=NORMAL", "PRAGMA synchronous=FULL" };
  int64_t version = 0;
  sqlite3_extended_result_codes(db->handle, 1);
  sqlite3_busy_timeout(db->handle, o->busy_ms);
  if (!o->readonly && sqlite3_db_readonly(db->handle, "main") == 1)        /* SQLite falls back to reading by itself */
    return fail_as(err, "readonly", "write", db->path, "permission denied");
  tcb_status status = read_version(db, &version, err);    /* the first real read: a foreign file shows here */
  if (status != TCB_OK) return status;
  if (o->version >= 0 && version > o->version) {
    tcb_fail(err, TCB_E_STORE, "cannot use '%s': it was written by a newer tcb (version %lld of its form, this one knows %lld)",
             db->path, (long long)version, (long long)o->version);
    if (err) snprintf(err->slug, sizeof err->slug, "newer");
    return TCB_E_STORE;
  }
  if (o->page_bytes && !o->readonly) {                   /* counts for a file that is still empty */
    char sql[40];
    snprintf(sql, sizeof sql, "PRAGMA page_size=%d", o->page_bytes);
    status = tcb_sqlite_exec(db, sql, err);
    if (status != TCB_OK) return status;
  }
  status = o->wal && !o->readonly ? use_wal(db, err) : TCB_OK;
  return status == TCB_OK ? tcb_sqlite_exec(db, sync[o->sync], err) : status;
}

tcb_status tcb_sqlite_open(tcb_sqlite **out, tcb_ctx *ctx, const char *path, const tcb_sqlite_options *options, tcb_err *err) {
  size_t len = strlen(path) + 1, bytes = sizeof(tcb_sqlite) + len;
  tcb_sqlite *db = tcb_calloc(ctx, bytes);
  if (db == NULL) return tcb_fail(err, TCB_E_MEMORY, "cannot open '%s': not enough memory", path);
  db->ctx = ctx;
  db->refs = 1;
  db->bytes = bytes;
  db->busy_ms = options->busy_ms;
  memcpy(db->path, path, len);
  tcb_status status = make_file(db, options, err);
  if (status == TCB_OK) {
    int flags = SQLITE_OPEN_NOMUTEX | (options->readonly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
    int rc = sqlite3_open_v2(path, &db->handle, flags, NULL);
    status = rc == SQLITE_OK ? configure(db, options, err) : tcb_sqlite_fail(db, rc, "open", err);
  }
  if (status != TCB_OK) tcb_sqlite_release(db);
  else *out = db;
  return status;
}

void tcb_sqlite_close(tcb_sqlite *db) {
  while (db->first) {
    tcb_stmt *s = db->first;
    db->first = s->next;
    sqlite3_finalize(s->handle);
    s->handle = NULL;
    s->next = s->previous = NULL;
  }
  sqlite3_close_v2(db->handle);
  db->handle = NULL;
}

void tcb_sqlite_unref(tcb_sqlite *db) {
  if (--db->refs == 0) tcb_free(db->ctx, db, db->bytes);
}

void tcb_sqlite_release(tcb_sqlite *db) {
  if (db == NULL) return;
  tcb_sqlite_close(db);
  tcb_sqlite_unref(db);
}

int tcb_sqlite_is_open(const tcb_sqlite *db) { return db->handle != NULL; }
const char *tcb_sqlite_path(const tcb_sqlite *db) { return db->path; }
int tcb_sqlite_in_transaction(const tcb_sqlite *db) { return !sqlite3_get_autocommit(db->handle); }

int tcb_sqlite_has_moved(const tcb_sqlite *db) {
  int moved = 0;
  return sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved;
}

int64_t tcb_sqlite_last_id(const tcb_sqlite *db) { return sqlite3_last_insert_rowid(db->handle); }

static tcb_status run(tcb_sqlite *db, const char *sql, const char *attempt, tcb_err *err) {
  int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
  return rc == SQLITE_OK ? TCB_OK : tcb_sqlite_fail(db, rc, attempt, err);
}

tcb_status tcb_sqlite_exec(tcb_sqlite *db, const char *sql, tcb_err *err) { return run(db, sql, "use", err); }
tcb_status tcb_sqlite_begin(tcb_sqlite *db, tcb_err *err) { return run(db, "BEGIN IMMEDIATE", "write", err); }

tcb_status tcb_sqlite_commit(tcb_sqlite *db, tcb_err *err) {
  tcb_status status = run(db, "COMMIT", "write", err);
  if (status != TCB_OK) tcb_sqlite_rollback(db, NULL);
  return status;
}

tcb_status tcb_sqlite_rollback(tcb_sqlite *db, tcb_err *err) {
  return tcb_sqlite_in_transaction(db) ? run(db, "ROLLBACK", "write", err) : TCB_OK;
}
