/* core/json.h: a strict pull scanner over JSON bytes (RFC 8259, UTF-8): tokens point into the text, nothing is built. */
#ifndef TCB_JSON_H
#define TCB_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"

#define TCB_JSON_DEPTH_MAX 64

typedef enum {
  TCB_JSON_ERROR,                   /* `error` says why; every further call gives it again */
  TCB_JSON_END,                     /* the text was one whole value */
  TCB_JSON_OBJECT, TCB_JSON_ARRAY,  /* { and [ */
  TCB_JSON_CLOSE,                   /* } or ] */
  TCB_JSON_KEY, TCB_JSON_STRING, TCB_JSON_NUMBER, TCB_JSON_TRUE, TCB_JSON_FALSE, TCB_JSON_NULL
} tcb_json_kind;

typedef struct {
  const char *start, *at, *end;
  const char *text;                 /* KEY and STRING: what stands between the quotes; NUMBER: its characters */
  size_t len;
  int has_escapes;                  /* the text of a KEY or STRING holds backslashes */
  int depth;                        /* open objects and arrays, after this token */
  int max_depth;
  uint64_t objects;                 /* bit d: the container at depth d is an object */
  unsigned char expect;
  const char *error;                /* static text */
} tcb_json;

/* Scans `len` bytes; containers may nest `max_depth` deep, at most TCB_JSON_DEPTH_MAX. The bytes stay the caller's. */
void tcb_json_init(tcb_json *json, const char *bytes, size_t len, int max_depth);
/* The next token. Strings are valid UTF-8 with valid escapes (a lone surrogate is an error). */
tcb_json_kind tcb_json_next(tcb_json *json);
/* Skips the rest of the value that began with the token `kind` just read. 0 after an error. */
int tcb_json_skip(tcb_json *json, tcb_json_kind kind);
/* The last KEY or STRING, escapes and all, compared with ASCII text. */
int tcb_json_is(const tcb_json *json, const char *text);
/* A number's text as an integer: 1 when it is one (`12`, `-0`; neither `1.0` nor `1e3`) and fits. */
int tcb_json_int64(const char *text, size_t len, int64_t *out);
/* Reads the code point at `text`, which is inside a string that the scanner has accepted, escapes included. Returns its bytes. */
size_t tcb_json_code_point(const char *text, const char *end, uint32_t *code_point);
/* Appends the string's text without escapes, as UTF-8. */
tcb_status tcb_json_unescape(const char *text, size_t len, tcb_buf *out, tcb_err *err);
/* Appends `text` (UTF-8) as a JSON string with its quotes. */
tcb_status tcb_json_quote(const char *text, size_t len, tcb_buf *out, tcb_err *err);

#endif
