/* io/reader_file.h: a tcb_reader of a file, a pipe or standard input. */
#ifndef TCB_IO_READER_FILE_H
#define TCB_IO_READER_FILE_H

#include "core/reader.h"

typedef struct {
  int64_t size;                     /* -1: a pipe */
  int64_t changed_ns;               /* modification time */
  int64_t device, inode;
} tcb_file_identity;

/* What `path` is now, without opening it: a named pipe is left alone. */
tcb_status tcb_file_identity_of(const char *path, tcb_file_identity *identity, tcb_err *err);
/* Opens `path`; "-" is standard input. Pipes answer TCB_AGAIN where a read would block; files never do. */
tcb_status tcb_reader_file(tcb_reader **out, tcb_ctx *ctx, const char *path, tcb_err *err);
/* What the file was when it was opened. `r` must come from tcb_reader_file. */
void tcb_reader_file_identity(const tcb_reader *r, tcb_file_identity *identity);

#endif
