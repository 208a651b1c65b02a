/* io/file.h: plain files and streams through libc. */
#ifndef TCB_FILE_H
#define TCB_FILE_H

#include "core/ctx.h"

/* A tcb_log_sink: one `write` to stderr a line, so that lines of several processes do not mix. */
void tcb_file_log_sink(void *ud, tcb_log_level level, const char *line, size_t len);
/* The same as a JSON object a line: {"t": epoch ms, "level", "message"}. `ud` is the tcb_ctx, for its clock. */
void tcb_file_log_sink_json(void *ud, tcb_log_level level, const char *line, size_t len);

#endif
