/* core/rows.c: makes the fast path's program from a plan, out of the rule table, and chooses its build. */
#include "core/rows.h"

#include <stdio.h>

#include "core/cpu.h"
#include "core/instant.h"
#include "core/phone.h"

#define STEP 32                       /* texts are copied in steps of this */

const tcb_rows_build *tcb_rows_find(const char *name) {
#if defined(__x86_64__)
  if (tcb_cpu_look().avx2_bmi_popcnt && (name == NULL || strcmp(name, tcb_rows_avx2.name) == 0)) return &tcb_rows_avx2;
  if (name == NULL || strcmp(name, tcb_rows_sse2.name) == 0) return &tcb_rows_sse2;
#endif
  return name == NULL || strcmp(name, tcb_rows_portable.name) == 0 ? &tcb_rows_portable : NULL;
}

/* The set of bytes in class_of with `bit`, in the forms of tcb_stops. Too many ranges: 0. */
static int stops_of(tcb_op *op, uint8_t bit, tcb_stops *stops) {
  memset(stops, 0, sizeof *stops);
  for (int c = 0; c < 128; c++) {
    if (!(op->class_of[c] & bit)) continue;
    stops->low[c & 15] |= (uint8_t)(1 << (c >> 4));
    if (c > 0 && op->class_of[c - 1] & bit) {
      stops->span[stops->ranges - 1]++;
      continue;
    }
    if (stops->ranges == 16) return 0;
    stops->from[stops->ranges++] = (uint8_t)c;
  }
  return 1;
}

static int classes(tcb_op *op, char delimiter) {
  const tcb_field_rule *rule = op->kind == TCB_OP_TEXT ? &tcb_rules[op->field] : NULL;
  memset(op->class_of, 0, sizeof op->class_of);
  for (int c = 0; c < 0x20; c++) op->class_of[c] = TCB_STOP_PLAIN | TCB_STOP_QUOTED;
  op->class_of['"'] |= TCB_STOP_QUOTED;
  op->class_of[(unsigned char)delimiter] |= TCB_STOP_PLAIN;
  if (rule) {
    op->class_of['"'] |= TCB_STOP_PLAIN;
    op->class_of['\\'] |= TCB_STOP_PLAIN | TCB_STOP_QUOTED;
    for (const char *c = rule->forbidden; *c; c++) op->class_of[(unsigned char)*c] |= TCB_STOP_PLAIN | TCB_STOP_QUOTED;
    for (const char *c = rule->edges; *c; c++) op->class_of[(unsigned char)*c] |= TCB_IS_EDGE;
  }
  return stops_of(op, TCB_STOP_PLAIN, &op->plain) && stops_of(op, TCB_STOP_QUOTED, &op->quoted);
}

/* JSON in front of a field's value. */
static tcb_status before_value(const tcb_plan *plan, int field, tcb_buf *out, tcb_err *err) {
  static const char *const open[] = { "\"", "\"", "\"", "" };
  tcb_type type = tcb_rules[field].type;
  return tcb_buf_addf(out, err, "%c\"%s\":%s%s", field == 0 ? '{' : ',', tcb_rules[field].name[plan->dialect], open[type],
                      type == TCB_TYPE_NUMBER && plan->plus ? "+" : "");
}

/* A field that is the same in every row: its JSON, and its part of the key. 0 in *valid: it breaks a rule, so that all rows are refused. */
static tcb_status constant(tcb_rows *rows, const tcb_plan *plan, int field, tcb_text text, tcb_buf *out, int *valid, tcb_err *err) {
  char number[16];
  size_t len = 0;
  tcb_match_key *key = &rows->key_start;
  tcb_status status = before_value(plan, field, out, err);
  *valid = 0;
  if (status != TCB_OK || tcb_text_trim(text.data, text.len).len == 0) return status;
  switch (tcb_rules[field].type) {
  case TCB_TYPE_NUMBER:
    if (tcb_phone_parse(text.data, text.len, plan->country, number, &len) != TCB_WHY_NONE) return TCB_OK;
    memcpy(field == TCB_CALLER ? key->caller : key->receiver, number, len);
    status = tcb_buf_addf(out, err, "%s\"", number);
    break;
  case TCB_TYPE_UUID:
    text = tcb_text_trim(text.data, text.len);
    if (!tcb_is_uuid(text.data, text.len)) return TCB_OK;
    for (size_t i = 0; i < text.len; i++) key->label[i] = (char)(text.data[i] | 0x20);
    status = tcb_buf_addf(out, err, "%.*s\"", (int)text.len, text.data);
    break;
  case TCB_TYPE_INSTANT: {
    int64_t *ms = field == TCB_STARTS_AT ? &rows->starts_at : &rows->ends_at;
    if (tcb_instant_parse(text.data, text.len, plan->check.zone, ms) != TCB_WHY_NONE) return TCB_OK;
    status = tcb_buf_addf(out, err, "%lld", (long long)*ms);
    break;
  }
  default:
    if (tcb_text_check((tcb_field)field, text).code != TCB_FAULT_NONE) return TCB_OK;
    out->len--;                                          /* the text brings its own quotes */
    status = tcb_json_text(text.data, text.len, out, err);
  }
  *valid = 1;
  return status;
}

static void column_op(tcb_op *op, const tcb_plan *plan, int field) {
  static const uint8_t kinds[] = { TCB_OP_NUMBER, TCB_OP_UUID, TCB_OP_TEXT, TCB_OP_INSTANT };
  const tcb_field_rule *rule = &tcb_rules[field];
  op->kind = kinds[rule->type];
  op->field = (uint8_t)field;
  op->least = rule->least;
  op->most = rule->most;
  op->may_be_empty = rule->type == TCB_TYPE_TEXT && !rule->required && plan->field[field].parts == 0;
  if (rule->type == TCB_TYPE_NUMBER && plan->country[0]) {
    unsigned least, most;
    size_t len = strlen(plan->country);
    tcb_phone_international(plan->country, &least, &most);
    op->least = (int)least, op->most = (int)most;
    memcpy(&op->country, plan->country, len);
    memset(&op->country_mask, 0xFF, len);
  }
}

/* Where a field's texts lie in rows->text while it grows. */
typedef struct { size_t before, before_end, after, after_end; } place;

tcb_status tcb_rows_make(tcb_rows *rows, tcb_ctx *ctx, const tcb_plan *plan, char delimiter, size_t columns, tcb_err *err) {
  place where[TCB_FIELDS] = { { 0, 0, 0, 0 } };
  int last_column = -1, last_field = -1, valid;
  size_t head_end = 0;
  tcb_buf_init(&rows->text, ctx);
  if (columns > TCB_ROWS_COLUMNS) return TCB_OK;
  rows->columns = (int)columns;
  rows->delimiter = delimiter;
  rows->is_ordered = 1;
  rows->op[TCB_FIELDS] = (tcb_op){ .kind = TCB_OP_SKIP, .field = TCB_FIELDS };
  memset(rows->op_of, TCB_FIELDS, sizeof rows->op_of);
  for (int i = 0; i < TCB_FIELDS; i++) {
    int column = plan->field[i].column, parts = plan->field[i].parts;
    const tcb_part *part = &plan->part[plan->field[i].first_part];
    size_t from = rows->text.len;
    tcb_status status = TCB_OK;
    if (column >= 0) {
      if (rows->op_of[column] != TCB_FIELDS) return TCB_OK;            /* one column for two fields */
      rows->op_of[column] = (uint8_t)i;
      column_op(&rows->op[i], plan, i);
      if (column < last_column) rows->is_ordered = 0;
      last_column = column, last_field = i;
      status = before_value(plan, i, &rows->text, err);
      where[i] = (place){ from, rows->text.len, rows->text.len, rows->text.len };
    } else if (parts == 1 && part->column < 0) {
      tcb_text text = { plan->text.data + part->at, part->len };
      status = constant(rows, plan, i, text, &rows->text, &valid, err);
      if (status == TCB_OK && !valid) return TCB_OK;
      rows->piece_len[i] = (int)(rows->text.len - from);
      if (rows->piece_len[i] > TCB_PIECE_MAX - STEP) return TCB_OK;
      memcpy(rows->piece[i], rows->text.data + from, rows->text.len - from);
      if (last_field < 0) head_end = rows->text.len;
      else where[last_field].after_end = rows->text.len;
    } else if (parts > 0) return TCB_OK;                 /* a template, made row by row */
    if (status != TCB_OK) return status;
  }
  tcb_status status = tcb_buf_reserve(&rows->text, STEP, err);       /* so that a step never reads behind the block */
  if (status != TCB_OK) return status;
  memset(rows->text.data + rows->text.len, 0, STEP);
  rows->head = rows->text.data;
  rows->head_len = (int)head_end;
  for (int i = 0; i <= TCB_FIELDS; i++) {
    tcb_op *op = &rows->op[i];
    op->before = op->after = rows->text.data;
    if (i < TCB_FIELDS) {
      size_t after = where[i].after_end - where[i].after;
      if (after > 255 && rows->is_ordered) return TCB_OK;
      op->before = rows->text.data + where[i].before;
      op->before_len = (uint8_t)(where[i].before_end - where[i].before);
      op->after = rows->text.data + where[i].after;
      op->after_len = rows->is_ordered ? (uint8_t)after : 0;
    }
    if (!classes(op, delimiter)) return TCB_OK;
  }
  int kind = rows->op[rows->op_of[0]].kind;
  rows->is_usable = columns > 1 || kind == TCB_OP_NUMBER || kind == TCB_OP_INSTANT;      /* else an empty line would be a row */
  return TCB_OK;
}

void tcb_rows_clear(tcb_rows *rows) {
  if (rows->text.ctx) tcb_buf_free(&rows->text);
}
