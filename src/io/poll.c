/* io/poll.c: waiting for file descriptors. */
#define _GNU_SOURCE                 /* ppoll: timeouts below a millisecond */
#include "io/poll.h"

#include <poll.h>
#include <time.h>

int tcb_poll(const int *fds, int n, int64_t timeout_us, unsigned char *ready) {
  struct pollfd list[TCB_POLL_MAX];
  struct timespec left = { .tv_sec = (time_t)(timeout_us / 1000000), .tv_nsec = (long)(timeout_us % 1000000) * 1000 };
  for (int i = 0; i < n; i++) list[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
  int found = ppoll(list, (nfds_t)n, timeout_us < 0 ? NULL : &left, NULL);
  int bad = 0;
  for (int i = 0; i < n; i++) {
    ready[i] = found > 0 && list[i].revents != 0;
    bad |= found > 0 && (list[i].revents & POLLNVAL);
  }
  return bad ? -1 : found > 0 ? found : 0;
}
