/* core/redact.h: the one place that keeps secrets and phone numbers out of text, and the one writer of the log. */
#ifndef TCB_REDACT_H
#define TCB_REDACT_H

#include "core/buf.h"
#include "core/ctx.h"

/* Registers a secret (an API key, a token, a webhook key): tcb_redact replaces it from now on. Copies; under 6 bytes is ignored. */
tcb_status tcb_secret_add(tcb_ctx *ctx, const char *text, size_t len, tcb_err *err);
/* Appends `text` to `out` with registered secrets as `[secret]` and phone numbers masked: any run of 8 to 15 digits
   (a 13-digit run that starts with 1 is an instant in ms, and stays; digits inside a word, as in a UUID, stay), or a number in parts
   behind a plus, `+91 98765 43210`. */
tcb_status tcb_redact(tcb_ctx *ctx, const char *text, size_t len, tcb_buf *out, tcb_err *err);
/* "91******7890": the first two and the last four digits. Writes at most 16 bytes with the final NUL. */
void tcb_mask(const char *digits, size_t len, char out[16]);
/* Redacts and hands one line to the context's sink. Never fails: without memory the line is dropped. */
void tcb_log(tcb_ctx *ctx, tcb_log_level level, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
