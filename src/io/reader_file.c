/* io/reader_file.c: input bytes from a file descriptor. */
#define _GNU_SOURCE
#include "io/reader_file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
  tcb_reader face;
  tcb_ctx *ctx;
  int fd, is_owned;
  tcb_file_identity identity;
  char name[128];
} file_reader;

static tcb_status file_read(tcb_reader *r, char *to, size_t cap, size_t *got, tcb_err *err) {
  file_reader *f = (file_reader *)r;
  if (r->fd >= 0) {
    struct pollfd p = { .fd = f->fd, .events = POLLIN };
    int ready = poll(&p, 1, 0);
    if (ready == 0 || (ready < 0 && errno == EINTR)) return TCB_AGAIN;
  }
  ssize_t n;
  do n = read(f->fd, to, cap); while (n < 0 && errno == EINTR && r->fd < 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return TCB_AGAIN;
  if (n < 0) return tcb_fail(err, TCB_E_INPUT, "cannot read '%s': %s", f->name, strerror(errno));
  *got = (size_t)n;
  return n == 0 ? TCB_NOT_FOUND : TCB_OK;
}

static tcb_status file_seek(tcb_reader *r, int64_t offset, tcb_err *err) {
  file_reader *f = (file_reader *)r;
  if (f->identity.size < 0) return tcb_fail(err, TCB_E_INPUT, "'%s' is a pipe and cannot be read again", f->name);
  if (lseek(f->fd, offset, SEEK_SET) < 0) return tcb_fail(err, TCB_E_INPUT, "cannot go to byte %lld of '%s': %s", (long long)offset, f->name,
                                                          strerror(errno));
  return TCB_OK;
}

static void file_free(tcb_reader *r) {
  file_reader *f = (file_reader *)r;
  if (f->is_owned) close(f->fd);
  tcb_free(f->ctx, f, sizeof *f);
}

/* Standard input counts as a pipe even where it is a file: nobody can open it again. */
static tcb_file_identity identity_of(const struct stat *st, int is_stdin) {
  return (tcb_file_identity){ S_ISREG(st->st_mode) && !is_stdin ? (int64_t)st->st_size : -1,
                              (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec, (int64_t)st->st_dev, (int64_t)st->st_ino };
}

tcb_status tcb_file_identity_of(const char *path, tcb_file_identity *identity, tcb_err *err) {
  struct stat st;
  int is_stdin = strcmp(path, "-") == 0, result = is_stdin ? fstat(STDIN_FILENO, &st) : stat(path, &st);
  if (result != 0) return tcb_fail(err, TCB_E_INPUT, "cannot open '%.100s': %s", path, strerror(errno));
  *identity = identity_of(&st, is_stdin);
  return TCB_OK;
}

tcb_status tcb_reader_file(tcb_reader **out, tcb_ctx *ctx, const char *path, tcb_err *err) {
  int is_stdin = strcmp(path, "-") == 0;
  int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
  struct stat st;
  if (fd < 0 || fstat(fd, &st) != 0) {
    int why = errno;
    if (fd >= 0 && !is_stdin) close(fd);
    return tcb_fail(err, TCB_E_INPUT, "cannot open '%.100s': %s", path, strerror(why));
  }
  if (S_ISDIR(st.st_mode)) {
    if (!is_stdin) close(fd);
    return tcb_fail(err, TCB_E_INPUT, "cannot read '%.100s': it is a directory", path);
  }
  file_reader *f = tcb_calloc(ctx, sizeof *f);
  if (f == NULL) {
    if (!is_stdin) close(fd);
    return tcb_fail(err, TCB_E_MEMORY, "not enough memory to read '%.100s'", path);
  }
  int is_file = S_ISREG(st.st_mode);
  f->face = (tcb_reader){ .read = file_read, .seek = file_seek, .free = file_free, .fd = is_file ? -1 : fd };
  f->ctx = ctx;
  f->fd = fd;
  f->is_owned = !is_stdin;
  f->identity = identity_of(&st, is_stdin);
  strncpy(f->name, is_stdin ? "standard input" : path, sizeof f->name - 1);
  if (is_file) posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  *out = &f->face;
  return TCB_OK;
}

void tcb_reader_file_identity(const tcb_reader *r, tcb_file_identity *identity) {
  *identity = ((const file_reader *)r)->identity;
}
