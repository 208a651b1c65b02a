/* io/private.c: reading and writing files that only the user may see. Checks are made on the open file, not on its name. */
#define _GNU_SOURCE                 /* mkostemp */
#include "io/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static tcb_status check(int fd, const char *path, size_t *size, tcb_err *err) {
  struct stat s;
  if (fstat(fd, &s) != 0) return tcb_fail(err, TCB_E_CONFIG, "cannot look at '%s': %s", path, strerror(errno));
  if (!S_ISREG(s.st_mode)) return tcb_fail(err, TCB_E_CONFIG, "'%s' is not a plain file", path);
  if (s.st_uid != geteuid() && s.st_uid != 0) return tcb_fail(err, TCB_E_CONFIG, "'%s' belongs to another user", path);
  if (s.st_mode & 077)
    return tcb_fail(err, TCB_E_CONFIG, "'%s' is open to others (mode %03o)", path, (unsigned)(s.st_mode & 0777));
  if (s.st_size > TCB_PRIVATE_MAX_BYTES)
    return tcb_fail(err, TCB_E_CONFIG, "'%s' is larger than %d bytes", path, TCB_PRIVATE_MAX_BYTES);
  *size = (size_t)s.st_size;
  return TCB_OK;
}

tcb_status tcb_private_read(const char *path, tcb_buf *out, tcb_err *err) {
  size_t size = 0;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) return TCB_NOT_FOUND;
  if (fd < 0) return tcb_fail(err, TCB_E_CONFIG, "cannot open '%s': %s", path, strerror(errno));
  tcb_status status = check(fd, path, &size, err);
  if (status == TCB_OK) status = tcb_buf_reserve(out, size + 1, err);
  while (status == TCB_OK) {
    ssize_t n = read(fd, out->data + out->len, out->cap - out->len);
    if (n > 0) out->len += (size_t)n;
    else if (n == 0) break;
    else if (errno != EINTR) status = tcb_fail(err, TCB_E_CONFIG, "cannot read '%s': %s", path, strerror(errno));
    if (status == TCB_OK && out->cap == out->len) break;      /* grew since it was looked at: what was there is enough */
  }
  close(fd);
  return status;
}

static tcb_status make_folders(char *path, const char *shown, tcb_err *err) {
  for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    int failed = mkdir(path, 0700) != 0 && errno != EEXIST;
    *slash = '/';
    if (failed) return tcb_fail(err, TCB_E_STORE, "cannot make the folder of '%s': %s", shown, strerror(errno));
  }
  return TCB_OK;
}

static tcb_status write_all(int fd, const char *shown, const char *bytes, size_t len, tcb_err *err) {
  while (len > 0) {
    ssize_t n = write(fd, bytes, len);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return tcb_fail(err, TCB_E_STORE, "cannot write '%s': %s", shown, strerror(errno));
    bytes += n;
    len -= (size_t)n;
  }
  return fsync(fd) == 0 ? TCB_OK : tcb_fail(err, TCB_E_STORE, "cannot write '%s': %s", shown, strerror(errno));
}

tcb_status tcb_private_write(tcb_ctx *ctx, const char *path, const char *bytes, size_t len, tcb_err *err) {
  tcb_buf name;
  tcb_buf_init(&name, ctx);
  tcb_status status = tcb_buf_addf(&name, err, "%s.XXXXXX", path);
  if (status == TCB_OK) status = tcb_buf_add(&name, "", 1, err);
  if (status == TCB_OK) status = make_folders(name.data, path, err);
  int fd = status == TCB_OK ? mkostemp(name.data, O_CLOEXEC) : -1;         /* mode 0600 */
  if (status == TCB_OK && fd < 0) status = tcb_fail(err, TCB_E_STORE, "cannot write '%s': %s", path, strerror(errno));
  if (fd >= 0) {
    status = write_all(fd, path, bytes, len, err);
    if (close(fd) != 0 && status == TCB_OK) status = tcb_fail(err, TCB_E_STORE, "cannot write '%s': %s", path, strerror(errno));
    if (status == TCB_OK && rename(name.data, path) != 0)
      status = tcb_fail(err, TCB_E_STORE, "cannot write '%s': %s", path, strerror(errno));
    if (status != TCB_OK) unlink(name.data);
  }
  tcb_buf_free(&name);
  return status;
}
