/* core/ctx.h: what everything in one lua_State shares: allocator, clock, log, secrets. The core has no writable static. */
#ifndef TCB_CTX_H
#define TCB_CTX_H

#include <stddef.h>

#include "core/clock.h"
#include "core/err.h"

/* Like lua_Alloc: (ud, NULL, 0, n) allocates, (ud, p, old, n) resizes, n = 0 frees and returns NULL. NULL = no memory.
   The same type stands in tcb.h, which includes nothing of ours. */
typedef void *(*tcb_alloc)(void *ud, void *block, size_t old_bytes, size_t new_bytes);

typedef enum { TCB_LOG_ERROR, TCB_LOG_WARN, TCB_LOG_INFO, TCB_LOG_DEBUG, TCB_LOG_TRACE } tcb_log_level;
/* Receives one redacted line without its newline. */
typedef void (*tcb_log_sink)(void *ud, tcb_log_level level, const char *line, size_t len);

#define TCB_SECRETS_MAX 64
typedef struct {
  char *text[TCB_SECRETS_MAX];      /* newest at (used - 1) % TCB_SECRETS_MAX: the oldest are dropped first */
  size_t len[TCB_SECRETS_MAX];
  unsigned used;
} tcb_secrets;

typedef struct tcb_ctx {
  tcb_alloc alloc;
  void *alloc_ud;
  tcb_clock clock;
  tcb_log_level log_level;          /* lines above it are not made */
  tcb_log_sink log_sink;            /* NULL: nowhere */
  void *log_ud;
  tcb_secrets secrets;
} tcb_ctx;

/* malloc, the system's clock, log level warn and no sink. Release with tcb_ctx_clear, after everything that uses it. */
void tcb_ctx_init(tcb_ctx *ctx);
void tcb_ctx_clear(tcb_ctx *ctx);

/* Allocation; NULL when there is no memory. tcb_free accepts NULL. `bytes` is the size the block was made with. */
void *tcb_malloc(tcb_ctx *ctx, size_t bytes);
void *tcb_calloc(tcb_ctx *ctx, size_t bytes);
void *tcb_realloc(tcb_ctx *ctx, void *block, size_t old_bytes, size_t new_bytes);
void tcb_free(tcb_ctx *ctx, void *block, size_t bytes);

#endif
