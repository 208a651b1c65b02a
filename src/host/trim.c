/* host/trim.c: gives memory back that only the start needed. A program that links libcurl brings forty libraries with it, whose
   initialisers and relocations touch some megabytes of code and constants once and never again. Clean pages of files can be let go
   at any time: the kernel reads them again when they are needed. */
#include "host/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* `line` begins a mapping: its range, when it is of a file and cannot be written. Code that runs now is let go too: it comes back. */
static int is_candidate(const char *line, unsigned long *from, unsigned long *to) {
  char permissions[8], path[8];
  return sscanf(line, "%lx-%lx %7s %*s %*s %*s %7s", from, to, permissions, path) == 4 && permissions[0] == 'r' && permissions[1] == '-' &&
         permissions[3] == 'p' && path[0] == '/';
}

int host_trim(lua_State *L) {                            /* () -> kB given back */
  long given = 0;
#ifdef __linux__
  FILE *maps = fopen("/proc/self/smaps", "r");
  char line[512];
  unsigned long from = 0, to = 0;
  long resident = 0;
  int wanted = 0;
  while (maps && fgets(line, sizeof line, maps)) {
    if (line[0] < 'A' || line[0] > 'Z') wanted = is_candidate(line, &from, &to);       /* a mapping's own line begins with its address */
    else if (!wanted) continue;
    else if (strncmp(line, "Rss:", 4) == 0) resident = strtol(line + 4, NULL, 10);
    /* Relocated constants are read-only too, and ours alone: they would be lost. */
    else if (strncmp(line, "Anonymous:", 10) == 0) {
      if (strtol(line + 10, NULL, 10) == 0 && resident > 0 && madvise((void *)from, to - from, MADV_DONTNEED) == 0) given += resident;
      wanted = 0;
    }
  }
  if (maps) fclose(maps);
#endif
  lua_pushinteger(L, given);
  return 1;
}
