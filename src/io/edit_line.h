/* io/edit_line.h: a line typed on a terminal, with editing and history: libedit. */
#ifndef TCB_EDIT_LINE_H
#define TCB_EDIT_LINE_H

#include "core/buf.h"

typedef struct tcb_edit tcb_edit;             /* one terminal, one thread */

typedef enum {
  TCB_EDIT_LINE,                              /* a whole line */
  TCB_EDIT_TAB,                               /* Tab was pressed: the line so far; go on with tcb_edit_read */
  TCB_EDIT_INTERRUPT,                         /* a signal came: the line is given up */
  TCB_EDIT_END                                /* end of input */
} tcb_edit_event;

/* Opens stdin and stdout, which must be a terminal. On TCB_OK the caller owns *out. */
tcb_status tcb_edit_open(tcb_edit **out, tcb_ctx *ctx, tcb_err *err);
/* Gives the terminal back as it was; accepts NULL. */
void tcb_edit_free(tcb_edit *e);
/* Blocks until something happens; `prompt` is copied. Fills `line` (UTF-8) and the cursor's byte. */
tcb_status tcb_edit_read(tcb_edit *e, const char *prompt, tcb_edit_event *event, tcb_buf *line, size_t *cursor, tcb_err *err);
/* After TCB_EDIT_TAB: puts `text` at the cursor, in place of `drop` characters in front of it. */
void tcb_edit_insert(tcb_edit *e, const char *text, int drop);
/* After TCB_EDIT_TAB and other output: shows prompt and line anew on the next line. */
void tcb_edit_redraw(tcb_edit *e);
/* Adds a line to the history that the arrow keys show. */
void tcb_edit_remember(tcb_edit *e, const char *line);

#endif
