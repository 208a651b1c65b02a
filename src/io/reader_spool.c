/* io/reader_spool.c: a pipe that can be read again. */
#include "io/reader_spool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
  tcb_reader face;
  tcb_ctx *ctx;
  tcb_reader *inner;
  int fd;
  int64_t at, end;                  /* the next byte to give, and the file's length */
  int64_t compared;                 /* bytes of inner that were found in the file; once they reach `known`, inner's next ones are new */
  int64_t known;                    /* the file's length when it was opened */
  int64_t synced;
  int is_over;                      /* inner has ended */
  char path[PATH_MAX];
} spool_reader;

static tcb_status failed(const spool_reader *s, const char *what, tcb_err *err) {
  return tcb_fail(err, TCB_E_STORE, "cannot %s the kept input '%.100s': %s", what, s->path, strerror(errno));
}

static tcb_status read_at(spool_reader *s, int64_t offset, char *to, size_t len, tcb_err *err) {
  for (size_t done = 0; done < len;) {
    ssize_t n = pread(s->fd, to + done, len - done, offset + (int64_t)done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return failed(s, "read", err);
    done += (size_t)n;
  }
  return TCB_OK;
}

static tcb_status append(spool_reader *s, const char *bytes, size_t len, tcb_err *err) {
  for (size_t done = 0; done < len;) {
    ssize_t n = pwrite(s->fd, bytes + done, len - done, s->end + (int64_t)done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed(s, "write", err);
    done += (size_t)n;
  }
  s->end += (int64_t)len;
  return TCB_OK;
}

/* What inner gives once more: the same as the file holds, or nothing at all. */
static tcb_status compare(spool_reader *s, tcb_err *err) {
  char again[16384], kept[16384];
  while (s->compared < s->known && !s->is_over) {
    size_t want = s->known - s->compared < (int64_t)sizeof again ? (size_t)(s->known - s->compared) : sizeof again, got = 0;
    tcb_status status = s->inner->read(s->inner, again, want, &got, err);
    if (status == TCB_NOT_FOUND && s->compared == 0) {
      s->is_over = 1;
      return TCB_OK;
    }
    if (status == TCB_NOT_FOUND)
      return tcb_fail(err, TCB_E_INPUT, "the input ends %lld bytes before the place where it was left; give the same input again, or none",
                      (long long)(s->known - s->compared));
    if (status == TCB_OK) status = read_at(s, s->compared, kept, got, err);
    if (status != TCB_OK) return status;
    if (memcmp(again, kept, got) != 0)
      return tcb_fail(err, TCB_E_INPUT, "the input is not the one that was begun with (it differs after byte %lld)", (long long)s->compared);
    s->compared += (int64_t)got;
  }
  return TCB_OK;
}

static tcb_status spool_read(tcb_reader *r, char *to, size_t cap, size_t *got, tcb_err *err) {
  spool_reader *s = (spool_reader *)r;
  tcb_status status = TCB_OK;
  if (s->at < s->end) {
    *got = s->end - s->at < (int64_t)cap ? (size_t)(s->end - s->at) : cap;
    status = read_at(s, s->at, to, *got, err);
  } else {
    if ((status = compare(s, err)) != TCB_OK) return status;
    if (s->is_over) return TCB_NOT_FOUND;
    status = s->inner->read(s->inner, to, cap, got, err);
    if (status == TCB_NOT_FOUND) s->is_over = 1;
    if (status == TCB_OK) status = append(s, to, *got, err);
  }
  if (status == TCB_OK) s->at += (int64_t)*got;
  return status;
}

static tcb_status spool_seek(tcb_reader *r, int64_t offset, tcb_err *err) {
  spool_reader *s = (spool_reader *)r;
  if (offset < 0 || offset > s->end) return tcb_fail(err, TCB_E_INPUT, "the kept input '%.100s' ends before byte %lld", s->path, (long long)offset);
  s->at = offset;
  return TCB_OK;
}

static void spool_free(tcb_reader *r) {
  spool_reader *s = (spool_reader *)r;
  tcb_reader_free(s->inner);
  if (s->fd >= 0) close(s->fd);
  tcb_free(s->ctx, s, sizeof *s);
}

/* The name of a new file is durable only when its folder is. */
static int sync_folder(const char *path) {
  char folder[PATH_MAX];
  const char *slash = strrchr(path, '/');
  if (slash && (size_t)(slash - path) >= sizeof folder) return -1;
  snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return -1;
  int result = fsync(fd);
  close(fd);
  return result;
}

static tcb_status spool_sync(tcb_reader *r, tcb_err *err) {
  spool_reader *s = (spool_reader *)r;
  if (s->synced == s->end) return TCB_OK;
  if (fdatasync(s->fd) != 0 || (s->synced == 0 && sync_folder(s->path) != 0)) return failed(s, "write", err);
  s->synced = s->end;
  return TCB_OK;
}

static int spool_encoding(const tcb_reader *r) {
  const tcb_reader *inner = ((const spool_reader *)r)->inner;
  return inner->encoding ? inner->encoding(inner) : 0;
}

tcb_status tcb_reader_spool(tcb_reader **out, tcb_ctx *ctx, tcb_reader *inner, const char *path, tcb_err *err) {
  struct stat st;
  spool_reader *s = tcb_calloc(ctx, sizeof *s);
  if (s == NULL) {
    tcb_reader_free(inner);
    return tcb_fail(err, TCB_E_MEMORY, "not enough memory to keep the input");
  }
  s->face = (tcb_reader){ .read = spool_read, .seek = spool_seek, .free = spool_free, .sync = spool_sync, .encoding = spool_encoding,
                          .fd = inner->fd };
  s->ctx = ctx;
  s->inner = inner;
  snprintf(s->path, sizeof s->path, "%s", path);
  s->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (s->fd < 0 || fstat(s->fd, &st) != 0) {
    tcb_status status = failed(s, "open", err);
    spool_free(&s->face);
    return status;
  }
  s->end = s->known = s->synced = st.st_size;
  *out = &s->face;
  return TCB_OK;
}
