/* io/copy.c: a reflink where the file system has them, else copy_file_range(2), which every kernel since 5.19 does between any two. */
#define _GNU_SOURCE                 /* copy_file_range */
#include "io/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/fs.h>
#endif

static int copy_bytes(int in, int out) {
  char piece[65536];
#ifdef FICLONE
  if (ioctl(out, FICLONE, in) == 0) return 0;
#endif
  for (;;) {
    ssize_t n = copy_file_range(in, NULL, out, NULL, 1 << 30, 0);
    if (n == 0) return 0;
    if (n < 0 && errno != EINTR) break;
  }
  if (lseek(in, 0, SEEK_SET) < 0 || lseek(out, 0, SEEK_SET) < 0) return -1;      /* not here: by hand */
  for (;;) {
    ssize_t n = read(in, piece, sizeof piece), done = 0;
    if (n == 0) return 0;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -1;
    while (done < n) {
      ssize_t w = write(out, piece + done, (size_t)(n - done));
      if (w < 0 && errno != EINTR) return -1;
      if (w > 0) done += w;
    }
  }
}

tcb_status tcb_file_copy(const char *from, const char *to, tcb_err *err) {
  int in = open(from, O_RDONLY | O_CLOEXEC);
  if (in < 0) return tcb_fail(err, TCB_E_INPUT, "cannot open '%s': %s", from, strerror(errno));
  unlink(to);
  int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  int failed = out < 0 || copy_bytes(in, out) != 0 || fdatasync(out) != 0 ? errno : 0;
  if (out >= 0 && close(out) != 0 && !failed) failed = errno;
  close(in);
  if (!failed) return TCB_OK;
  if (out >= 0) unlink(to);
  return tcb_fail(err, TCB_E_STORE, "cannot copy '%s' to '%s': %s", from, to, failed == ENOSPC ? "the disk is full" : strerror(failed));
}
