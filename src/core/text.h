/* core/text.h: UTF-8, which is how every text reaches the service. Lengths of its rules count code points. */
#ifndef TCB_TEXT_H
#define TCB_TEXT_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
  const char *data;                 /* NULL: absent */
  size_t len;
} tcb_text;

/* Code points in `len` bytes, or -1 when they are not UTF-8 (overlong forms, surrogates and beyond U+10FFFF included). */
long tcb_utf8_count(const char *s, size_t len);
/* Reads the code point at s, which holds `len` >= 1 bytes. Returns its bytes, 0 when there is none. */
size_t tcb_utf8_get(const char *s, size_t len, uint32_t *code_point);
/* Writes one code point up to U+10FFFF; returns 1..4. */
size_t tcb_utf8_put(uint32_t code_point, char out[4]);
/* `s` without spaces, tabs, CR and LF at both ends. */
tcb_text tcb_text_trim(const char *s, size_t len);

#endif
