/* core/feed_json.c: NDJSON in the feed. There is no header: the columns are the names that the shape wants. */
#include "core/feed_priv.h"

#include "core/jscan.h"

#define NAMES_MAX (2 * TCB_FIELDS + TCB_PARTS_MAX)
#define NAME_BYTES 32               /* of a field's own name, at most */

/* Every name that is asked for is a column from then on. */
static int want_column(void *ud, const char *name, size_t len) {
  tcb_feed *f = ud;
  for (size_t i = 0; i < f->columns; i++)
    if (f->names[i].len == len && memcmp(f->header.data + f->names[i].at, name, len) == 0) return (int)i;
  if (f->columns == NAMES_MAX || tcb_buf_add(&f->header, name, len, NULL) != TCB_OK) return -1;
  f->names[f->columns] = (tcb_name){ (uint32_t)(f->header.len - len), (uint32_t)len, 0 };
  return (int)f->columns++;
}

tcb_status tcb_feed_start_json(tcb_feed *f, tcb_err *err) {
  f->cells_cap = NAMES_MAX;
  f->cells = tcb_malloc(f->ctx, f->cells_cap * sizeof *f->cells);
  f->names = tcb_malloc(f->ctx, f->cells_cap * sizeof *f->names);
  if (f->cells == NULL || f->names == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory for the columns");
  /* Room for every name that the shape can ask for, so that asking for one cannot fail. */
  tcb_status status = tcb_buf_reserve(&f->header, f->shape_text.len + 2 * TCB_FIELDS * NAME_BYTES, err);
  if (status == TCB_OK) status = tcb_plan_make(&f->plan, f->ctx, &f->shape, want_column, f, err);
  f->is_started = status == TCB_OK;
  return status;
}

int tcb_feed_member(void *feed, const char *name, size_t len) {
  const tcb_feed *f = feed;
  for (size_t i = 0; i < f->columns; i++)
    if (f->names[i].len == len && memcmp(f->header.data + f->names[i].at, name, len) == 0) return (int)i;
  for (int i = 0; i < TCB_FIELDS; i++) {                   /* the other dialect's spelling, where the field was not mapped */
    const char *other = tcb_rules[i].name[1 - f->plan.dialect];
    if (f->shape.map[i] == NULL && strlen(other) == len && memcmp(other, name, len) == 0) return f->plan.field[i].column;
  }
  return -1;
}

tcb_status tcb_feed_json_cell(const tcb_feed *f, const char *name, size_t len, tcb_buf *scratch, tcb_text *out, tcb_err *err) {
  tcb_jscan_members m = tcb_jscan_open((tcb_slice){ f->in, f->in + f->row.bytes });
  while (tcb_jscan_next(&m)) {
    if ((size_t)(m.key.to - m.key.from) != len || memcmp(m.key.from, name, len) != 0) continue;
    const char *from = m.value.from;
    size_t bytes = (size_t)(m.value.to - from);
    if (*from == 'n') return TCB_OK;
    *out = (tcb_text){ from, bytes };
    if (*from != '"') continue;
    tcb_status status = tcb_buf_reserve(scratch, bytes, err);
    if (status != TCB_OK) return status;
    *out = (tcb_text){ scratch->data, tcb_ndjson_unescape(from + 1, bytes - 2, scratch->data) };
  }
  return TCB_OK;
}
