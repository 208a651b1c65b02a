/* core/jscan.h: looks into JSON text without building anything: is it whole, and what does one member say. */
#ifndef TCB_JSCAN_H
#define TCB_JSCAN_H

#include <stddef.h>

#define TCB_JSCAN_DEPTH 64          /* nesting beyond it counts as malformed */

typedef struct {
  const char *from, *to;            /* from == NULL: absent */
} tcb_slice;

/* 1 when `text` is one complete JSON value, with nothing but white space around it (RFC 8259; UTF-8 is not looked at). */
int tcb_jscan_is_whole(const char *text, size_t len);
/* The first byte of a document's value: '{', '[', '"', ... ; 0 when there is none. */
char tcb_jscan_kind(const char *text, size_t len);
/* The value of member `name` of the object in `object`, from its first byte to behind its last one. An object that is
   cut off or breaks later still yields the members before that place; a value that is cut ends with the text. */
tcb_slice tcb_jscan_member(tcb_slice object, const char *name);
/* Copies a JSON string without its quotes and escapes to `out`, as UTF-8, cut at a character's boundary, NUL-terminated;
   control characters become spaces. Returns its length; 0 with an empty `out` when `value` is no string. */
size_t tcb_jscan_string(tcb_slice value, char *out, size_t cap);

/* For readers that walk: behind white space; behind the value that starts at `p` (NULL: malformed, cut, or too deep). */
const char *tcb_jscan_spaces(const char *p, const char *end);
const char *tcb_jscan_skip(const char *p, const char *end);

/* Walks the members of an object: open, then next until it is 0; `is_broken` says whether it ended before the object did. */
typedef struct {
  const char *at, *end;
  tcb_slice key, value;             /* the key between its quotes, escapes as they stand; the value from first to behind last byte */
  int is_broken;
} tcb_jscan_members;

tcb_jscan_members tcb_jscan_open(tcb_slice object);
int tcb_jscan_next(tcb_jscan_members *it);

#endif
