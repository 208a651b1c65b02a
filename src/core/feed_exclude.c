/* core/feed_exclude.c: the do-not-call list. */
#define _GNU_SOURCE                 /* strnlen */
#include "core/feed_priv.h"

#include "core/phone.h"

static uint64_t number_of(const char *digits, size_t len) {
  uint64_t n = 0;
  for (size_t i = 0; i < len; i++) n = n * 10 + (uint64_t)(digits[i] - '0');
  return n;
}

int tcb_feed_is_excluded(const void *feed, const char digits[16]) {
  const tcb_keyset *list = &((const tcb_feed *)feed)->exclude;
  return list->count > 0 && tcb_keyset_has(list, number_of(digits, strnlen(digits, 16)));
}

/* A line without its end -> its first cell. */
static tcb_text first_cell(const char *line, size_t len, int is_first) {
  if (is_first && len >= 3 && memcmp(line, "\xEF\xBB\xBF", 3) == 0) line += 3, len -= 3;
  tcb_text t = tcb_text_trim(line, len);
  if (t.len > 0 && t.data[0] == '"') t.data++, t.len--;
  size_t n = 0;
  while (n < t.len && !strchr(",;\t\"", t.data[n])) n++;
  return tcb_text_trim(t.data, n);
}

tcb_status tcb_feed_exclude(tcb_feed *f, const char *lines, size_t len, const char *country, int64_t *line, tcb_err *err) {
  for (const char *p = lines, *last = lines + len; p < last;) {
    const char *newline = memchr(p, '\n', (size_t)(last - p)), *end = newline ? newline : last;
    tcb_text t = first_cell(p, (size_t)(end - p), ++*line == 1);
    char digits[16];
    size_t n;
    p = newline ? newline + 1 : last;
    if (t.len == 0) continue;
    tcb_why why = tcb_phone_parse(t.data, t.len, country, digits, &n);
    if (why == TCB_WHY_NONE) {
      if (tcb_keyset_add(f->ctx, &f->exclude, number_of(digits, n), err) < 0) return TCB_E_MEMORY;
    } else if (*line > 1) return tcb_fail(err, TCB_E_INPUT, "number of the exclude list %s", tcb_why_text(why));
  }
  return TCB_OK;
}
