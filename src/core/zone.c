/* core/zone.c: TZif (RFC 8536): the transitions of a zone, and the rule that its footer states for all later years. */
#include "core/zone.h"

#include <stdio.h>
#include <string.h>

#define DAY_S 86400
#define NAME_MAX_BYTES 64

typedef struct {                    /* one end of daylight saving time: when it happens in a year */
  char form;                        /* 'M': month, week, weekday; 'J': day 1..365, February 29 never counted; 'N': day 0..365 */
  int month, week, day;
  int at_s;                         /* local time of day, -167 h .. 167 h */
} rule_day;

typedef struct {
  int has_dst;
  int std_s, dst_s;                 /* seconds east of UTC */
  rule_day start, end;
} rule;

struct tcb_zone {
  tcb_ctx *ctx;
  size_t bytes;                     /* of this block, tables included */
  char name[NAME_MAX_BYTES];
  int first_s;                      /* offset before the first transition */
  int has_rule;
  rule rule;                        /* after the last transition */
  size_t count;
  int64_t *at;                      /* instants of transitions, ascending */
  int32_t *offset_s;                /* what each of them begins */
};

int64_t tcb_days_of(int64_t year, int month, int day) {            /* algorithm: H. Hinnant, days_from_civil */
  year -= month <= 2;
  int64_t era = (year >= 0 ? year : year - 399) / 400;
  int64_t of_era = year - era * 400;
  int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void tcb_date_of(int64_t days, int64_t *year, int *month, int *day) {
  days += 719468;
  int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  int64_t of_era = days - era * 146097;
  int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
  int64_t m = (5 * of_year + 2) / 153;
  *day = (int)(of_year - (153 * m + 2) / 5 + 1);
  *month = (int)(m < 10 ? m + 3 : m - 9);
  *year = y + era * 400 + (*month <= 2);
}

/* The footer: a POSIX TZ string such as "CET-1CEST,M3.5.0,M10.5.0/3" or "<+0530>-5:30". */
static const char *skip_name(const char *s) {
  const char *from = s;
  if (*s == '<') {
    while (*s && *s != '>') s++;
    return *s == '>' ? s + 1 : NULL;
  }
  while ((*s >= 'A' && *s <= 'Z') || (*s >= 'a' && *s <= 'z')) s++;
  return s > from ? s : NULL;
}

static const char *read_int(const char *s, int *n) {
  if (*s < '0' || *s > '9') return NULL;
  for (*n = 0; *s >= '0' && *s <= '9' && *n < 100000; s++) *n = *n * 10 + (*s - '0');
  return s;
}

static const char *read_hms(const char *s, int *seconds) {
  int sign = 1, part = 0;
  if (*s == '-' || *s == '+') sign = *s++ == '-' ? -1 : 1;
  *seconds = 0;
  for (int unit = 3600; unit > 0; unit /= 60) {
    s = read_int(s, &part);
    if (s == NULL || part > 200) return NULL;
    *seconds += part * unit;
    if (*s != ':') break;
    if (unit > 1) s++;
  }
  *seconds *= sign;
  return s;
}

static const char *read_day(const char *s, rule_day *d) {
  *d = (rule_day){ .form = 'N', .at_s = 7200 };
  if (*s == 'M') {
    d->form = 'M';
    s = read_int(s + 1, &d->month);
    if (s && *s == '.') s = read_int(s + 1, &d->week); else return NULL;
    if (s && *s == '.') s = read_int(s + 1, &d->day); else return NULL;
    if (d->month < 1 || d->month > 12 || d->week < 1 || d->week > 5 || d->day > 6) return NULL;
  } else {
    if (*s == 'J') d->form = 'J', s++;
    s = read_int(s, &d->day);
    if (d->day > 365) return NULL;
  }
  return s && *s == '/' ? read_hms(s + 1, &d->at_s) : s;
}

static int read_rule(const char *s, rule *r) {
  int west;
  memset(r, 0, sizeof *r);
  if ((s = skip_name(s)) == NULL || (s = read_hms(s, &west)) == NULL) return 0;
  r->std_s = -west;
  if (*s == '\0') return 1;
  r->has_dst = 1;
  r->dst_s = r->std_s + 3600;
  if ((s = skip_name(s)) == NULL) return 0;
  if (*s != ',') {
    if ((s = read_hms(s, &west)) == NULL) return 0;
    r->dst_s = -west;
  }
  if (*s != ',' || (s = read_day(s + 1, &r->start)) == NULL) return 0;
  if (*s != ',' || (s = read_day(s + 1, &r->end)) == NULL) return 0;
  return *s == '\0';
}

static int is_leap(int64_t y) {
  return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

static int64_t rule_local_s(const rule_day *d, int64_t year) {
  int64_t days;
  if (d->form == 'M') {
    int64_t first = tcb_days_of(year, d->month, 1);
    int weekday = (int)(((first + 4) % 7 + 7) % 7);
    days = first + (d->day - weekday + 7) % 7 + (d->week - 1) * 7;
    int64_t next = d->month == 12 ? tcb_days_of(year + 1, 1, 1) : tcb_days_of(year, d->month + 1, 1);
    if (days >= next) days -= 7;
  } else if (d->form == 'J') days = tcb_days_of(year, 1, 1) + d->day - 1 + (is_leap(year) && d->day >= 60);
  else days = tcb_days_of(year, 1, 1) + d->day;
  return days * DAY_S + d->at_s;
}

static int rule_offset(const rule *r, int64_t utc_s) {
  if (!r->has_dst) return r->std_s;
  int64_t local = utc_s + r->std_s, year;
  int month, day;
  tcb_date_of((local >= 0 ? local : local - DAY_S + 1) / DAY_S, &year, &month, &day);
  int64_t start = rule_local_s(&r->start, year) - r->std_s, end = rule_local_s(&r->end, year) - r->dst_s;
  int in_dst = start < end ? utc_s >= start && utc_s < end : utc_s >= start || utc_s < end;
  return in_dst ? r->dst_s : r->std_s;
}

/* Big-endian numbers of the file. */
static int64_t be(const unsigned char *p, int bytes) {
  uint64_t n = bytes == 8 || p[0] < 0x80 ? 0 : ~UINT64_C(0);
  for (int i = 0; i < bytes; i++) n = n << 8 | p[i];
  return (int64_t)n;
}

typedef struct { size_t isut, isstd, leap, time, type, chars, width, bytes; } tz_head;

static int read_head(const unsigned char *p, size_t len, size_t width, tz_head *h) {
  if (len < 44 || memcmp(p, "TZif", 4) != 0) return 0;
  size_t *to[] = { &h->isut, &h->isstd, &h->leap, &h->time, &h->type, &h->chars };
  for (int i = 0; i < 6; i++) {
    int64_t n = be(p + 20 + 4 * i, 4);
    if (n < 0 || n > 100000) return 0;
    *to[i] = (size_t)n;
  }
  h->width = width;
  h->bytes = h->time * (width + 1) + h->type * 6 + h->chars + h->leap * (width + 4) + h->isstd + h->isut;
  return h->type > 0 && h->bytes <= len - 44;
}

static tcb_status zone_new(tcb_zone **out, tcb_ctx *ctx, const char *name, size_t count, tcb_err *err) {
  size_t bytes = sizeof(tcb_zone) + count * (sizeof(int64_t) + sizeof(int32_t));
  tcb_zone *z = tcb_calloc(ctx, bytes);
  if (z == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory for a time zone");
  z->ctx = ctx;
  z->bytes = bytes;
  z->count = count;
  z->at = (int64_t *)(z + 1);
  z->offset_s = (int32_t *)(z->at + count);
  snprintf(z->name, sizeof z->name, "%s", name);
  *out = z;
  return TCB_OK;
}

static int fill_zone(tcb_zone *z, const tz_head *h, const unsigned char *body) {
  const unsigned char *index = body + h->time * h->width, *types = index + h->time;
  z->first_s = (int)be(types, 4);
  for (size_t i = 0; i < h->type; i++)
    if (types[i * 6 + 4] == 0) {                           /* before the first transition: the first standard time */
      z->first_s = (int)be(types + i * 6, 4);
      break;
    }
  for (size_t i = 0; i < h->time; i++) {
    z->at[i] = be(body + i * h->width, (int)h->width);
    if (index[i] >= h->type || (i > 0 && z->at[i] <= z->at[i - 1])) return 0;
    z->offset_s[i] = (int32_t)be(types + index[i] * 6, 4);
  }
  return 1;
}

static int read_footer(tcb_zone *z, const char *text, size_t len) {
  char tz[128];
  if (len < 2 || text[0] != '\n') return 0;
  const char *end = memchr(text + 1, '\n', len - 1);
  size_t n = end ? (size_t)(end - text - 1) : 0;
  if (end == NULL || n >= sizeof tz) return 0;
  memcpy(tz, text + 1, n);
  tz[n] = '\0';
  z->has_rule = n > 0;
  return n == 0 || read_rule(tz, &z->rule);
}

tcb_status tcb_zone_parse(tcb_zone **out, tcb_ctx *ctx, const char *name, const char *bytes, size_t len, tcb_err *err) {
  const unsigned char *p = (const unsigned char *)bytes;
  tz_head h;
  *out = NULL;
  if (!read_head(p, len, 4, &h)) goto damaged;
  if (p[4] >= '2') {                                       /* the second block has 64-bit times, and the footer */
    size_t skip = 44 + h.bytes;
    p += skip, len -= skip;
    if (!read_head(p, len, 8, &h)) goto damaged;
  }
  tcb_status status = zone_new(out, ctx, name, h.time, err);
  if (status != TCB_OK || *out == NULL) return status;
  if (fill_zone(*out, &h, p + 44) && (h.width == 4 || read_footer(*out, (const char *)p + 44 + h.bytes, len - 44 - h.bytes))) return TCB_OK;
damaged:
  tcb_zone_free(*out);
  *out = NULL;
  return tcb_fail(err, TCB_E_CONFIG, "time zone '%s': its file is not a TZif file", name);
}

tcb_status tcb_zone_fixed(tcb_zone **out, tcb_ctx *ctx, const char *name, int offset_s, tcb_err *err) {
  tcb_status status = zone_new(out, ctx, name, 0, err);
  if (status == TCB_OK) (*out)->first_s = offset_s;
  return status;
}

void tcb_zone_free(tcb_zone *z) {
  if (z) tcb_free(z->ctx, z, z->bytes);
}

const char *tcb_zone_name(const tcb_zone *z) {
  return z->name;
}

int tcb_zone_offset_text(const char *s, size_t len, int *offset_s) {
  int digit[4], n = 0;
  *offset_s = 0;
  if ((len == 1 && (*s == 'Z' || *s == 'z')) || (len == 3 && memcmp(s, "UTC", 3) == 0)) return 1;
  if (len < 3 || len > 6 || (s[0] != '+' && s[0] != '-')) return 0;
  for (size_t i = 1; i < len; i++) {
    if (s[i] == ':' && i == 3 && len == 6) continue;
    if (s[i] < '0' || s[i] > '9' || n == 4) return 0;
    digit[n++] = s[i] - '0';
  }
  if (n != 2 && n != 4) return 0;
  int hours = digit[0] * 10 + digit[1], minutes = n == 4 ? digit[2] * 10 + digit[3] : 0;
  if (hours > 18 || minutes > 59) return 0;
  *offset_s = (hours * 3600 + minutes * 60) * (s[0] == '-' ? -1 : 1);
  return 1;
}

int tcb_zone_offset(const tcb_zone *z, int64_t utc_s) {
  if (z->count == 0 || utc_s < z->at[0]) return z->count == 0 && z->has_rule ? rule_offset(&z->rule, utc_s) : z->first_s;
  if (utc_s >= z->at[z->count - 1]) return z->has_rule ? rule_offset(&z->rule, utc_s) : z->offset_s[z->count - 1];
  size_t low = 0, high = z->count - 1;                      /* at[low] <= utc_s < at[high] */
  while (high - low > 1) {
    size_t mid = low + (high - low) / 2;
    if (z->at[mid] <= utc_s) low = mid; else high = mid;
  }
  return z->offset_s[low];
}

int64_t tcb_zone_instant(const tcb_zone *z, int64_t local_s) {
  int before = tcb_zone_offset(z, local_s - DAY_S), after = tcb_zone_offset(z, local_s + DAY_S);
  int64_t early = local_s - before, late = local_s - after;
  if (tcb_zone_offset(z, early) == before) return early;    /* where the hour occurs twice, this is the first */
  if (tcb_zone_offset(z, late) == after) return late;
  int64_t low = late, high = early;                         /* a gap: the change lies in (late, early]; find it */
  while (high - low > 1) {
    int64_t mid = low + (high - low) / 2;
    if (tcb_zone_offset(z, mid) == before) low = mid; else high = mid;
  }
  return high;
}
