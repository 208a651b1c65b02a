/* spec/fuzz/memory.c: the feed with an allocator whose n-th call fails, for every n until none fails: each time the batches are the same,
   or the error is "memory"; nothing stays allocated. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/decode.h"
#include "core/feed.h"

#define NOW INT64_C(1893456000000)

static long calls, fail_at, live;
static void *alloc(void *ud, void *block, size_t old_bytes, size_t new_bytes) {
  (void)ud;
  (void)old_bytes;
  if (new_bytes == 0) {
    live -= block != NULL;
    free(block);
    return NULL;
  }
  if (++calls == fail_at) return NULL;
  live += block == NULL;
  return realloc(block, new_bytes);
}

static tcb_status spill_append(void *ud, const void *bytes, size_t len, tcb_err *err) {
  (void)ud, (void)bytes, (void)len;
  return tcb_fail(err, TCB_E_STORE, "these rows fit in memory");
}
static tcb_status spill_read(void *ud, int64_t at, void *bytes, size_t len, tcb_err *err) {
  (void)at;
  return spill_append(ud, bytes, len, err);
}

typedef enum { PLAIN, HOOK, REMEMBER, SORTED, JSON, WAYS } way;

static tcb_status put_row(tcb_feed *f, tcb_err *err) {
  const tcb_record *r = tcb_feed_record(f);
  tcb_cell cells[TCB_FIELDS];
  for (int i = 0; i < TCB_FIELDS; i++) {
    cells[i] = (tcb_cell){ .text = r->text[i] };
    if (i < 2) cells[i].text = (tcb_text){ r->number[i], r->number_len[i] };
    if (i >= TCB_STARTS_AT) cells[i] = (tcb_cell){ .n = i == TCB_STARTS_AT ? r->starts_at : r->ends_at, .is_int = 1 };
  }
  return tcb_feed_put(f, cells, err);
}

static tcb_status sort_rows(tcb_feed *f, tcb_sort *order, tcb_err *err) {
  tcb_feed_result result = TCB_FEED_BATCH;
  tcb_status status = TCB_OK;
  tcb_feed_watch(f, 1, 1);
  while (status == TCB_OK && result != TCB_FEED_END) {
    if ((status = tcb_feed_next(f, NOW, 0, &result, err)) != TCB_OK) break;
    const tcb_batch *b = tcb_feed_batch(f);
    for (size_t at = 0; at < b->notes.len && status == TCB_OK; at += sizeof(tcb_sighting))
      status = tcb_order_add(order, (const tcb_sighting *)(b->notes.data + at), err);
  }
  return status;
}

/* A hash of all bodies. */
static tcb_status run(tcb_ctx *ctx, way how, const char *text, uint64_t *hash, tcb_err *err) {
  const tcb_shape shape = { .batch_max = 20, .check = { .country = "91" }, .fill = { [TCB_REASON] = "Order {note} arrives today" } };
  const tcb_spill spill = { NULL, spill_append, spill_read };
  tcb_reader *reader = NULL;
  tcb_feed *f = NULL;
  tcb_sort *order = NULL;
  tcb_feed_result result = TCB_FEED_BATCH;
  tcb_buf spans, place;
  int64_t taken = 0;
  tcb_buf_init(&spans, ctx), tcb_buf_init(&place, ctx);
  *hash = 0;
  tcb_status status = tcb_reader_text(&reader, ctx, text, strlen(text), err);
  if (status == TCB_OK) status = tcb_decode_open(&reader, ctx, reader, TCB_ENC_START, err);
  if (status == TCB_OK) status = tcb_feed_open(&f, ctx, reader, how == JSON ? TCB_FORMAT_NDJSON : TCB_FORMAT_CSV, &shape, err);
  int64_t line = 0;
  if (status == TCB_OK) status = tcb_feed_exclude(f, "number\n919800000003\n", 20, "", &line, err);
  if (status == TCB_OK && how == REMEMBER) status = tcb_feed_remember(f, "12345678", 8, err);
  if (status == TCB_OK && how == HOOK) tcb_feed_hook(f, 1);
  if (status == TCB_OK && how == SORTED) {
    status = tcb_sort_open(&order, ctx, TCB_ORDER_BYTES, 65536, &spill, err);
    if (status == TCB_OK) status = sort_rows(f, order, err);
  }
  while (status == TCB_OK && result != TCB_FEED_END) {
    status = how == SORTED ? tcb_feed_next_in_order(f, order, NOW, &taken, &result, err) : tcb_feed_next(f, NOW, 0, &result, err);
    if (status == TCB_OK && result == TCB_FEED_ROW) status = put_row(f, err);
    if (status != TCB_OK || result != TCB_FEED_BATCH) continue;
    const tcb_batch *b = tcb_feed_batch(f);
    *hash = (*hash ^ tcb_body_hash(b->body.data, b->body.len)) * 31;
    spans.len = place.len = 0;
    status = tcb_buf_add(&spans, b->spans.data, b->spans.len, err);
    if (status == TCB_OK) status = tcb_feed_checkpoint(f, &place, err);
  }
  if (status == TCB_OK && how == PLAIN) {
    status = tcb_feed_rebuild(f, spans.data, spans.len, err);
    if (status == TCB_OK) status = tcb_feed_resume(f, place.data, place.len, err);
  }
  tcb_feed_free(f);
  tcb_sort_free(order);
  tcb_buf_free(&spans), tcb_buf_free(&place);
  return status;
}

static char *make(way how) {
  static char text[65536];
  char *to = text;
  if (how != JSON) to += sprintf(to, "caller_number,receiver_number,label_id,dynamic_label_name,dynamic_call_reason,starts_at,ends_at,note\n");
  for (int i = 0; i < 100; i++) {
    long long starts = NOW + 1000 + i * 977 % 100;
    const char *name = i % 3 ? "Acme Deliveries" : i % 2 ? "Caf\xC3\xA9" : "\xC3\x96l", *reason = i % 4 ? "Your parcel arrives today" : "";
    if (how == JSON) to += sprintf(to, "{\"caller_number\":\"911234567890\",\"receiver_number\":\"9198%08d\",\"label_id\":"
      "\"0c7d1f6e-0281-4f86-bb27-745254543456\",\"dynamic_label_name\":\"%s\",\"dynamic_call_reason\":\"%s\",\"starts_at\":%lld,"
      "\"ends_at\":%lld,\"note\":\"n\\u00e9 %d\"}\n", i % 70, name, reason, starts, starts + 1000, i);
    else to += sprintf(to, "911234567890,9198%08d,0c7d1f6e-0281-4f86-bb27-745254543456,\"%s \"\"x\"\"\",%s,%lld,%lld,%d\n", i % 70, name, reason,
      starts, starts + 1000, i);
  }
  return text;
}

int main(void) {
  static const char *const names[] = { "plain", "hook", "remember", "sorted", "json" };
  long all = 0;
  for (way how = PLAIN; how < WAYS; how++) {
    uint64_t want, got;
    tcb_err err;
    tcb_ctx ctx;
    tcb_ctx_init(&ctx);
    ctx.alloc = alloc;
    char *text = make(how);
    fail_at = 0;
    if (run(&ctx, how, text, &want, &err) != TCB_OK || want == 0) return printf("%s: %s\n", names[how], err.message), 1;
    for (fail_at = 1; ; fail_at++, all++) {
      calls = 0;
      tcb_status status = run(&ctx, how, text, &got, &err);
      if (live != 0) return printf("%s: %ld blocks are left when call %ld fails\n", names[how], live, fail_at), 1;
      if (calls < fail_at && status == TCB_OK && got == want) break;
      if (status != TCB_E_MEMORY) return printf("%s: call %ld fails, and the result is %d, %s\n", names[how], fail_at, status, err.message), 1;
    }
    tcb_ctx_clear(&ctx);
  }
  printf("%ld failures of the allocator, each reported, nothing lost\n", all);
  return 0;
}
