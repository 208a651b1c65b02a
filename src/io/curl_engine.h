/* io/curl_engine.h: HTTP through one libcurl multi handle. Never blocks but in tcb_engine_step, never sends a request twice, never
   calls back: what has happened is asked for afterwards. One engine belongs to one thread at a time. */
#ifndef TCB_CURL_ENGINE_H
#define TCB_CURL_ENGINE_H

#include <stdint.h>

#include "core/buf.h"
#include "core/ctx.h"

typedef struct tcb_engine tcb_engine;

typedef struct {
  const char *method, *url;
  const char *const *headers;       /* "Name: value", in the order in which they go out; complete but for Host and Content-Length */
  int header_count;
  const char *body;                 /* NULL: none. Borrowed until tcb_engine_take or _cancel */
  size_t body_len;
  int64_t connect_timeout_ms, timeout_ms;   /* name lookup included; 0: none */
  int tell_sent;                    /* tcb_engine_next_sent shall tell it */
  int repeatable;                   /* 0: idle connections older than 20 s are not used for it */
  size_t max_body_bytes;            /* of the answer, after gzip */
  const char *file;                 /* NULL, or where the body of a 2xx answer goes: FILE.part, renamed when complete */
  const char *ca;                   /* NULL: the system's; a file or a hashed directory */
  const char *proxy;                /* NULL: the environment's. Never used for loopback */
} tcb_http_request;

typedef struct {
  int status;
  const char *headers;              /* header_count times "name\0value\0", names in lower case; valid until the next call */
  int header_count;
  tcb_buf *body;                    /* the one given to tcb_engine_send */
  int64_t sent_us, done_us;         /* monotonic: just before the first byte left (-1: none did), and when all had arrived */
} tcb_http_answer;

tcb_status tcb_engine_open(tcb_engine **out, tcb_ctx *ctx, tcb_err *err);
/* Ends all transfers; accepts NULL. */
void tcb_engine_close(tcb_engine *e);

/* A transfer in two steps, so that the caller can anchor what is borrowed under the id in between. `body` receives the answer. */
tcb_status tcb_engine_prepare(tcb_engine *e, int64_t *id, tcb_err *err);
tcb_status tcb_engine_send(tcb_engine *e, int64_t id, const tcb_http_request *r, tcb_buf *body, tcb_err *err);
/* Moves bytes; waits for at most timeout_us (0: not at all, -1: until something happens). */
tcb_status tcb_engine_step(tcb_engine *e, int64_t timeout_us, tcb_err *err);
/* The next transfer that has ended and was not told yet; 0: none. */
int64_t tcb_engine_next_done(tcb_engine *e);
/* The next transfer whose first byte is leaving and was not told yet, with the instant; 0: none. */
int64_t tcb_engine_next_sent(tcb_engine *e, int64_t *sent_us);
int tcb_engine_is_done(tcb_engine *e, int64_t id);
/* The answer of an ended transfer, which is forgotten with the next call. TCB_AGAIN: not ended. */
tcb_status tcb_engine_take(tcb_engine *e, int64_t id, tcb_http_answer *answer, tcb_err *err);
/* Ends a transfer in whatever state, and forgets it. True when its first byte had left. */
int tcb_engine_cancel(tcb_engine *e, int64_t id);

/* For foreign loops: readable when a step has something to do; and the time after which it wants one (-1: none). */
int tcb_engine_fd(const tcb_engine *e);
int64_t tcb_engine_timeout_us(const tcb_engine *e);
/* Keeps the descriptor readable while `on`: for what is ready but has nothing to do with sockets. Costs a system call a change. */
void tcb_engine_rouse(tcb_engine *e, int on);
/* Transfers that have not ended. */
int tcb_engine_active(const tcb_engine *e);

#endif
