/* core/response.c: digestion of answers. Bodies may be empty, HTML or cut short: nothing is assumed from a status alone. */
#include "core/response.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "core/jscan.h"
#include "core/redact.h"

#define RETRY_AFTER_MAX_MS (3600 * INT64_C(1000))   /* the longest wait that a limit of the API can need is 30 min */
#define TEXT_MAX_BYTES 200

/* What an error body said, in any of its shapes. */
typedef struct {
  char slug[48], field[32], text[TEXT_MAX_BYTES], status[16];
} answer;

static void read_json(const char *body, size_t len, answer *a) {
  tcb_slice all = { body, body + len }, info = tcb_jscan_member(all, "status_info");
  tcb_jscan_string(tcb_jscan_member(all, "slug"), a->slug, sizeof a->slug);
  if (info.from == NULL || *info.from != '{') info = all;      /* older answers: the same fields at the top level */
  tcb_jscan_string(tcb_jscan_member(info, "status"), a->status, sizeof a->status);
  tcb_jscan_string(tcb_jscan_member(info, "field"), a->field, sizeof a->field);
  if (tcb_jscan_string(tcb_jscan_member(info, "message"), a->text, sizeof a->text) == 0)
    tcb_jscan_string(tcb_jscan_member(all, "message"), a->text, sizeof a->text);
}

static const char *find_nocase(const char *text, size_t len, const char *what) {
  size_t n = strlen(what);
  for (size_t i = 0; i + n <= len; i++)
    if (strncasecmp(text + i, what, n) == 0) return text + i;
  return NULL;
}

/* The title of a gateway's page: the only part of it that says something. */
static void read_html(const char *body, size_t len, answer *a) {
  const char *end = body + len, *p = find_nocase(body, len, "<title>"), *to = NULL;
  if (p) p += 7, to = find_nocase(p, (size_t)(end - p), "</title>");
  if (to == NULL) return;
  size_t n = (size_t)(to - p) < 80 ? (size_t)(to - p) : 80;
  for (size_t i = 0; i < n; i++) a->text[i] = isprint((unsigned char)p[i]) ? p[i] : ' ';
  a->text[n] = '\0';
}

static void read_body(const tcb_response *r, answer *a) {
  memset(a, 0, sizeof *a);
  char kind = tcb_jscan_kind(r->body, r->body_len);
  if (kind == '{') read_json(r->body, r->body_len, a);
  else if (kind == '<') read_html(r->body, r->body_len < 4096 ? r->body_len : 4096, a);
  else if (kind == '"')
    tcb_jscan_string((tcb_slice){ memchr(r->body, '"', r->body_len), r->body + r->body_len }, a->text, sizeof a->text);
}

/* Takes secrets and whole numbers out of the service's words, in place; they may quote what was sent. */
static void redact(tcb_ctx *ctx, char *text, size_t cap) {
  tcb_buf out;
  tcb_buf_init(&out, ctx);
  if (tcb_redact(ctx, text, strlen(text), &out, NULL) != TCB_OK) text[0] = '\0';
  else {
    size_t n = out.len < cap ? out.len : cap - 1;
    while (n < out.len && n > 0 && ((unsigned char)out.data[n] & 0xc0) == 0x80) n--;
    memcpy(text, out.data ? out.data : "", n);
    text[n] = '\0';
  }
  tcb_buf_free(&out);
}

static tcb_status kind_of(int status) {
  switch (status) {
    case 401: return TCB_E_AUTH;
    case 403: return TCB_E_FORBIDDEN;
    case 404: return TCB_E_NOT_FOUND;
    case 408: case 425: return TCB_E_SERVER;
    case 429: return TCB_E_RATE;
    default: return status >= 500 ? TCB_E_SERVER : status >= 400 ? TCB_E_INPUT : TCB_E_PROTO;
  }
}

/* For bodies that say nothing themselves. */
static const char *reason_of(int status) {
  switch (status) {
    case 400: return "the service refused the request";
    case 401: return "the service does not accept the token";
    case 403: return "the API key is not allowed to do this";
    case 404: return "no such path or id";
    case 429: return "over a limit of the service";
    case 502: case 503: case 504: return "a gateway could not reach the service";
    default: break;
  }
  if (status >= 500) return "the service failed";
  if (status >= 400) return "the service refused the request";
  return status >= 300 ? "the service answered with a redirect, which is not followed"
                       : "the service's answer has no usable status";
}

static tcb_status fail(tcb_ctx *ctx, tcb_status kind, const tcb_response *r, answer *a, const char *otherwise, tcb_err *err) {
  redact(ctx, a->text, sizeof a->text);
  redact(ctx, a->slug, sizeof a->slug);
  redact(ctx, a->field, sizeof a->field);
  tcb_fail_field(err, kind, a->field, "%s", a->text[0] ? a->text : otherwise);
  snprintf(err->slug, sizeof err->slug, "%s", a->slug);
  err->http_status = r->status;
  err->sent = 1;
  if (kind == TCB_E_RATE || r->status == 503) err->retry_after_ms = tcb_retry_after_ms(ctx, r->retry_after);
  return kind;
}

static int is_word(const char *text, const char *const *words) {
  for (; *words; words++)
    if (strcasecmp(text, *words) == 0) return 1;
  return 0;
}

/* Does a complete JSON body have the shape of a success? `want` is the first byte of what the call answers with, and
   `member` a member that must be there, of kind `type`. */
typedef struct { char want; const char *member; char type; } shape;

static const shape shapes[TCB_CALL_COUNT] = {
  [TCB_CALL_TOKEN] = {'{', "token", '"'}, [TCB_CALL_LABELS] = {'[', NULL, 0}, [TCB_CALL_PERSONALISE] = {'{', NULL, 0},
  [TCB_CALL_PUSH] = {'{', "batch_id", '"'}, [TCB_CALL_STATUS] = {'{', NULL, 0},
  [TCB_CALL_FEATURE_SETS] = {'{', "feature_sets", '['}, [TCB_CALL_NUMBERS] = {'{', "numbers", '['},
  [TCB_CALL_PUBLISH] = {'{', NULL, 0}, [TCB_CALL_DELIST] = {'{', NULL, 0}, [TCB_CALL_V1_PERSONALISE] = {'{', NULL, 0},
  [TCB_CALL_V1_PUSH] = {'{', NULL, 0}, [TCB_CALL_V1_STATUS] = {'[', NULL, 0},
};

static tcb_status check_shape(tcb_ctx *ctx, tcb_call call, const tcb_response *r, answer *a, tcb_err *err) {
  const shape *s = &shapes[call];
  char kind = tcb_jscan_kind(r->body, r->body_len);
  int is_status = call == TCB_CALL_STATUS || call == TCB_CALL_V1_STATUS;
  if (kind == '\0') return fail(ctx, TCB_E_PROTO, r, a, "the answer is empty", err);
  if (kind == '<') return fail(ctx, TCB_E_PROTO, r, memset(a, 0, sizeof *a), "the answer is a page, not JSON", err);
  if (!is_status && !tcb_jscan_is_whole(r->body, r->body_len)) {
    memset(a, 0, sizeof *a);
    return fail(ctx, TCB_E_PROTO, r, a, "the answer is not JSON, or was cut short", err);
  }
  if (s->want && kind != s->want)
    return fail(ctx, TCB_E_PROTO, r, a, s->want == '[' ? "the answer is not a list" : "the answer is not an object", err);
  if (s->member == NULL) return TCB_OK;
  tcb_slice m = tcb_jscan_member((tcb_slice){ r->body, r->body + r->body_len }, s->member);
  if (m.from && *m.from == s->type && (s->type != '"' || m.to - m.from > 2)) return TCB_OK;
  char text[80];
  if (a->status[0]) snprintf(text, sizeof text, "the answer has no %s, but the status '%s'", s->member, a->status);
  else snprintf(text, sizeof text, "the answer has no %s", s->member);
  return fail(ctx, TCB_E_PROTO, r, a, text, err);
}

/* The calls that answer 200 with a text say in it whether they succeeded. */
static tcb_status check_words(tcb_ctx *ctx, tcb_call call, const tcb_response *r, answer *a, tcb_err *err) {
  static const char *const good[] = { "success", "successful", "ok", NULL };
  static const char *const bad[] = { "error", "failure", "failed", "fail", NULL };
  if (call != TCB_CALL_PERSONALISE && call != TCB_CALL_V1_PERSONALISE && call != TCB_CALL_V1_PUSH) return TCB_OK;
  if (is_word(a->status, good)) return TCB_OK;
  if (is_word(a->status, bad)) return fail(ctx, TCB_E_INPUT, r, a, "the service refused the record", err);
  a->text[0] = '\0';
  return fail(ctx, TCB_E_PROTO, r, a, "the answer says neither success nor error", err);
}

tcb_status tcb_response_digest(tcb_ctx *ctx, tcb_call call, const tcb_response *r, tcb_err *err) {
  answer a;
  int is_good = r->status >= 200 && r->status < 300;
  tcb_err_clear(err);
  if (is_good && (call == TCB_CALL_OTHER || call == TCB_CALL_STATUS || call == TCB_CALL_V1_STATUS)) memset(&a, 0, sizeof a);
  else read_body(r, &a);
  if (is_good && call == TCB_CALL_OTHER) return TCB_OK;
  if (is_good) {
    tcb_status status = check_shape(ctx, call, r, &a, err);
    return status == TCB_OK ? check_words(ctx, call, r, &a, err) : status;
  }
  tcb_status kind = kind_of(r->status);
  /* "500/50011 - Failed to parse token": an expired or garbled token, documented for one call and possible on each. */
  if (r->status == 500 && find_nocase(r->body, r->body_len < 4096 ? r->body_len : 4096, "failed to parse token"))
    kind = TCB_E_AUTH;
  return fail(ctx, kind, r, &a, reason_of(r->status), err);
}

static int64_t http_date_ms(const char *s) {             /* "Sun, 06 Nov 1994 08:49:37 GMT"; -1: no such date */
  static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  int day, year, hour, minute, second;
  char name[4];
  const char *comma = strchr(s, ',');
  if (comma == NULL || sscanf(comma + 1, " %2d %3s %4d %2d:%2d:%2d", &day, name, &year, &hour, &minute, &second) != 6) return -1;
  const char *at = strlen(name) == 3 ? strstr(months, name) : NULL;
  if (at == NULL || (at - months) % 3 || year < 1970 || day < 1 || day > 31) return -1;
  int month = (int)(at - months) / 3 + 1, y = year - (month <= 2);
  int64_t days = (int64_t)y * 365 + y / 4 - y / 100 + y / 400 + (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1 - 719468;
  return (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000;
}

int64_t tcb_retry_after_ms(const tcb_ctx *ctx, const char *value) {
  int64_t ms = 0;
  if (value == NULL) return -1;
  while (*value == ' ') value++;
  if (isdigit((unsigned char)*value)) {
    double seconds = 0;
    for (; isdigit((unsigned char)*value); value++) seconds = seconds * 10 + (*value - '0');
    ms = seconds > 3600 ? RETRY_AFTER_MAX_MS : (int64_t)(seconds * 1000);
    if (*value == '.' && isdigit((unsigned char)value[1])) ms += (value[1] - '0') * 100;
    else if (*value != '\0' && *value != ' ' && *value != '.') return -1;
  } else {
    int64_t at = http_date_ms(value);
    if (at < 0) return -1;
    ms = at - tcb_clock_now_ms(&ctx->clock);
  }
  return ms < 0 ? 0 : ms > RETRY_AFTER_MAX_MS ? RETRY_AFTER_MAX_MS : ms;
}
