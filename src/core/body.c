/* core/body.c: walks an encoded body. Quotes inside texts are escaped there, so that a member's name in quotes with a colon behind it
   can only be the member itself. */
#define _GNU_SOURCE                  /* memmem */
#include "core/body.h"

#include <string.h>

static int instant(tcb_slice object, const char *name, size_t len, int64_t *out) {
  const char *p = memmem(object.from, (size_t)(object.to - object.from), name, len);
  if (p == NULL) return 0;
  *out = 0;
  for (p += len; p < object.to && *p >= '0' && *p <= '9'; p++) *out = *out * 10 + (*p - '0');
  return 1;
}

int tcb_body_next(tcb_body_reader *r, tcb_body_record *record) {
  const char *p = r->at;
  if (!r->started) {
    p = p < r->end ? memchr(p, '[', (size_t)(r->end - p)) : NULL;
    if (p == NULL) return -1;
    r->started = 1;
    p++;
  } else if (p < r->end && *p == ',') {
    p++;
  }
  if (p < r->end && *p == ']') {
    r->at = p;
    return 0;
  }
  record->json = (tcb_slice){ p, p < r->end ? tcb_jscan_skip(p, r->end) : NULL };
  if (record->json.to == NULL || !instant(record->json, "\"starts_at\":", 12, &record->starts_at) ||
      !instant(record->json, "\"ends_at\":", 10, &record->ends_at)) return -1;
  r->at = record->json.to;
  return 1;
}

static tcb_status unreadable(tcb_err *err) {
  return tcb_fail(err, TCB_E_STORE, "the body of a batch cannot be read back");
}

tcb_status tcb_body_keep(tcb_buf *body, const unsigned char *keep, size_t count, tcb_err *err) {
  tcb_body_reader r = { body->data, body->data + body->len, 0 };
  tcb_body_record record;
  char *to = NULL;
  int more;
  size_t i = 0;
  for (; (more = tcb_body_next(&r, &record)) == 1; i++) {
    if (i == count) return unreadable(err);
    if (to == NULL) to = body->data + (record.json.from - body->data);
    if (to == NULL || !keep[i]) continue;
    size_t len = (size_t)(record.json.to - record.json.from);
    if (to[-1] != '[') *to++ = ',';
    memmove(to, record.json.from, len);
    to += len;
  }
  if (more < 0 || i != count || to == NULL) return unreadable(err);
  size_t tail = (size_t)(r.end - r.at);
  memmove(to, r.at, tail);
  body->len = (size_t)(to - body->data) + tail;
  return TCB_OK;
}

tcb_status tcb_body_join(tcb_buf *body, const char *more, size_t len, tcb_err *err) {
  if (body->len == 0) return tcb_buf_add(body, more, len, err);
  tcb_body_reader r = { more, more + len, 0 };
  tcb_body_record record;
  const char *first = NULL, *last = NULL;
  int next;
  while ((next = tcb_body_next(&r, &record)) == 1) {
    if (first == NULL) first = record.json.from;
    last = record.json.to;
  }
  if (next < 0) return unreadable(err);
  if (first == NULL) return TCB_OK;
  tcb_body_reader mine = { body->data, body->data + body->len, 0 };
  int is_empty = 1;
  while ((next = tcb_body_next(&mine, &record)) == 1) is_empty = 0;
  if (next < 0) return unreadable(err);
  size_t keep = (size_t)(mine.at - body->data), tail = body->len - keep, added = (size_t)(last - first) + !is_empty;
  tcb_status status = tcb_buf_reserve(body, added, err);
  if (status != TCB_OK) return status;
  memmove(body->data + keep + added, body->data + keep, tail);
  if (!is_empty) body->data[keep] = ',';
  memcpy(body->data + keep + !is_empty, first, (size_t)(last - first));
  body->len += added;
  return TCB_OK;
}
