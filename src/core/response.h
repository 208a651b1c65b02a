/* core/response.h: what an answer means: good, or which error. Knows every shape of body the service documents. */
#ifndef TCB_RESPONSE_H
#define TCB_RESPONSE_H

#include "core/ctx.h"
#include "core/endpoints.h"

typedef struct {
  int status;
  const char *body;
  size_t body_len;
  const char *retry_after;          /* the header's value; NULL: none */
} tcb_response;

/* TCB_OK when the answer is what the API allows for a success of `call`: a 2xx with a complete JSON body of the expected
   shape. Otherwise the error, in `err` too, with the service's own words (redacted) as its message.
   A 2xx that cannot be read is TCB_E_PROTO: of a push or a real-time call this means that its fate is not known.
   The body of a status answer is only looked at from outside (it is large, and read in full by who uses it). */
tcb_status tcb_response_digest(tcb_ctx *ctx, tcb_call call, const tcb_response *response, tcb_err *err);
/* Retry-After as seconds or an HTTP date, in ms from now, within 0..1 h; -1 when absent or unreadable. */
int64_t tcb_retry_after_ms(const tcb_ctx *ctx, const char *value);

#endif
