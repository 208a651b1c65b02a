/* io/host.c: facts about the machine. */
#include "io/host.h"

#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

static int hex_digit(char c) {
  const char *digits = "0123456789abcdef", *at = memchr(digits, c, 16);
  return at ? (int)(at - digits) : -1;
}

void tcb_host_boot(char out[16]) {
  char text[40];
  memset(out, 0, 16);
  int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  ssize_t len = read(fd, text, sizeof text);
  close(fd);
  int digits = 0;
  for (ssize_t i = 0; i < len && digits < 32; i++) {
    int d = hex_digit(text[i]);
    if (d < 0) continue;
    out[digits / 2] = (char)((unsigned char)out[digits / 2] << 4 | d);
    digits++;
  }
}

int tcb_host_random(void *out, unsigned len) {
  return getrandom(out, len, 0) == (ssize_t)len;
}
