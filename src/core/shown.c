/* core/shown.c: a field with its value as messages name it. */
#include "core/shown.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/redact.h"

#define MOST 40                     /* bytes of a value that are shown */
#define LOOKED_AT 256               /* of which so many are read: masking may shorten them */

/* `9.19877E+11`, `98765x`: whatever stands where a number should, with most of its digits hidden. */
static void hide_digits(char *text) {
  size_t digits = 0, at = 0;
  for (const char *p = text; *p; p++) digits += isdigit((unsigned char)*p) != 0;
  for (char *p = text; *p; p++) {
    if (!isdigit((unsigned char)*p)) continue;
    if (at >= 2 && (digits < 8 || at + 4 < digits)) *p = '*';
    at++;
  }
}

static int holds_secret(const char *text, size_t len) {
  static const char mark[] = "[secret]";
  for (size_t i = 0; i + sizeof mark - 1 <= len; i++)
    if (memcmp(text + i, mark, sizeof mark - 1) == 0) return 1;
  return 0;
}

/* At most MOST bytes, whole characters, on one line. */
static void cut(const char *text, size_t len, char out[MOST + 4]) {
  size_t n = len;
  if (n > MOST) for (n = MOST; n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80;) n--;
  memcpy(out, text, n);
  for (size_t i = 0; i < n; i++) if (iscntrl((unsigned char)out[i])) out[i] = ' ';
  strcpy(out + n, n < len ? "\xE2\x80\xA6" : "");
}

void tcb_shown(tcb_ctx *ctx, tcb_field field, const char *name, const tcb_cell *cell, char out[TCB_SHOWN_BYTES]) {
  char value[MOST + 4];
  snprintf(out, TCB_SHOWN_BYTES, "%s", name);
  if (cell && cell->is_int) snprintf(out, TCB_SHOWN_BYTES, "%s %lld", name, (long long)cell->n);
  if (cell == NULL || cell->is_int || cell->text.data == NULL) return;
  tcb_text text = tcb_text_trim(cell->text.data, cell->text.len);
  if (text.len == 0 || tcb_utf8_count(text.data, text.len) < 0) return;
  int is_number = tcb_rules[field].type == TCB_TYPE_NUMBER;
  tcb_buf masked;
  tcb_buf_init(&masked, ctx);
  tcb_status status = tcb_redact(ctx, text.data, text.len < LOOKED_AT ? text.len : LOOKED_AT, &masked, NULL);
  /* Of a number more is hidden, out of its own text: digits of what was masked would be counted again. */
  if (status == TCB_OK && (!is_number || holds_secret(masked.data, masked.len))) cut(masked.data, masked.len, value);
  else cut(text.data, text.len, value);
  tcb_buf_free(&masked);
  if (status != TCB_OK) return;
  if (is_number) hide_digits(value);
  snprintf(out, TCB_SHOWN_BYTES, "%s \"%s\"", name, value);
}
