/* io/process.c: posix_spawn and waitpid. */
#define _GNU_SOURCE                  /* environ */
#include "io/process.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static size_t count_of(const char *const *list) {
  size_t n = 0;
  while (list[n]) n++;
  return n;
}

/* Is `text` ("NAME=value") set anew by one of `extra`? */
static int is_replaced(const char *text, const char *const *extra) {
  for (; *extra; extra++) {
    size_t name = strcspn(*extra, "=") + 1;
    if (strncmp(text, *extra, name) == 0) return 1;
  }
  return 0;
}

tcb_status tcb_process_start(const char *const *argv, const char *const *extra, int *pid, tcb_err *err) {
  size_t n = 0;
  const char **env = calloc(count_of((const char *const *)environ) + count_of(extra) + 1, sizeof *env);
  if (env == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory to start '%s'", argv[0]);
  for (size_t i = 0; extra[i]; i++) env[n++] = extra[i];
  for (size_t i = 0; environ[i]; i++)
    if (!is_replaced(environ[i], extra)) env[n++] = environ[i];
  pid_t child;
  int why = posix_spawnp(&child, argv[0], NULL, NULL, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)env);
  free(env);
  if (why) return tcb_fail(err, TCB_E_CONFIG, "cannot run '%.100s': %s", argv[0], strerror(why));
  *pid = child;
  return TCB_OK;
}

tcb_status tcb_process_wait(int pid, int *status) {
  int how;
  if (waitpid(pid, &how, 0) < 0) return errno == EINTR ? TCB_AGAIN : TCB_NOT_FOUND;
  *status = WIFSIGNALED(how) ? 128 + WTERMSIG(how) : WEXITSTATUS(how);
  return TCB_OK;
}

void tcb_process_signal(int pid, int sig) {
  kill(pid, sig);
}
