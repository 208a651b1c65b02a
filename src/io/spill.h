/* io/spill.h: a temporary file without a name, for what does not fit in memory. It vanishes with the process, however that ends. */
#ifndef TCB_IO_SPILL_H
#define TCB_IO_SPILL_H

#include "core/sort.h"

typedef struct {
  int fd;                           /* -1: nothing was written yet */
  int64_t end;
  char dir[256];
} tcb_spill_file;

/* Prepares a spill in `dir` (NULL: $TMPDIR, else /tmp); the file is made at the first write. */
void tcb_spill_init(tcb_spill_file *f, const char *dir);
/* The face that core/sort.h wants; `f` must outlive it. */
tcb_spill tcb_spill_of(tcb_spill_file *f);
/* Gives the disk space back. Harmless when repeated. */
void tcb_spill_close(tcb_spill_file *f);

#endif
