/* io/mailbox.h: how two threads of the project talk: one asks and waits, the other answers when it comes round. The only data that
   two threads share; its memory is malloc's own, since an application's allocator need not be safe for threads. */
#ifndef TCB_MAILBOX_H
#define TCB_MAILBOX_H

#include "core/buf.h"

typedef struct tcb_mailbox tcb_mailbox;

tcb_status tcb_mailbox_open(tcb_mailbox **out, tcb_err *err);
/* When no thread uses it any more. Accepts NULL. */
void tcb_mailbox_close(tcb_mailbox *m);

/* The asking side; one thread at a time. Waits for the worker's answer and appends it. TCB_E_CANCELLED: the worker has ended;
   err->message is what it left. */
tcb_status tcb_mailbox_ask(tcb_mailbox *m, const char *text, size_t len, tcb_buf *answer, tcb_err *err);
/* Waits for the worker's first answer, which it gives unasked. */
tcb_status tcb_mailbox_wait_ready(tcb_mailbox *m, tcb_buf *answer, tcb_err *err);
/* Tells the worker to end. */
void tcb_mailbox_stop(tcb_mailbox *m);

/* The worker's side. Readable when there is a question, or when it shall end. */
int tcb_mailbox_fd(const tcb_mailbox *m);
int tcb_mailbox_is_stopping(tcb_mailbox *m);
/* Appends the question: TCB_OK; TCB_NOT_FOUND: there is none. */
tcb_status tcb_mailbox_take(tcb_mailbox *m, tcb_buf *question, tcb_err *err);
/* Without memory the asking side is told so. */
void tcb_mailbox_answer(tcb_mailbox *m, const char *text, size_t len);
/* The worker ends: whoever waits, now or later, is told `message`. */
void tcb_mailbox_end(tcb_mailbox *m, const char *message);

#endif
