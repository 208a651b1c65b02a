/* core/body.h: a batch's encoded body, record by record: what to leave out when time has passed, what to send again. Reads only
   what core/record.c wrote. */
#ifndef TCB_BODY_H
#define TCB_BODY_H

#include "core/buf.h"
#include "core/jscan.h"

typedef struct {
  const char *at, *end;
  int started;
} tcb_body_reader;

typedef struct {
  tcb_slice json;                   /* the record's object */
  int64_t starts_at, ends_at;
} tcb_body_record;

/* 1 with the next record, 0 at the end, -1 when the body is none of ours. Set {data, data + len, 0} first. */
int tcb_body_next(tcb_body_reader *r, tcb_body_record *record);

/* Drops the records whose keep[i] is 0 from the body, in place. `count`: how many it has. TCB_E_STORE when it has not. */
tcb_status tcb_body_keep(tcb_buf *body, const unsigned char *keep, size_t count, tcb_err *err);
/* Appends the records of `more` to a body of the same dialect (an empty one becomes a copy). */
tcb_status tcb_body_join(tcb_buf *body, const char *more, size_t len, tcb_err *err);

#endif
