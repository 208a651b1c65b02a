/* core/shape.c: finds the columns of a shape, and fills fields. */
#include "core/shape.h"

static char fold(char c) {
  if (c >= 'A' && c <= 'Z') return (char)(c + 32);
  return c == ' ' || c == '-' ? '_' : c;
}

int tcb_column_same(const char *a, size_t a_len, const char *b, size_t b_len) {
  tcb_text x = tcb_text_trim(a, a_len), y = tcb_text_trim(b, b_len);
  if (x.len != y.len) return 0;
  for (size_t i = 0; i < x.len; i++)
    if (fold(x.data[i]) != fold(y.data[i])) return 0;
  return 1;
}

static tcb_status add_part(tcb_plan *plan, int column, const char *text, size_t len, tcb_err *err) {
  if (plan->parts == TCB_PARTS_MAX) return tcb_fail(err, TCB_E_INPUT, "templates have more than %d parts", TCB_PARTS_MAX);
  plan->part[plan->parts++] = (tcb_part){ column, plan->text.len, len };
  return column < 0 ? tcb_buf_add(&plan->text, text, len, err) : TCB_OK;
}

/* "Order {order_id} arrives": literals and columns. "{{" is a brace. */
static tcb_status read_fill(tcb_plan *plan, tcb_field field, const char *text, tcb_column_find find, void *ud, tcb_err *err) {
  const char *name = tcb_rules[field].name[plan->dialect], *p = text;
  tcb_status status = TCB_OK;
  plan->field[field].first_part = plan->parts;
  while (*p && status == TCB_OK) {
    size_t n = strcspn(p, "{");
    if (n > 0) status = add_part(plan, -1, p, n, err);
    p += n;
    if (*p == '\0' || status != TCB_OK) break;
    if (p[1] == '{') {
      status = add_part(plan, -1, "{", 1, err);
      p += 2;
      continue;
    }
    n = strcspn(p + 1, "}");
    if (p[1 + n] == '\0') return tcb_fail_field(err, TCB_E_INPUT, name, "text for %s: '{' without '}' in '%.80s'", name, text);
    int column = find(ud, p + 1, n);
    if (column < 0) {
      int len = n < 60 ? (int)n : 60;
      return tcb_fail_field(err, TCB_E_INPUT, name, "text for %s names column '%.*s', which the input has not", name, len, p + 1);
    }
    status = add_part(plan, column, NULL, 0, err);
    p += n + 2;
  }
  plan->field[field].parts = plan->parts - plan->field[field].first_part;
  return status;
}

static tcb_status find_column(tcb_plan *plan, tcb_field field, const char *wanted, tcb_column_find find, void *ud, tcb_err *err) {
  const tcb_field_rule *rule = &tcb_rules[field];
  const char *name = rule->name[plan->dialect], *other = rule->name[1 - plan->dialect];
  int *column = &plan->field[field].column;
  if (wanted) {
    *column = find(ud, wanted, strlen(wanted));
    return *column >= 0 ? TCB_OK : tcb_fail_field(err, TCB_E_INPUT, name, "column '%.60s', mapped to %s, is not in the input", wanted, name);
  }
  *column = find(ud, name, strlen(name));
  if (*column < 0) *column = find(ud, other, strlen(other));
  return TCB_OK;
}

tcb_status tcb_plan_make(tcb_plan *plan, tcb_ctx *ctx, const tcb_shape *shape, tcb_column_find find, void *ud, tcb_err *err) {
  memset(plan, 0, sizeof *plan);
  tcb_buf_init(&plan->text, ctx);
  tcb_buf_init(&plan->scratch, ctx);
  plan->dialect = shape->dialect;
  plan->plus = shape->plus;
  plan->batch_max = shape->batch_max;
  plan->check = shape->check;
  strncpy(plan->country, shape->check.country ? shape->check.country : "", sizeof plan->country - 1);
  plan->check.country = plan->country;
  for (int i = 0; i < TCB_FIELDS; i++) {
    tcb_status status = find_column(plan, (tcb_field)i, shape->map[i], find, ud, err);
    if (status == TCB_OK && shape->fill[i]) status = read_fill(plan, (tcb_field)i, shape->fill[i], find, ud, err);
    if (status != TCB_OK) return status;
    int required = tcb_rules[i].required && !(i == TCB_LABEL && plan->check.label_optional);
    if (required && plan->field[i].column < 0 && plan->field[i].parts == 0) {
      const char *name = tcb_rules[i].name[plan->dialect];
      return tcb_fail_field(err, TCB_E_INPUT, name, "no column for %s: name one (--map %s=COLUMN) or give a value for all rows", name, name);
    }
  }
  return TCB_OK;
}

void tcb_plan_clear(tcb_plan *plan) {
  if (plan->text.ctx == NULL) return;
  tcb_buf_free(&plan->text);
  tcb_buf_free(&plan->scratch);
}

static size_t fill_bytes(const tcb_plan *plan, int field, const tcb_csv_cell *cells, size_t count) {
  size_t n = 0;
  for (int i = 0; i < plan->field[field].parts; i++) {
    const tcb_part *part = &plan->part[plan->field[field].first_part + i];
    n += part->column < 0 ? part->len : (size_t)part->column < count ? cells[part->column].len : 0;
  }
  return n;
}

static tcb_text fill(const tcb_plan *plan, int field, const tcb_csv_cell *cells, size_t count, char *to) {
  char *from = to;
  for (int i = 0; i < plan->field[field].parts; i++) {
    const tcb_part *part = &plan->part[plan->field[field].first_part + i];
    tcb_text t = { NULL, 0 };
    if (part->column < 0) t = (tcb_text){ plan->text.data + part->at, part->len };
    else if ((size_t)part->column < count) t = tcb_csv_text(&cells[part->column], to);
    if (t.len > 0 && t.data != to) memcpy(to, t.data, t.len);
    to += t.len;
  }
  return (tcb_text){ from, (size_t)(to - from) };
}

tcb_status tcb_plan_fields(tcb_plan *plan, const tcb_csv_cell *cells, size_t count, tcb_cell fields[TCB_FIELDS], tcb_err *err) {
  size_t bytes = 0;
  for (int i = 0; i < TCB_FIELDS; i++) {
    int column = plan->field[i].column;
    if (column >= 0 && (size_t)column < count && cells[column].doubled) bytes += cells[column].len;
    if (plan->field[i].parts) bytes += fill_bytes(plan, i, cells, count);
  }
  plan->scratch.len = 0;
  tcb_status status = tcb_buf_reserve(&plan->scratch, bytes, err);
  if (status != TCB_OK) return status;
  char *to = plan->scratch.data;
  for (int i = 0; i < TCB_FIELDS; i++) {
    int column = plan->field[i].column;
    tcb_text t = { NULL, 0 };
    if (column >= 0 && (size_t)column < count) t = tcb_csv_text(&cells[column], to);
    if (t.data == to) to += t.len;
    if (plan->field[i].parts && tcb_text_trim(t.data, t.len).len == 0) {
      t = fill(plan, i, cells, count, to);
      to += t.len;
    }
    fields[i] = (tcb_cell){ .text = t };
  }
  return TCB_OK;
}
