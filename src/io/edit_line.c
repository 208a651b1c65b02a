/* io/edit_line.c: libedit, one key at a time (EL_UNBUFFERED), so that Tab is answered outside of its callbacks. */
#include "io/edit_line.h"

#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { HISTORY_MAX = 1000, PROMPT_MAX = 128 };

struct tcb_edit {
  tcb_ctx *ctx;
  EditLine *el;
  History *history;
  char prompt[PROMPT_MAX];
  int is_reading;                     /* raw mode: a line was begun and is not done */
  int tab;                            /* set by the callback, taken by tcb_edit_read */
};

static char *give_prompt(EditLine *el) {
  tcb_edit *e = NULL;
  el_get(el, EL_CLIENTDATA, &e);
  return e->prompt;
}

static unsigned char on_tab(EditLine *el, int key) {
  tcb_edit *e = NULL;
  (void)key;
  el_get(el, EL_CLIENTDATA, &e);
  e->tab = 1;
  return CC_NORM;
}

tcb_status tcb_edit_open(tcb_edit **out, tcb_ctx *ctx, tcb_err *err) {
  *out = NULL;
  if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) return tcb_fail(err, TCB_E_CONFIG, "cannot edit lines: this is no terminal");
  tcb_edit *e = tcb_calloc(ctx, sizeof *e);
  if (e == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory for the line editor");
  e->ctx = ctx;
  setlocale(LC_CTYPE, "");
  if (MB_CUR_MAX == 1) setlocale(LC_CTYPE, "C.UTF-8");
  e->history = history_init();
  e->el = el_init("tcb", stdin, stdout, stderr);
  if (e->history == NULL || e->el == NULL) {
    tcb_edit_free(e);
    return tcb_fail(err, TCB_E_CONFIG, "cannot edit lines on this terminal");
  }
  HistEvent ev;
  history(e->history, &ev, H_SETSIZE, HISTORY_MAX);
  history(e->history, &ev, H_SETUNIQUE, 1);
  el_set(e->el, EL_CLIENTDATA, e);
  el_set(e->el, EL_PROMPT, give_prompt);
  el_set(e->el, EL_EDITOR, "emacs");
  el_set(e->el, EL_SIGNAL, 0);
  el_set(e->el, EL_HIST, history, e->history);
  el_wset(e->el, EL_ADDFN, L"tcb-complete", L"complete", on_tab);        /* el_set would copy the names and lose the copies */
  el_set(e->el, EL_BIND, "^I", "tcb-complete", NULL);
  el_set(e->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
  el_set(e->el, EL_BIND, "\033[1;5C", "em-next-word", NULL);
  el_set(e->el, EL_BIND, "\033[1;5D", "ed-prev-word", NULL);
  *out = e;
  return TCB_OK;
}

static void stop_reading(tcb_edit *e) {
  if (e->is_reading) el_set(e->el, EL_UNBUFFERED, 0);
  e->is_reading = 0;
}

void tcb_edit_free(tcb_edit *e) {
  if (e == NULL) return;
  if (e->el) {
    stop_reading(e);
    el_end(e->el);
  }
  if (e->history) history_end(e->history);
  tcb_free(e->ctx, e, sizeof *e);
}

/* The line as it stands | TCB_E_MEMORY. */
static tcb_status copy_line(tcb_edit *e, tcb_buf *line, size_t *cursor, tcb_err *err) {
  const LineInfo *now = el_line(e->el);
  *cursor = (size_t)(now->cursor - now->buffer);
  return tcb_buf_add(line, now->buffer, (size_t)(now->lastchar - now->buffer), err);
}

tcb_status tcb_edit_read(tcb_edit *e, const char *prompt, tcb_edit_event *event, tcb_buf *line, size_t *cursor, tcb_err *err) {
  snprintf(e->prompt, sizeof e->prompt, "%s", prompt);
  line->len = 0;
  if (!e->is_reading) {
    el_reset(e->el);
    el_set(e->el, EL_UNBUFFERED, 1);
    e->is_reading = 1;
  }
  for (;;) {
    int count = 0;
    errno = 0;
    e->tab = 0;
    const char *text = el_gets(e->el, &count);
    if (e->tab) {
      *event = TCB_EDIT_TAB;
      return copy_line(e, line, cursor, err);
    }
    if (text == NULL || count <= 0) {
      if (count < 0 && errno != EINTR && errno != 0) errno = 0;
      *event = errno == EINTR || count < 0 ? TCB_EDIT_INTERRUPT : TCB_EDIT_END;
      stop_reading(e);
      return TCB_OK;
    }
    char last = text[count - 1];
    if (last == '\n' || last == '\r') {
      *event = TCB_EDIT_LINE;
      *cursor = (size_t)count - 1;
      tcb_status status = tcb_buf_add(line, text, (size_t)count - 1, err);
      stop_reading(e);
      return status;
    }
    if (count == 1 && last == 4) {                       /* Ctrl-D on an empty line */
      *event = TCB_EDIT_END;
      stop_reading(e);
      return TCB_OK;
    }
  }
}

void tcb_edit_insert(tcb_edit *e, const char *text, int drop) {
  if (drop > 0) el_deletestr(e->el, drop);
  el_insertstr(e->el, text);
}

void tcb_edit_redraw(tcb_edit *e) { el_set(e->el, EL_REFRESH); }

void tcb_edit_remember(tcb_edit *e, const char *line) {
  HistEvent ev;
  history(e->history, &ev, H_ENTER, line);
}
