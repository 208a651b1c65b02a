/* core/instant.c: epoch ms and ISO 8601. */
#include "core/instant.h"

#include <stdio.h>
#include <string.h>

tcb_why tcb_instant_check(int64_t ms) {
  if (ms < TCB_INSTANT_MIN) return TCB_TIME_SECONDS;
  return ms > TCB_INSTANT_MAX ? TCB_TIME_MICROSECONDS : TCB_WHY_NONE;
}

static int is_digit(char c) {
  return c >= '0' && c <= '9';
}

/* Exactly `n` digits at s + *at; moves *at. -1: not there. */
static int digits(tcb_text t, size_t *at, int n) {
  int value = 0;
  if (t.len - *at < (size_t)n) return -1;
  for (int i = 0; i < n; i++) {
    char c = t.data[*at + (size_t)i];
    if (!is_digit(c)) return -1;
    value = value * 10 + (c - '0');
  }
  *at += (size_t)n;
  return value;
}

static int take(tcb_text t, size_t *at, char c) {
  if (*at >= t.len || t.data[*at] != c) return 0;
  (*at)++;
  return 1;
}

static tcb_why whole_number(tcb_text t, int64_t *ms) {
  int64_t n = 0;
  size_t i = t.data[0] == '-' || t.data[0] == '+';
  if (i == t.len) return TCB_TIME_FORM;
  for (; i < t.len && is_digit(t.data[i]); i++)
    if (n <= TCB_INSTANT_MAX) n = n * 10 + (t.data[i] - '0');
  if (i < t.len) {                                         /* the caller saw a number's beginning: say what it became */
    if (memchr(t.data, 'E', t.len) || memchr(t.data, 'e', t.len)) return TCB_TIME_SCIENTIFIC;
    if (t.data[i] != '.' && t.data[i] != ',') return TCB_TIME_FORM;
    for (i++; i < t.len; i++) if (!is_digit(t.data[i])) return TCB_TIME_FORM;             /* 24.12.2026 */
    return TCB_TIME_POINT_ZERO;
  }
  *ms = t.data[0] == '-' ? -n : n;
  return tcb_instant_check(*ms);
}

/* hh[:mm[:ss[.fff]]] at *at, in ms of the day; -1: not a time of day, -2: a time that does not exist. */
static int64_t time_of_day(tcb_text t, size_t *at) {
  int seconds = 0, fraction = 0;
  int hours = digits(t, at, 2);
  int colon = take(t, at, ':');
  int minutes = digits(t, at, 2);
  if (hours < 0 || minutes < 0) return -1;
  if (colon ? take(t, at, ':') : *at < t.len && is_digit(t.data[*at])) {
    seconds = digits(t, at, 2);
    if (seconds < 0) return -1;
    if (take(t, at, '.') || take(t, at, ',')) {
      size_t from = *at;
      for (int unit = 100; *at < t.len && is_digit(t.data[*at]); unit /= 10) fraction += (t.data[(*at)++] - '0') * unit;
      if (*at == from) return -1;
    }
  }
  int64_t ms = ((int64_t)hours * 3600 + minutes * 60 + seconds) * 1000 + fraction;
  return hours > 24 || minutes > 59 || seconds > 59 || ms > 86400000 ? -2 : ms;
}

tcb_why tcb_instant_parse(const char *text, size_t len, const tcb_zone *zone, int64_t *ms) {
  static const unsigned char month_days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
  tcb_text t = tcb_text_trim(text, len);
  size_t at = 0;
  int offset_s;
  if (t.len == 0) return TCB_TIME_EMPTY;
  int year = digits(t, &at, 4), dashed = year >= 0 && take(t, &at, '-');
  if (!dashed && !(t.len >= 9 && (t.data[8] == 'T' || t.data[8] == 't'))) return whole_number(t, ms);
  int month = digits(t, &at, 2);
  if (dashed && !take(t, &at, '-')) return TCB_TIME_FORM;
  int day = digits(t, &at, 2);
  if (month < 0 || day < 0) return TCB_TIME_FORM;
  if (month < 1 || month > 12 || day < 1 || day > month_days[month - 1]) return TCB_TIME_RANGE;
  if (day == 29 && month == 2 && !((year % 4 == 0 && year % 100 != 0) || year % 400 == 0)) return TCB_TIME_RANGE;
  if (at == t.len) return TCB_TIME_DATE_ONLY;
  if (!take(t, &at, 'T') && !take(t, &at, 't') && !take(t, &at, ' ')) return TCB_TIME_FORM;
  int64_t of_day = time_of_day(t, &at);
  if (of_day < 0) return of_day == -2 ? TCB_TIME_RANGE : TCB_TIME_FORM;
  while (at < t.len && t.data[at] == ' ') at++;
  int64_t local_s = tcb_days_of(year, month, day) * 86400 + of_day / 1000, utc_s;
  if (at < t.len) {
    if (!tcb_zone_offset_text(t.data + at, t.len - at, &offset_s)) return TCB_TIME_FORM;
    utc_s = local_s - offset_s;
    *ms = utc_s * 1000 + of_day % 1000;
  } else {
    if (zone == NULL) return TCB_TIME_ZONE;
    utc_s = tcb_zone_instant(zone, local_s);
    int moved = utc_s + tcb_zone_offset(zone, utc_s) != local_s;      /* out of a gap: the fraction goes with it */
    *ms = utc_s * 1000 + (moved ? 0 : of_day % 1000);
  }
  return *ms < TCB_INSTANT_MIN || *ms > TCB_INSTANT_MAX ? TCB_TIME_RANGE : TCB_WHY_NONE;
}

void tcb_instant_format(int64_t ms, const tcb_zone *zone, char out[40]) {
  int64_t utc_s = ms / 1000 - (ms % 1000 < 0), year;
  int fraction = (int)(ms - utc_s * 1000), month, day;
  int offset_s = zone ? tcb_zone_offset(zone, utc_s) : 0;
  int64_t local = utc_s + offset_s;
  int64_t days = (local >= 0 ? local : local - 86399) / 86400;
  int of_day = (int)(local - days * 86400);
  tcb_date_of(days, &year, &month, &day);
  int n = snprintf(out, 40, "%04d-%02d-%02dT%02d:%02d:%02d", (int)year, month, day, of_day / 3600, of_day / 60 % 60, of_day % 60);
  if (fraction) n += snprintf(out + n, (size_t)(40 - n), ".%03d", fraction);
  if (zone == NULL) snprintf(out + n, (size_t)(40 - n), "Z");
  else {
    int east = offset_s < 0 ? -offset_s : offset_s;
    snprintf(out + n, (size_t)(40 - n), "%c%02d:%02d", offset_s < 0 ? '-' : '+', east / 3600, east / 60 % 60);
  }
}
