/* bind/feed.c: Lua face of tcb_feed. Batches leave as tables; their bodies as tcb.buf, swapped and not copied. */
#include "bind/core_open.h"

#include <string.h>

#include "bind/feed.h"
#include "bind/order.h"
#include "bind/pairs.h"
#include "bind/reader.h"
#include "bind/row.h"
#include "bind/zone.h"
#include "core/decode.h"

#define FEED "tcb.feed"
#define DRAIN_BATCHES 1000            /* of one call: about 0.1 s */

typedef struct {
  tcb_feed *core;                   /* NULL: not open yet, or closed */
  tcb_drain drain;
} feed_ud;

tcb_feed *l_checkfeed(lua_State *L, int arg) {
  feed_ud *u = luaL_checkudata(L, arg, FEED);
  luaL_argcheck(L, u->core != NULL, arg, "feed is closed");
  return u->core;
}

/* Strings of the table in field `name` of the shape, by the dialect's field names. They live as long as the shape table. */
static void read_texts(lua_State *L, int arg, const char *name, tcb_dialect dialect, const char *texts[TCB_FIELDS]) {
  lua_getfield(L, arg, name);
  if (!lua_isnil(L, -1)) {
    luaL_argcheck(L, lua_istable(L, -1), arg, lua_pushfstring(L, "field '%s': a table expected", name));
    int at = lua_gettop(L);
    for (lua_pushnil(L); lua_next(L, at); lua_pop(L, 1)) {
      int i = 0;
      luaL_argcheck(L, lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TSTRING, arg, "names and texts are strings");
      while (i < TCB_FIELDS && strcmp(tcb_rules[i].name[dialect], lua_tostring(L, -2)) != 0 &&
             strcmp(tcb_rules[i].name[TCB_V2], lua_tostring(L, -2)) != 0) i++;
      if (i < TCB_FIELDS) texts[i] = lua_tostring(L, -1);
      else luaL_argerror(L, arg, lua_pushfstring(L, "%s: a record has no field '%s'", name, lua_tostring(L, -2)));
    }
  }
  lua_settop(L, 2);
}

static void read_shape(lua_State *L, int arg, tcb_shape *shape) {
  static const char *const dialects[] = { "v2", "v1", NULL };
  size_t len = 0;
  luaL_checktype(L, arg, LUA_TTABLE);
  memset(shape, 0, sizeof *shape);
  lua_getfield(L, arg, "dialect");
  if (!lua_isnil(L, -1)) shape->dialect = (tcb_dialect)luaL_checkoption(L, -1, NULL, dialects);
  lua_getfield(L, arg, "zone");
  shape->check.zone = l_optzone(L, lua_gettop(L));
  lua_settop(L, 2);
  shape->plus = l_fieldbool(L, arg, "plus", 0);
  shape->check.label_optional = l_fieldbool(L, arg, "label_optional", 0);
  shape->batch_max = (int)l_fieldint(L, arg, "batch", TCB_BATCH_MAX);
  luaL_argcheck(L, shape->batch_max >= 1 && shape->batch_max <= TCB_BATCH_MAX, arg, "batch is 1..500");
  const char *country = l_fieldstring(L, arg, "country", &len);
  luaL_argcheck(L, country == NULL || (len <= 3 && strspn(country, "0123456789") == len), arg, "country: a code has 1 to 3 digits");
  shape->check.country = country ? country : "";
  read_texts(L, arg, "map", shape->dialect, shape->map);
  read_texts(L, arg, "fill", shape->dialect, shape->fill);
}

/* (reader, shape {format = "csv"|"ndjson", dialect, plus, batch, country, zone, label_optional, map = {field = column},
   fill = {field = text}}) -> feed | nil, err. Takes the reader over. */
static int feed_new(lua_State *L) {
  tcb_shape shape;
  static const char *const formats[] = { "csv", "ndjson", NULL };
  luaL_checkudata(L, 1, L_READER);
  lua_settop(L, 2);
  read_shape(L, 2, &shape);
  lua_getfield(L, 2, "format");
  tcb_format format = lua_isnil(L, -1) ? TCB_FORMAT_CSV : (tcb_format)luaL_checkoption(L, -1, NULL, formats);
  feed_ud *u = l_newuserdata(L, sizeof *u);
  u->core = NULL;
  u->drain = TCB_DRAIN_START;
  luaL_getmetatable(L, FEED);
  lua_setmetatable(L, -2);
  lua_getfield(L, 2, "zone");
  l_setparent(L, -2);
  tcb_err err;
  return tcb_feed_open(&u->core, l_ctx(L), l_takereader(L, 1), format, &shape, &err) == TCB_OK ? 1 : l_fail(L, &err);
}

static int feed_start(lua_State *L) {                    /* () -> true | nil, "wait" | nil, err: reads the header */
  tcb_err err;
  tcb_status status = tcb_feed_start(l_checkfeed(L, 1), &err);
  if (status == TCB_AGAIN) {
    lua_pushnil(L);
    lua_pushliteral(L, "wait");
    return 2;
  }
  if (status != TCB_OK) return l_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}

static void set_bytes(lua_State *L, const char *name, const tcb_buf *b) {
  lua_pushlstring(L, b->data ? b->data : "", b->len);
  lua_setfield(L, -2, name);
}

static void set_int(lua_State *L, const char *name, int64_t n) {
  l_pushint(L, n);
  lua_setfield(L, -2, name);
}

static void push_refusals(lua_State *L, const tcb_batch *b) {      /* a table with what was refused */
  lua_createtable(L, 0, 16);
  set_bytes(L, "refused", &b->refused);
  if (b->shown.len > 0) set_bytes(L, "shown", &b->shown);
  set_int(L, "count", b->count);
  set_int(L, "refused_count", b->refused_count);
  set_int(L, "excluded_count", b->excluded_count);
  set_int(L, "dropped", b->dropped_count);
  set_int(L, "split", b->split_count);
}

/* The batch as a table; its body is swapped into the tcb.buf at `spare`, or into a new one. */
static void push_batch(lua_State *L, tcb_feed *f, int spare) {
  tcb_batch *b = tcb_feed_batch(f);
  push_refusals(L, b);
  set_bytes(L, "spans", &b->spans);
  set_bytes(L, "hashes", &b->hashes);
  set_int(L, "first_line", b->first_line);
  set_int(L, "last_line", b->last_line);
  set_int(L, "min_starts_at", b->min_starts_at);
  set_int(L, "max_starts_at", b->max_starts_at);
  set_int(L, "min_ends_at", b->min_ends_at);
  set_int(L, "max_ends_at", b->max_ends_at);
  if (b->now_ms > INT64_MIN) set_int(L, "now", b->now_ms);
  if (lua_isnoneornil(L, spare)) l_newbuf(L);
  else lua_pushvalue(L, spare);
  tcb_buf *body = l_checkbuf(L, -1), taken = b->body;
  b->body = *body;
  *body = taken;
  lua_setfield(L, -2, "body");
}

/* What was read since the batch before, into the pairs and the order. */
static tcb_status note(const tcb_batch *b, tcb_pairs *pairs, tcb_sort *order, tcb_err *err) {
  tcb_status status = TCB_OK;
  const tcb_sighting *seen = (const tcb_sighting *)b->notes.data;
  for (size_t i = 0; i < b->notes.len / sizeof *seen && status == TCB_OK; i++) {
    const tcb_match_key *key = &seen[i].key;
    if (order) status = tcb_order_add(order, &seen[i], err);
    if (pairs && status == TCB_OK)
      status = tcb_pairs_add(pairs, tcb_match_pair_hash(key), key->starts_at, key->ends_at, tcb_match_label_hash(key), seen[i].line, err);
  }
  return status;
}

static int push_result(lua_State *L, tcb_feed *f, tcb_feed_result result, int spare) {
  static const char *const names[] = { "batch", "refused", "row", "wait", "end" };
  if (result == TCB_FEED_BATCH) return push_batch(L, f, spare), 1;
  lua_pushnil(L);
  lua_pushstring(L, names[result]);
  if (result == TCB_FEED_WAIT || result == TCB_FEED_ROW) return 2;
  push_refusals(L, tcb_feed_batch(f));
  return 3;
}

/* (now_ms, flush?, spare buf?, pairs?, order?, twins?) -> batch | nil, "wait"|"row" | nil, "refused"|"end", rest | nil, err. `rest` has
   refused, refused_count, excluded_count, dropped, split. "row": see feed:hook. "refused": many rows were refused, take them and call
   again. The batch's body is the spare's memory, or new. Records go to `pairs` and `order` too, where feed:watch has been told to note
   them; rows that `twins` (pairs of this very input) call repeats are refused. */
static int feed_next(lua_State *L) {
  tcb_feed *f = l_checkfeed(L, 1);
  int64_t now_ms = l_checkint(L, 2);
  int flush = lua_toboolean(L, 3);
  if (!lua_isnoneornil(L, 4)) l_checkbuf(L, 4);
  tcb_pairs *pairs = lua_isnoneornil(L, 5) ? NULL : l_checkpairs(L, 5);
  tcb_sort *order = lua_isnoneornil(L, 6) ? NULL : l_checkorder(L, 6);
  tcb_pairs *twins = lua_isnoneornil(L, 7) ? NULL : l_checkpairs(L, 7);
  lua_settop(L, 7);
  tcb_feed_result result;
  tcb_err err;
  if (twins) tcb_feed_unique(f, twins);
  tcb_status status = tcb_feed_next(f, now_ms, flush, &result, &err);
  if (twins) tcb_feed_unique(f, NULL);
  int has_notes = status == TCB_OK && result != TCB_FEED_WAIT && result != TCB_FEED_ROW;
  if (has_notes && (pairs || order)) status = note(tcb_feed_batch(f), pairs, order, &err);
  return status == TCB_OK ? push_result(L, f, result, 4) : l_fail(L, &err);
}

/* (now_ms, order, spare buf?) -> batch, taken | nil, "refused"|"end", rest, taken | nil, err. The rows come in the order that a first
   pass filled; `taken` of them were taken out of it. */
static int feed_next_in_order(lua_State *L) {
  tcb_feed *f = l_checkfeed(L, 1);
  int64_t now_ms = l_checkint(L, 2), taken = 0;
  tcb_sort *order = l_checkorder(L, 3);
  if (!lua_isnoneornil(L, 4)) l_checkbuf(L, 4);
  lua_settop(L, 4);
  tcb_feed_result result;
  tcb_err err;
  if (tcb_feed_next_in_order(f, order, now_ms, &taken, &result, &err) != TCB_OK) return l_fail(L, &err);
  int n = push_result(L, f, result, 4);
  l_pushint(L, taken);
  return n + 1;
}

/* (hashes?) -> true | nil, err: every key is remembered, and refused when it comes again; `hashes` of batches made before count */
static int feed_remember(lua_State *L) {
  size_t len = 0;
  const char *hashes = lua_isnoneornil(L, 2) ? "" : l_checkbytes(L, 2, &len);
  tcb_err err;
  if (tcb_feed_remember(l_checkfeed(L, 1), hashes, len, &err) != TCB_OK) return l_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}

static int feed_watch(lua_State *L) {                    /* (notes, all_faults): what is noted besides batches */
  tcb_feed_watch(l_checkfeed(L, 1), lua_toboolean(L, 2), lua_toboolean(L, 3));
  return 0;
}

static int feed_rebuild(lua_State *L) {                  /* (spans, spare buf?) -> batch | nil, err */
  tcb_feed *f = l_checkfeed(L, 1);
  size_t len;
  const char *spans = l_checkbytes(L, 2, &len);
  if (!lua_isnoneornil(L, 3)) l_checkbuf(L, 3);
  lua_settop(L, 3);
  tcb_err err;
  if (tcb_feed_rebuild(f, spans, len, &err) != TCB_OK) return l_fail(L, &err);
  push_batch(L, f, 3);
  return 1;
}

static int feed_checkpoint(lua_State *L) {               /* () -> bytes: where to go on behind the last batch */
  tcb_feed *f = l_checkfeed(L, 1);
  tcb_buf *out = l_newbuf(L);
  tcb_err err;
  if (tcb_feed_checkpoint(f, out, &err) != TCB_OK) return l_fail(L, &err);
  lua_pushlstring(L, out->data, out->len);
  tcb_buf_free(out);
  return 1;
}

static int feed_offset(lua_State *L) {                   /* () -> bytes of the input taken so far */
  l_pushint64(L, tcb_feed_offset(l_checkfeed(L, 1)));
  return 1;
}

static int feed_resume(lua_State *L) {                   /* (checkpoint) -> true | nil, err */
  size_t len;
  const char *checkpoint = luaL_checklstring(L, 2, &len);
  tcb_err err;
  if (tcb_feed_resume(l_checkfeed(L, 1), checkpoint, len, &err) != TCB_OK) return l_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}

/* (whole lines, country?, lines before them) -> lines so far | nil, err, line: adds them to the do-not-call list */
static int feed_exclude(lua_State *L) {
  tcb_feed *f = l_checkfeed(L, 1);
  size_t len;
  const char *lines = luaL_checklstring(L, 2, &len), *country = luaL_optstring(L, 3, "");
  int64_t line = l_optint(L, 4, 0);
  tcb_err err;
  luaL_argcheck(L, strlen(country) <= 3, 3, "a country code has 1 to 3 digits");
  if (tcb_feed_exclude(f, lines, len, country, &line, &err) == TCB_OK) {
    l_pushint(L, line);
    return 1;
  }
  l_fail(L, &err);
  l_pushint(L, line);
  return 3;
}

static int feed_header(lua_State *L) {                   /* () -> the header as it stands in the input, the delimiter */
  tcb_feed *f = l_checkfeed(L, 1);
  tcb_text header = tcb_feed_header(f);
  char delimiter = tcb_feed_delimiter(f);
  lua_pushlstring(L, header.data ? header.data : "", header.len);
  lua_pushlstring(L, &delimiter, 1);
  return 2;
}

static int feed_encoding(lua_State *L) {                 /* () -> the encoding as far as it is known, whether it is converted */
  tcb_encoding encoding = tcb_decode_encoding(tcb_feed_reader(l_checkfeed(L, 1)));
  lua_pushstring(L, tcb_encoding_name(encoding));
  lua_pushboolean(L, encoding >= TCB_ENC_1252);
  return 2;
}

static int feed_sync(lua_State *L) {                     /* () -> true | nil, err: makes durable what a kept input holds so far */
  tcb_reader *r = tcb_feed_reader(l_checkfeed(L, 1));
  tcb_err err;
  if (r->sync && r->sync(r, &err) != TCB_OK) return l_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}

static int feed_hook(lua_State *L) {                     /* (on): every valid row comes as "row"; feed:put makes records of it */
  tcb_feed_hook(l_checkfeed(L, 1), lua_toboolean(L, 2));
  return 0;
}

static int feed_path(lua_State *L) {                     /* ("avx2"|"sse2"|"portable"|"plain") -> true | nil, err: how rows are taken */
  tcb_err err;
  if (tcb_feed_path(l_checkfeed(L, 1), luaL_checkstring(L, 2), &err) != TCB_OK) return l_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}

static int feed_fd(lua_State *L) {                       /* () -> the descriptor to wait on after "wait", or nil */
  int fd = tcb_feed_reader(l_checkfeed(L, 1))->fd;
  if (fd < 0) lua_pushnil(L);
  else l_pushint(L, fd);
  return 1;
}

static void push_hex(lua_State *L, uint64_t n) {
  static const char hex[] = "0123456789abcdef";
  char text[16];
  for (int i = 15; i >= 0; i--, n >>= 4) text[i] = hex[n & 15];
  lua_pushlstring(L, text, sizeof text);
}

/* (now_ms, twins?) -> {records, refused, excluded, batches, bytes, hash, codes = {code = rows}, min_starts_at?, max_ends_at?}
   | nil, "wait"|"more": call again | nil, err. Makes every batch and keeps none; comes back now and then so that a signal is seen. */
static int feed_drain(lua_State *L) {
  tcb_feed *f = l_checkfeed(L, 1);
  feed_ud *u = lua_touserdata(L, 1);
  int64_t now_ms = l_checkint(L, 2);
  tcb_drain *d = &u->drain;
  tcb_err err;
  tcb_pairs *twins = lua_isnoneornil(L, 3) ? NULL : l_checkpairs(L, 3);
  if (twins) tcb_feed_unique(f, twins);
  tcb_status status = tcb_feed_drain(f, now_ms, DRAIN_BATCHES, d, &err);
  if (twins) tcb_feed_unique(f, NULL);
  if (status == TCB_AGAIN || (status == TCB_OK && !d->is_over)) {
    lua_pushnil(L);
    lua_pushstring(L, status == TCB_AGAIN ? "wait" : "more");
    return 2;
  }
  if (status != TCB_OK) return l_fail(L, &err);
  lua_createtable(L, 0, 12);
  set_int(L, "records", d->records);
  set_int(L, "refused", d->refused);
  set_int(L, "excluded", d->excluded);
  set_int(L, "batches", d->batches);
  set_int(L, "bytes", d->bytes);
  push_hex(L, d->hash), lua_setfield(L, -2, "hash");
  if (d->records > 0) set_int(L, "min_starts_at", d->min_starts_at), set_int(L, "max_ends_at", d->max_ends_at);
  lua_createtable(L, 0, 8);
  for (int i = 1; i < TCB_FAULT_CODES; i++)
    if (d->by_code[i]) set_int(L, tcb_fault_name((unsigned)i), d->by_code[i]);
  lua_setfield(L, -2, "codes");
  return 1;
}

static int feed_close(lua_State *L) {                    /* close, __gc and __close; harmless when repeated */
  feed_ud *u = luaL_checkudata(L, 1, FEED);
  tcb_feed *core = u->core;
  u->core = NULL;
  tcb_feed_free(core);
  return 0;
}

static int feed_tostring(lua_State *L) {
  feed_ud *u = luaL_checkudata(L, 1, FEED);
  lua_pushstring(L, u->core ? "tcb.feed" : "tcb.feed (closed)");
  return 1;
}

static int refusals_next(lua_State *L) {                 /* upvalues: packed, dialect, position, shown, position there */
  size_t len, shown_len, at = (size_t)lua_tointeger(L, lua_upvalueindex(3)), shown_at = (size_t)lua_tointeger(L, lua_upvalueindex(5));
  const char *packed = lua_tolstring(L, lua_upvalueindex(1), &len);
  int dialect = (int)lua_tointeger(L, lua_upvalueindex(2));
  tcb_refusal r;
  if (at + sizeof r > len) return 0;
  memcpy(&r, packed + at, sizeof r);
  at += sizeof r;
  lua_pushinteger(L, (lua_Integer)at);
  lua_replace(L, lua_upvalueindex(3));
  const char *field = r.field < TCB_FIELDS ? tcb_rules[r.field].name[dialect] : NULL;
  tcb_fault fault = { r.code, r.field, r.why, r.detail };
  const char *shown = lua_tolstring(L, lua_upvalueindex(4), &shown_len);
  if (shown_at < shown_len) {
    shown += shown_at;
    lua_pushinteger(L, (lua_Integer)shown_at + (lua_Integer)strlen(shown) + 1);
    lua_replace(L, lua_upvalueindex(5));
  } else shown = field ? field : "row";
  char message[384];
  tcb_fault_message(&fault, shown, message, sizeof message);
  l_pushint(L, r.line);
  l_pushint(L, r.offset);
  lua_pushstring(L, tcb_fault_name(r.code));
  if (field) lua_pushstring(L, field); else lua_pushnil(L);
  lua_pushstring(L, message);
  return 5;
}

static int feed_refusals(lua_State *L) {                 /* (packed, dialect = "v2", shown = "") -> iterator: line, offset, code, field | nil, message */
  static const char *const dialects[] = { "v2", "v1", NULL };
  luaL_checkstring(L, 1);
  int dialect = luaL_checkoption(L, 2, "v2", dialects);
  luaL_optstring(L, 3, "");
  lua_settop(L, 3);
  lua_pushvalue(L, 1);
  lua_pushinteger(L, dialect);
  lua_pushinteger(L, 0);
  lua_pushstring(L, "");
  if (!lua_isnil(L, 3)) lua_pushvalue(L, 3), lua_replace(L, -2);
  lua_pushinteger(L, 0);
  lua_pushcclosure(L, refusals_next, 5);
  return 1;
}

static const luaL_Reg methods[] = {
  {"start", feed_start}, {"next", feed_next}, {"next_in_order", feed_next_in_order}, {"remember", feed_remember}, {"watch", feed_watch},
  {"rebuild", feed_rebuild}, {"checkpoint", feed_checkpoint}, {"resume", feed_resume}, {"exclude", feed_exclude}, {"header", feed_header},
  {"encoding", feed_encoding}, {"hook", feed_hook}, {"row", l_row_new}, {"put", l_row_put}, {"path", feed_path}, {"fd", feed_fd},
  {"drain", feed_drain}, {"offset", feed_offset}, {"sync", feed_sync}, {"close", feed_close}, {NULL, NULL}
};
static const luaL_Reg meta[] = { {"__gc", feed_close}, {"__close", feed_close}, {"__tostring", feed_tostring}, {NULL, NULL} };

void l_feed_register(lua_State *L) {                     /* module table on top, left on top */
  l_newclass(L, FEED, methods, meta);
  l_row_register(L);
  l_order_register(L);
  lua_pushcfunction(L, feed_new);
  lua_setfield(L, -2, "feed");
  lua_pushcfunction(L, feed_refusals);
  lua_setfield(L, -2, "refusals");
}
