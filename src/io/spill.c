/* io/spill.c: a temporary file without a name. */
#define _GNU_SOURCE                 /* O_TMPFILE */
#include "io/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void tcb_spill_init(tcb_spill_file *f, const char *dir) {
  const char *tmp = getenv("TMPDIR");
  f->fd = -1;
  f->end = 0;
  snprintf(f->dir, sizeof f->dir, "%s", dir ? dir : tmp && *tmp ? tmp : "/tmp");
}

void tcb_spill_close(tcb_spill_file *f) {
  if (f->fd >= 0) close(f->fd);
  f->fd = -1;
  f->end = 0;
}

static tcb_status make(tcb_spill_file *f, tcb_err *err) {
  f->fd = open(f->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (f->fd < 0) {                  /* some file systems know no O_TMPFILE */
    char path[sizeof f->dir + 16];
    snprintf(path, sizeof path, "%s/tcb-XXXXXX", f->dir);
    f->fd = mkostemp(path, O_CLOEXEC);
    if (f->fd >= 0) unlink(path);
  }
  if (f->fd < 0) return tcb_fail(err, TCB_E_STORE, "cannot make a temporary file in '%s': %s", f->dir, strerror(errno));
  return TCB_OK;
}

static tcb_status spill_append(void *ud, const void *bytes, size_t len, tcb_err *err) {
  tcb_spill_file *f = ud;
  tcb_status status = f->fd < 0 ? make(f, err) : TCB_OK;
  const char *from = bytes;
  while (status == TCB_OK && len > 0) {
    ssize_t n = pwrite(f->fd, from, len, f->end);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return tcb_fail(err, TCB_E_STORE, "cannot write a temporary file in '%s': %s", f->dir, strerror(n ? errno : ENOSPC));
    from += n;
    len -= (size_t)n;
    f->end += n;
  }
  return status;
}

static tcb_status spill_read_at(void *ud, int64_t offset, void *bytes, size_t len, tcb_err *err) {
  tcb_spill_file *f = ud;
  char *to = bytes;
  while (len > 0) {
    ssize_t n = pread(f->fd, to, len, offset);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return tcb_fail(err, TCB_E_STORE, "cannot read a temporary file in '%s': %s", f->dir, n ? strerror(errno) : "it ends early");
    to += n;
    len -= (size_t)n;
    offset += n;
  }
  return TCB_OK;
}

tcb_spill tcb_spill_of(tcb_spill_file *f) {
  return (tcb_spill){ f, spill_append, spill_read_at };
}
