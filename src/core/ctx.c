/* core/ctx.c: the shared context and its allocator. */
#include "core/ctx.h"

#include <stdlib.h>
#include <string.h>

static void *system_alloc(void *ud, void *block, size_t old_bytes, size_t new_bytes) {
  (void)ud;
  (void)old_bytes;
  if (new_bytes == 0) {
    free(block);
    return NULL;
  }
  return realloc(block, new_bytes);
}

void tcb_ctx_init(tcb_ctx *ctx) {
  memset(ctx, 0, sizeof *ctx);
  ctx->alloc = system_alloc;
  ctx->log_level = TCB_LOG_WARN;
  tcb_clock_init(&ctx->clock);
}

void tcb_ctx_clear(tcb_ctx *ctx) {
  for (unsigned i = 0; i < TCB_SECRETS_MAX; i++) {
    if (ctx->secrets.text[i] == NULL) continue;
    memset(ctx->secrets.text[i], 0, ctx->secrets.len[i]);
    tcb_free(ctx, ctx->secrets.text[i], ctx->secrets.len[i] + 1);
    ctx->secrets.text[i] = NULL;
  }
  ctx->secrets.used = 0;
}

void *tcb_malloc(tcb_ctx *ctx, size_t bytes) {
  return ctx->alloc(ctx->alloc_ud, NULL, 0, bytes ? bytes : 1);
}

void *tcb_calloc(tcb_ctx *ctx, size_t bytes) {
  void *block = tcb_malloc(ctx, bytes);
  return block ? memset(block, 0, bytes) : NULL;
}

void *tcb_realloc(tcb_ctx *ctx, void *block, size_t old_bytes, size_t new_bytes) {
  return ctx->alloc(ctx->alloc_ud, block, old_bytes, new_bytes ? new_bytes : 1);
}

void tcb_free(tcb_ctx *ctx, void *block, size_t bytes) {
  if (block) ctx->alloc(ctx->alloc_ud, block, bytes, 0);
}
