/* io/curl_priv.h: what curl_engine.c (many transfers) and curl_transfer.c (one) share. */
#ifndef TCB_CURL_PRIV_H
#define TCB_CURL_PRIV_H

#include <curl/curl.h>

#include "io/curl_engine.h"

enum { T_FREE, T_PREPARED, T_RUNNING, T_DONE };

typedef struct {
  int64_t id;                       /* generation << 16 | slot + 1 */
  int state;
  CURL *easy;                       /* kept for the next transfer of this slot */
  struct curl_slist *headers;
  tcb_ctx *ctx;
  tcb_engine *engine;
  tcb_buf *body;
  size_t max_body_bytes, received;
  tcb_buf head;                     /* the answer's headers, packed */
  int status, header_count, head_complete, head_bytes;
  int sends;                        /* how often libcurl asked to send: once is allowed */
  int64_t sent_us, done_us;
  int too_long, head_too_long, no_memory, write_errno, tell_sent;
  int fd;                           /* of FILE.part, -1: none */
  char *file, *part;
  size_t file_bytes;
  char host[128];                   /* host:port, for messages */
  char text[CURL_ERROR_SIZE];
  tcb_err err;
} tcb_transfer;

/* Makes the handle and what never changes on it. */
tcb_status tcb_transfer_init(tcb_transfer *t, tcb_engine *e, tcb_ctx *ctx, tcb_err *err);
tcb_status tcb_transfer_setup(tcb_transfer *t, const tcb_http_request *r, tcb_buf *body, tcb_err *err);
/* Judges how it ended: fills t->err (status TCB_OK: a whole answer). */
void tcb_transfer_finish(tcb_transfer *t, CURLcode code);
/* Ready for the next use. */
void tcb_transfer_reset(tcb_transfer *t);
void tcb_transfer_free(tcb_transfer *t);
int tcb_transfer_has_sent(const tcb_transfer *t);

/* Opens FILE.part when the answer goes to a file and is a good one. False when it cannot be opened. */
int tcb_transfer_open_file(tcb_transfer *t);

/* The transfer begins to send. */
void tcb_engine_note_sent(tcb_engine *e, tcb_transfer *t);

#endif
