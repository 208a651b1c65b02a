/* io/file.c: plain files and streams through libc. */
#include "io/file.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/text.h"

static const char *const names[] = { "error", "warn", "info", "debug", "trace" };

void tcb_file_log_sink(void *ud, tcb_log_level level, const char *line, size_t len) {
  char out[4096];
  (void)ud;
  int n = snprintf(out, sizeof out, "tcb: %s: %.*s\n", names[level], (int)(len > 4000 ? 4000 : len), line);
  ssize_t written = write(STDERR_FILENO, out, (size_t)n);
  (void)written;                    /* a closed stderr leaves nobody to tell */
}

void tcb_file_log_sink_json(void *ud, tcb_log_level level, const char *line, size_t len) {
  const tcb_ctx *ctx = ud;
  char out[8192];
  size_t n = (size_t)snprintf(out, sizeof out, "{\"t\":%lld,\"level\":\"%s\",\"message\":\"", (long long)tcb_clock_now_ms(&ctx->clock),
                              names[level]);
  for (size_t i = 0; i < len && n < sizeof out - 16;) {
    unsigned char c = (unsigned char)line[i];
    uint32_t code_point;
    size_t width = tcb_utf8_get(line + i, len - i, &code_point);
    if (c == '"' || c == '\\') out[n++] = '\\', out[n++] = (char)c;
    else if (c < 0x20) n += (size_t)snprintf(out + n, sizeof out - n, "\\u%04x", c);
    else if (width == 0) out[n++] = '?';
    else memcpy(out + n, line + i, width), n += width;
    i += width ? width : 1;
  }
  out[n++] = '"', out[n++] = '}', out[n++] = '\n';
  ssize_t written = write(STDERR_FILENO, out, n);
  (void)written;
}
