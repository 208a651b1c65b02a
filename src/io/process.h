/* io/process.h: runs another program and tells how it ended. */
#ifndef TCB_PROCESS_H
#define TCB_PROCESS_H

#include <stdint.h>

#include "core/err.h"

/* Starts argv[0], found along PATH, with this process' environment and the `extra` "NAME=value" texts in front of it (both lists
   end with NULL). TCB_E_CONFIG: there is no such program, or it cannot be run. */
tcb_status tcb_process_start(const char *const *argv, const char *const *extra, int *pid, tcb_err *err);
/* Waits for its end: TCB_OK and its exit status (128 + signal when one ended it); TCB_AGAIN: a signal came first;
   TCB_NOT_FOUND: it is no child of ours. */
tcb_status tcb_process_wait(int pid, int *status);
void tcb_process_signal(int pid, int signal);

#endif
