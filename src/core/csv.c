/* core/csv.c: the plain reading of CSV: the reference that the fast path is compared with. */
#include "core/csv.h"

#include <string.h>

typedef struct { const char *at, *end; int is_last; size_t lines; } scan;

/* At a line end: its bytes. 0: none here; -1: a CR whose LF may still come. */
static int line_end(const scan *s, const char *p) {
  if (*p == '\n') return 1;
  if (*p != '\r') return 0;
  if (p + 1 < s->end) return p[1] == '\n' ? 2 : 1;
  return s->is_last ? 1 : -1;
}

/* Behind the closing quote of the cell that opens at `p`. NULL: it is not closed in what is here. */
static const char *quoted(scan *s, const char *p, tcb_csv_cell *cell) {
  cell->data = ++p;
  cell->doubled = 0;
  for (; p < s->end; p++) {
    if (*p == '\n' || (*p == '\r' && !(p + 1 < s->end && p[1] == '\n'))) s->lines++;
    if (*p != '"') continue;
    if (p + 1 == s->end && !s->is_last) return NULL;
    if (p + 1 == s->end || p[1] != '"') {
      cell->len = (uint32_t)(p - cell->data);
      return p + 1;
    }
    cell->doubled = 1;
    p++;
  }
  return NULL;
}

/* Refuses the row, and goes on with the next physical line: an unclosed quote must not swallow the rows behind it. */
static int broken(const scan *s, const char *from, tcb_why why, tcb_csv_row *row) {
  const char *p = from;
  int n = 0, is_long = s->end - from > TCB_ROW_MAX;
  while (p < s->end && (n = line_end(s, p)) == 0) p++;
  if ((n < 0 || p == s->end) && !s->is_last && !is_long) return 0;
  if (n != 0) p += n > 0 ? n : 1;
  *row = (tcb_csv_row){ .count = 1, .bytes = (size_t)(p - from), .lines = n != 0, .why = why };
  return 1;
}

int tcb_csv_next(char delimiter, const char *from, size_t len, int is_last, tcb_csv_cell *cells, size_t cap, tcb_csv_row *row) {
  scan s = { from, from + len, is_last, 0 };
  const char *p = from;
  tcb_csv_cell cell;
  *row = (tcb_csv_row){ .count = 0 };
  if (len == 0) return 0;
  int n = line_end(&s, p);
  if (n < 0) return 0;
  if (n > 0) {
    row->bytes = (size_t)n;
    row->lines = 1;
    return 1;
  }
  for (;;) {
    if (p < s.end && *p == '"') {
      p = quoted(&s, p, &cell);
      if (p == NULL) {
        if (len > TCB_ROW_MAX) return broken(&s, from, TCB_CSV_LONG, row);
        return is_last ? broken(&s, from, TCB_CSV_OPEN, row) : 0;
      }
      if (p < s.end && *p != delimiter && *p != '\n' && *p != '\r') return broken(&s, from, TCB_CSV_QUOTE, row);
    } else {
      const char *start = p;
      while (p < s.end && *p != delimiter && *p != '\n' && *p != '\r') p++;
      cell = (tcb_csv_cell){ start, (uint32_t)(p - start), 0 };
    }
    if (p == s.end && !is_last) return len > TCB_ROW_MAX ? broken(&s, from, TCB_CSV_LONG, row) : 0;
    n = p == s.end ? 0 : line_end(&s, p);
    if (n < 0) return 0;
    if (row->count < cap) cells[row->count] = cell;
    row->count++;
    if (p == s.end || n > 0) break;
    p++;
  }
  row->bytes = (size_t)(p - from) + (size_t)n;
  row->lines = s.lines + (n > 0);
  return 1;
}

char tcb_csv_delimiter(const char *header, size_t len) {
  static const char candidates[] = { ',', ';', '\t' };
  tcb_csv_row row;
  size_t best = 0;
  char found = ',';
  for (int i = 0; i < 3; i++)
    if (tcb_csv_next(candidates[i], header, len, 1, NULL, 0, &row) && row.why == TCB_WHY_NONE && row.count > best)
      best = row.count, found = candidates[i];
  return found;
}
