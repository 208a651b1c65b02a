/* core/phone.c: phone numbers in every form users have them. */
#include "core/phone.h"

#include <string.h>

/* Digits of a national number by country code (ITU-T E.164 national plans): tells "919876543210" with `country 91`, which has its
   code already, from "9198765432", which has not. Codes that are not here: 11 digits and more have it. */
static const struct { char code[4]; unsigned char least, most; } plans[] = {
  { "1", 10, 10 }, { "7", 10, 10 }, { "20", 10, 10 }, { "27", 9, 9 }, { "30", 10, 10 }, { "31", 9, 9 }, { "32", 8, 9 }, { "33", 9, 9 },
  { "34", 9, 9 }, { "36", 8, 9 }, { "39", 9, 10 }, { "40", 9, 9 }, { "41", 9, 9 }, { "44", 10, 10 }, { "45", 8, 8 }, { "46", 9, 9 },
  { "47", 8, 8 }, { "48", 9, 9 }, { "49", 10, 11 }, { "51", 9, 9 }, { "52", 10, 10 }, { "54", 10, 11 }, { "55", 10, 11 },
  { "56", 9, 9 }, { "57", 10, 10 }, { "60", 9, 10 }, { "61", 9, 9 }, { "62", 10, 11 }, { "63", 10, 10 }, { "64", 8, 9 },
  { "65", 8, 8 }, { "66", 9, 9 }, { "81", 10, 10 }, { "82", 9, 10 }, { "84", 9, 9 }, { "86", 11, 11 }, { "90", 10, 10 },
  { "91", 10, 10 }, { "92", 10, 10 }, { "93", 9, 9 }, { "94", 9, 9 }, { "95", 9, 10 }, { "98", 10, 10 }, { "212", 9, 9 },
  { "213", 9, 9 }, { "216", 8, 8 }, { "233", 9, 9 }, { "234", 10, 10 }, { "251", 9, 9 }, { "254", 9, 9 }, { "255", 9, 9 },
  { "256", 9, 9 }, { "880", 10, 10 }, { "966", 9, 9 }, { "971", 9, 9 }, { "972", 9, 9 }, { "974", 8, 8 }, { "977", 10, 10 },
};

void tcb_phone_international(const char *country, unsigned *least, unsigned *most) {
  size_t code = strlen(country);
  *least = *most = 0;
  if (code == 0) return;
  *least = 11, *most = TCB_PHONE_MAX;
  for (size_t i = 0; i < sizeof plans / sizeof *plans; i++)
    if (strcmp(plans[i].code, country) == 0) {
      *least = (unsigned)code + plans[i].least, *most = (unsigned)code + plans[i].most;
      if (*least <= plans[i].most) *least = plans[i].most + 1u;     /* what may be national is national */
    }
}

/* Bytes of a separator at s: space, hyphen, bracket, and the invisible or wide forms of them that copying brings along. */
static size_t separator_at(const char *s, size_t len) {
  if (strchr(" -()[]\t\r\n", s[0]) && s[0]) return 1;
  if ((unsigned char)s[0] < 0x80) return 0;
  uint32_t c;
  size_t n = tcb_utf8_get(s, len, &c);
  if (n == 0) return 0;
  return c == 0xA0 || (c >= 0x2000 && c <= 0x2015) || (c >= 0x202A && c <= 0x202F) || (c >= 0x2060 && c <= 0x2069) || c == 0x2212 ||
         c == 0x3000 || c == 0xFEFF ? n : 0;
}

static int is_digit(char c) {
  return c >= '0' && c <= '9';
}

/* "9.19877E+11": a mantissa, E, an exponent. */
static int is_scientific(tcb_text t) {
  size_t i = 0, digits = 0;
  if (i < t.len && t.data[i] == '+') i++;
  for (; i < t.len && (is_digit(t.data[i]) || t.data[i] == '.' || t.data[i] == ','); i++) digits += (size_t)is_digit(t.data[i]);
  if (digits == 0 || i == t.len || (t.data[i] != 'e' && t.data[i] != 'E')) return 0;
  i++;
  if (i < t.len && (t.data[i] == '+' || t.data[i] == '-')) i++;
  if (i == t.len) return 0;
  while (i < t.len && is_digit(t.data[i])) i++;
  return i == t.len;
}

/* "919876543210.0": digits, a point or comma, zeros. */
static int has_point_zero(tcb_text t) {
  size_t zeros = 0, n = t.len;
  while (n > 0 && t.data[n - 1] == '0') n--, zeros++;
  if (zeros == 0 || n < 2 || (t.data[n - 1] != '.' && t.data[n - 1] != ',')) return 0;
  for (size_t i = t.data[0] == '+'; i < n - 1; i++)
    if (!is_digit(t.data[i])) return 0;
  return 1;
}

/* Digits of `t` into out (32 of them at most are kept, all are counted). *plus: a + stood before them. */
static tcb_why collect(tcb_text t, char out[32], size_t *count, int *plus) {
  size_t n = 0;
  *plus = 0;
  for (size_t i = 0; i < t.len;) {
    if (is_digit(t.data[i])) {
      if (n < 32) out[n] = t.data[i];
      n++, i++;
      continue;
    }
    if (t.data[i] == '+') {
      if (n > 0 || *plus) return TCB_PHONE_PLUS;
      *plus = 1;
      i++;
      continue;
    }
    size_t skip = separator_at(t.data + i, t.len - i);
    if (skip == 0) return t.data[i] == '\'' && i == 0 ? TCB_PHONE_APOSTROPHE : TCB_PHONE_CHARACTER;
    if (n > 0 && i + 3 <= t.len && memcmp(t.data + i, "(0)", 3) == 0 && (*plus || (out[0] == '0' && n > 1 && out[1] == '0')))
      skip = 3;                     /* +44 (0)20 ...: the trunk prefix is not dialled from abroad */
    i += skip;
  }
  *count = n;
  return TCB_WHY_NONE;
}

tcb_why tcb_phone_parse(const char *text, size_t len, const char *country, char digits[16], size_t *digits_len) {
  char raw[32], *d = raw;
  size_t n;
  int plus;
  tcb_text t = tcb_text_trim(text, len);
  if (t.len == 0) return TCB_PHONE_EMPTY;
  if (is_scientific(t)) return TCB_PHONE_SCIENTIFIC;
  if (has_point_zero(t)) return TCB_PHONE_POINT_ZERO;
  tcb_why why = collect(t, raw, &n, &plus);
  if (why != TCB_WHY_NONE) return why;
  if (n == 0) return TCB_PHONE_EMPTY;
  if (n > 20) return TCB_PHONE_LONG;
  size_t code = strlen(country), before = 0;
  if (!plus && n >= 2 && d[0] == '0' && d[1] == '0') d += 2, n -= 2;
  else if (!plus && code > 0) {
    unsigned least, most;
    tcb_phone_international(country, &least, &most);
    if (!(n >= least && n <= most && memcmp(d, country, code) == 0)) {
      if (d[0] == '0') d++, n--;
      before = code;
    }
  } else if (!plus && d[0] == '0') return TCB_PHONE_NATIONAL;
  if (before + n > TCB_PHONE_MAX) return TCB_PHONE_LONG;
  if (before == 0 && n > 0 && d[0] == '0') return TCB_PHONE_ZERO;
  if (before + n < TCB_PHONE_MIN) return TCB_PHONE_SHORT;
  memcpy(digits, country, before);
  memcpy(digits + before, d, n);
  digits[before + n] = '\0';
  *digits_len = before + n;
  return TCB_WHY_NONE;
}
