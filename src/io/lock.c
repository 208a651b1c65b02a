/* io/lock.c: flock(2) on a file of its own beside the thing it guards: SQLite's own locks on the thing itself stay untouched. */
#include "io/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct tcb_lock {
  tcb_ctx *ctx;
  int fd;
  char path[];
};

static int is_still(int fd, const char *path) {          /* the last holder may have removed the file between open and flock */
  struct stat mine, there;
  return fstat(fd, &mine) == 0 && stat(path, &there) == 0 && mine.st_ino == there.st_ino && mine.st_dev == there.st_dev;
}

static tcb_status read_holder(int fd, tcb_buf *holder, tcb_err *err) {
  char text[512];
  ssize_t n = pread(fd, text, sizeof text, 0);
  tcb_status status = n > 0 ? tcb_buf_add(holder, text, (size_t)n, err) : TCB_OK;
  return status == TCB_OK ? TCB_AGAIN : status;
}

static tcb_status take(const char *path, const char *text, size_t len, int *out, tcb_buf *holder, tcb_err *err) {
  for (int tries = 0; tries < 100; tries++) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return tcb_fail(err, TCB_E_STORE, "cannot open '%s': %s", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
      int os = errno;
      tcb_status status = os == EWOULDBLOCK ? read_holder(fd, holder, err) : tcb_fail(err, TCB_E_STORE, "cannot lock '%s': %s", path, strerror(os));
      close(fd);
      return status;
    }
    if (is_still(fd, path)) {
      if (ftruncate(fd, 0) != 0 || pwrite(fd, text, len, 0) != (ssize_t)len) {
        tcb_fail(err, TCB_E_STORE, "cannot write '%s': %s", path, errno == ENOSPC ? "the disk is full" : strerror(errno));
        unlink(path);
        close(fd);
        return TCB_E_STORE;
      }
      *out = fd;
      return TCB_OK;
    }
    close(fd);
  }
  return tcb_fail(err, TCB_E_STORE, "cannot lock '%s': it comes and goes", path);
}

tcb_status tcb_lock_take(tcb_lock **out, tcb_ctx *ctx, const char *path, const char *text, size_t len, tcb_buf *holder, tcb_err *err) {
  size_t path_len = strlen(path);
  tcb_lock *lock = tcb_malloc(ctx, sizeof *lock + path_len + 1);
  if (lock == NULL) return tcb_fail(err, TCB_E_MEMORY, "cannot lock '%s': not enough memory", path);
  lock->ctx = ctx;
  memcpy(lock->path, path, path_len + 1);
  tcb_status status = take(path, text, len, &lock->fd, holder, err);
  if (status == TCB_OK) *out = lock;
  else tcb_free(ctx, lock, sizeof *lock + path_len + 1);
  return status;
}

void tcb_lock_free(tcb_lock *lock) {
  if (lock == NULL) return;
  unlink(lock->path);
  close(lock->fd);
  tcb_free(lock->ctx, lock, sizeof *lock + strlen(lock->path) + 1);
}
