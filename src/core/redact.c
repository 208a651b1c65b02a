/* core/redact.c: secrets and phone numbers out of text. */
#include "core/redact.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define SECRET_MIN 6                /* shorter strings would blank ordinary words */
#define LINE_MAX_BYTES 2048

tcb_status tcb_secret_add(tcb_ctx *ctx, const char *text, size_t len, tcb_err *err) {
  tcb_secrets *s = &ctx->secrets;
  if (len < SECRET_MIN) return TCB_OK;
  for (unsigned i = 0; i < TCB_SECRETS_MAX; i++)
    if (s->text[i] && s->len[i] == len && memcmp(s->text[i], text, len) == 0) return TCB_OK;
  char *copy = tcb_malloc(ctx, len + 1);
  if (copy == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory to keep a secret");
  memcpy(copy, text, len);
  copy[len] = '\0';
  unsigned at = s->used++ % TCB_SECRETS_MAX;
  tcb_free(ctx, s->text[at], s->len[at] + 1);
  s->text[at] = copy;
  s->len[at] = len;
  return TCB_OK;
}

void tcb_mask(const char *digits, size_t len, char out[16]) {
  if (len < 8 || len > 15) {
    snprintf(out, 16, "******");
    return;
  }
  snprintf(out, 16, "%.2s******%.4s", digits, digits + len - 4);
}

static size_t secret_at(const tcb_secrets *s, const char *text, size_t len) {
  for (unsigned i = 0; i < TCB_SECRETS_MAX; i++)
    if (s->text[i] && s->len[i] <= len && memcmp(s->text[i], text, s->len[i]) == 0) return s->len[i];
  return 0;
}

/* Digits at text[at], up to where a secret begins. */
static size_t digits_at(const tcb_secrets *s, const char *text, size_t len, size_t at) {
  size_t n = 0;
  while (at + n < len && isdigit((unsigned char)text[at + n]) && (n == 0 || secret_at(s, text + at + n, len - at - n) == 0)) n++;
  return n;
}

/* Is the word around text[at] an id: a hash, or a UUID's tail? */
static int is_hex_word(const char *text, size_t len, size_t at) {
  size_t end = at;
  while (at > 0 && isalnum((unsigned char)text[at - 1])) at--;
  while (end < len && isalnum((unsigned char)text[end])) end++;
  for (size_t i = at; i < end; i++) if (!isxdigit((unsigned char)text[i])) return 0;
  return end - at >= 16 || (end - at == 12 && at > 0 && text[at - 1] == '-');
}

/* Length of the digit run at text[at] when it is to be masked, else 0. What touches it and is a secret is no part of a word. */
static size_t number_at(const tcb_secrets *s, const char *text, size_t len, size_t at, int behind_secret) {
  unsigned char before = at && !behind_secret ? (unsigned char)text[at - 1] : ' ';
  size_t n = digits_at(s, text, len, at);
  if (isdigit(before) || before == '_' || n < 8 || n > 15 || (n == 13 && text[at] == '1')) return 0;
  unsigned char after = at + n < len && secret_at(s, text + at + n, len - at - n) == 0 ? (unsigned char)text[at + n] : ' ';
  if (after == '_' || (n == 8 && after == 'T')) return 0;                                /* a name; 20260803T100000Z */
  if ((isalpha(before) || isalpha(after)) && is_hex_word(text, len, at)) return 0;
  if (after == '-' && at + n + 1 < len && isxdigit((unsigned char)text[at + n + 1]) && n == 8) return 0;   /* a UUID's head */
  if (before == '-' && n == 12) return 0;                                                                   /* and its tail */
  return n;
}

static int parts_number(char c) { return c == ' ' || c == '-' || c == '(' || c == ')'; }

/* The same for a number as people write it, `+91 98765 43210`: its length behind the plus at text[at], its digits masked in `out`. */
static size_t written_at(const tcb_secrets *s, const char *text, size_t len, size_t at, char out[16]) {
  char digits[16];
  size_t n = 0, count = 0, taken = 0, end = 0, i = at + 1;
  if (at && isalnum((unsigned char)text[at - 1])) return 0;
  while (i < len) {
    size_t group = digits_at(s, text, len, i);
    if (group == 0 || n + group > 15) break;
    memcpy(digits + n, text + i, group);
    n += group, i += group, count++;
    if (n >= 8) taken = n, end = i;
    for (int k = 0; k < 2 && i < len && parts_number(text[i]); k++) i++;
  }
  if (taken == 0 || count < 2) return 0;                    /* in one piece: number_at's affair */
  tcb_mask(digits, taken, out);
  return end - at - 1;
}

tcb_status tcb_redact(tcb_ctx *ctx, const char *text, size_t len, tcb_buf *out, tcb_err *err) {
  tcb_status status = TCB_OK;
  size_t plain = 0;                 /* start of the bytes not yet copied */
  for (size_t i = 0; i < len && status == TCB_OK;) {
    char masked[16];
    const char *with = "[secret]";
    size_t n = secret_at(&ctx->secrets, text + i, len - i);
    if (n == 0 && text[i] == '+' && (n = written_at(&ctx->secrets, text, len, i, masked)) > 0) with = masked, i++;
    if (n == 0 && isdigit((unsigned char)text[i])) {
      n = number_at(&ctx->secrets, text, len, i, i > 0 && i == plain);
      if (n) tcb_mask(text + i, n, masked), with = masked;
      else {
        i += digits_at(&ctx->secrets, text, len, i);
        continue;
      }
    }
    if (n == 0) {
      i++;
      continue;
    }
    status = tcb_buf_add(out, text + plain, i - plain, err);
    if (status == TCB_OK) status = tcb_buf_add(out, with, strlen(with), err);
    i += n;
    plain = i;
  }
  return status == TCB_OK ? tcb_buf_add(out, text + plain, len - plain, err) : status;
}

void tcb_log(tcb_ctx *ctx, tcb_log_level level, const char *format, ...) {
  char line[LINE_MAX_BYTES];
  va_list args;
  if (ctx->log_sink == NULL || level > ctx->log_level) return;
  va_start(args, format);
  int n = vsnprintf(line, sizeof line, format, args);
  va_end(args);
  if (n < 0) return;
  tcb_buf out;
  tcb_buf_init(&out, ctx);
  if (tcb_redact(ctx, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1, &out, NULL) == TCB_OK)
    ctx->log_sink(ctx->log_ud, level, out.data, out.len);
  tcb_buf_free(&out);
}
