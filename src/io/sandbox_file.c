/* io/sandbox_file.c: append and read back. */
#define _GNU_SOURCE                 /* O_TMPFILE, mkostemp */
#include "io/sandbox_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct tcb_sandbox_file {
  tcb_ctx *ctx;
  int fd, is_regular;               /* a ledger may be a pipe or a terminal: written in order, never read back */
  int64_t bytes;
  char name[160];                   /* for messages */
};

static int open_nameless(void) {
  const char *dir = getenv("TMPDIR");
  char path[PATH_MAX];
  if (dir == NULL || dir[0] != '/') dir = "/tmp";
  int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0) return fd;
  snprintf(path, sizeof path, "%s/tcb-sandbox-XXXXXX", dir);
  fd = mkostemp(path, O_CLOEXEC);
  if (fd >= 0) unlink(path);
  return fd;
}

tcb_status tcb_sandbox_file_open(tcb_sandbox_file **out, tcb_ctx *ctx, const char *path, tcb_err *err) {
  struct stat st;
  *out = NULL;
  tcb_sandbox_file *f = tcb_calloc(ctx, sizeof *f);
  if (f == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory to open a file");
  f->ctx = ctx;
  snprintf(f->name, sizeof f->name, "%s", path ? path : "temporary file");
  f->fd = path ? open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : open_nameless();
  if (f->fd < 0 && path && errno == ENXIO) f->fd = open(path, O_WRONLY | O_CLOEXEC);
  if (f->fd < 0) {
    tcb_fail(err, TCB_E_STORE, "cannot open '%s': %s", f->name, strerror(errno));
    tcb_free(ctx, f, sizeof *f);
    return TCB_E_STORE;
  }
  f->is_regular = fstat(f->fd, &st) == 0 && S_ISREG(st.st_mode);
  *out = f;
  return TCB_OK;
}

void tcb_sandbox_file_close(tcb_sandbox_file *f) {
  if (f == NULL) return;
  close(f->fd);
  tcb_free(f->ctx, f, sizeof *f);
}

int64_t tcb_sandbox_file_bytes(const tcb_sandbox_file *f) { return f->bytes; }

tcb_status tcb_sandbox_file_add(tcb_sandbox_file *f, const tcb_sandbox_part *parts, int count, tcb_err *err) {
  struct iovec v[TCB_SANDBOX_PARTS_MAX];
  int n = 0, first = 0;
  int64_t at = f->bytes;
  for (int i = 0; i < count && n < TCB_SANDBOX_PARTS_MAX; i++)
    if (parts[i].len) v[n++] = (struct iovec){ (void *)(uintptr_t)parts[i].data, parts[i].len };
  while (first < n) {
    ssize_t written = f->is_regular ? pwritev(f->fd, v + first, n - first, at) : writev(f->fd, v + first, n - first);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return tcb_fail(err, TCB_E_STORE, "cannot write '%s': %s", f->name, strerror(errno));
    at += written;
    while (first < n && (size_t)written >= v[first].iov_len) written -= (ssize_t)v[first++].iov_len;
    if (first < n) {
      v[first].iov_base = (char *)v[first].iov_base + written;
      v[first].iov_len -= (size_t)written;
    }
  }
  f->bytes = at;
  return TCB_OK;
}

tcb_status tcb_sandbox_file_read(const tcb_sandbox_file *f, int64_t at, size_t len, tcb_buf *out, tcb_err *err) {
  if (!f->is_regular) return tcb_fail(err, TCB_E_STORE, "'%s' cannot be read back", f->name);
  if (tcb_buf_reserve(out, len, err) != TCB_OK) return TCB_E_MEMORY;
  while (len > 0) {
    ssize_t n = pread(f->fd, out->data + out->len, len, at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return tcb_fail(err, TCB_E_STORE, "cannot read '%s': %s", f->name, strerror(errno));
    if (n == 0) return tcb_fail(err, TCB_E_STORE, "cannot read '%s': it is shorter than it was", f->name);
    out->len += (size_t)n;
    at += n;
    len -= (size_t)n;
  }
  return TCB_OK;
}
