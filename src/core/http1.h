/* core/http1.h: reads one HTTP/1.1 response out of bytes as they come; for runtimes whose sockets are not libcurl's (nginx).
   Sans-I/O. RFC 9112, strict: whatever it does not allow is an error, never a guess. */
#ifndef TCB_HTTP1_H
#define TCB_HTTP1_H

#include "core/buf.h"

#define TCB_HTTP1_HEAD_MAX 65536    /* bytes of one head */
#define TCB_HTTP1_HEADERS_MAX 100   /* lines of one head */

typedef struct tcb_http1 tcb_http1;

/* `body_max`: bytes of the body after which the response is refused. On TCB_OK the caller owns *out. */
tcb_status tcb_http1_open(tcb_http1 **out, tcb_ctx *ctx, size_t body_max, tcb_err *err);
void tcb_http1_free(tcb_http1 *h);
/* Begins anew, for another response: what was read is dropped, the memory of small ones is kept. */
void tcb_http1_reset(tcb_http1 *h, size_t body_max);
/* Takes bytes off the wire. TCB_OK: the response is whole; TCB_AGAIN: more is needed; TCB_E_PROTO: it is not HTTP, or over a bound. */
tcb_status tcb_http1_feed(tcb_http1 *h, const char *bytes, size_t len, tcb_err *err);
/* The peer closed. TCB_OK when that ends the response; else TCB_E_PROTO: a head or a body was cut. */
tcb_status tcb_http1_end(tcb_http1 *h, tcb_err *err);
/* Valid once the response is whole. */
int tcb_http1_status(const tcb_http1 *h);
/* Whether the connection may carry another request: nothing came behind the response, and neither side said close. */
int tcb_http1_keeps(const tcb_http1 *h);
/* Whether any byte came at all. */
int tcb_http1_started(const tcb_http1 *h);
const tcb_buf *tcb_http1_body(const tcb_http1 *h);
/* Header `i`: 1 and its parts (the name in lower case), 0 behind the last. */
int tcb_http1_header(const tcb_http1 *h, size_t i, const char **name, size_t *name_len, const char **value, size_t *value_len);

#endif
