/* io/poll.h: waiting for file descriptors. */
#ifndef TCB_POLL_H
#define TCB_POLL_H

#include <stdint.h>

#define TCB_POLL_MAX 64

/* Waits until one of `n` (at most TCB_POLL_MAX) descriptors is readable, `timeout_us` have passed (-1: no end) or a signal came.
   ready[i] is set to 1 or 0. Returns how many are ready; 0 for the rest; -1 when one is not open. */
int tcb_poll(const int *fds, int n, int64_t timeout_us, unsigned char *ready);

#endif
