/* bind/export.c: Lua face of tcb_export. The userdata owns it and its spill file. */
#include "bind/core_open.h"

#include "bind/reader.h"
#include "core/export.h"
#include "io/spill.h"

#define EXPORT "tcb.export"
#define MEMORY_BYTES (2 << 20)

typedef struct {
  tcb_export *core;                 /* NULL until the first row is asked for, and when closed */
  tcb_trace *trace;                 /* being filled */
  tcb_walk *walk;
  tcb_spill_file spill;
  tcb_export_options options;
  tcb_csv_cell *cells;
  tcb_text *names;
  tcb_buf text;                     /* the header, and cells with their doubled quotes undone */
} export_ud;

static export_ud *check_export(lua_State *L, int arg) {
  export_ud *u = luaL_checkudata(L, arg, EXPORT);
  luaL_argcheck(L, u->core || u->trace, arg, "closed");
  return u;
}

static int export_close(lua_State *L) {                  /* close, __gc and __close; harmless when repeated */
  export_ud *u = luaL_checkudata(L, 1, EXPORT);
  tcb_export_free(u->core);
  tcb_walk_free(u->walk);
  tcb_trace_free(u->trace);
  tcb_spill_close(&u->spill);
  tcb_ctx *ctx = u->text.ctx;
  tcb_free(ctx, u->cells, u->options.columns * sizeof *u->cells);
  tcb_free(ctx, u->names, u->options.columns * sizeof *u->names);
  tcb_buf_free(&u->text);
  u->core = NULL, u->trace = NULL, u->walk = NULL, u->cells = NULL, u->names = NULL;
  return 0;
}

/* The names of the columns out of the header's text, which stands in u->text. */
static tcb_status read_names(export_ud *u, tcb_err *err) {
  tcb_csv_row row;
  tcb_ctx *ctx = u->text.ctx;
  size_t len = u->text.len;
  tcb_csv_next(u->options.delimiter, u->text.data, len, 1, NULL, 0, &row);
  tcb_status status = tcb_buf_reserve(&u->text, len, err);             /* room to undo doubled quotes */
  if (status != TCB_OK) return status;
  u->cells = tcb_malloc(ctx, row.count * sizeof *u->cells);
  u->names = tcb_malloc(ctx, row.count * sizeof *u->names);
  if (u->cells == NULL || u->names == NULL) {
    tcb_free(ctx, u->cells, row.count * sizeof *u->cells);
    tcb_free(ctx, u->names, row.count * sizeof *u->names);
    u->cells = NULL, u->names = NULL;
    return tcb_fail(err, TCB_E_MEMORY, "not enough memory for the header");
  }
  u->options.columns = row.count;
  tcb_csv_next(u->options.delimiter, u->text.data, len, 1, u->cells, row.count, &row);
  char *scratch = u->text.data + len;
  for (size_t i = 0; i < row.count; i++) {
    u->names[i] = tcb_csv_text(&u->cells[i], scratch);
    if (u->cells[i].doubled) scratch += u->names[i].len;
  }
  u->options.names = u->names;
  return TCB_OK;
}

/* (reader, {format = "csv"|"json", ndjson?, header, delimiter, begin, done, line?, digits?}) -> export | nil, err. Takes the reader over. */
static int export_new(lua_State *L) {
  size_t len, n;
  luaL_checkudata(L, 1, L_READER);
  luaL_checktype(L, 2, LUA_TTABLE);
  const char *header = l_fieldstring(L, 2, "header", &len), *delimiter = l_fieldstring(L, 2, "delimiter", &n);
  const char *format = l_fieldstring(L, 2, "format", &n), *digits = l_fieldstring(L, 2, "digits", &n);
  luaL_argcheck(L, header && len > 0 && delimiter && *delimiter, 2, "a header and a delimiter are needed");
  tcb_ctx *ctx = l_ctx(L);
  tcb_export_options o = { .format = format && strcmp(format, "json") == 0 ? TCB_EXPORT_JSON : TCB_EXPORT_CSV, .delimiter = *delimiter,
                           .is_ndjson = l_fieldbool(L, 2, "ndjson", 0), .begin = l_fieldint(L, 2, "begin", 0), .is_done = l_fieldbool(L, 2, "done", 1),
                           .only_line = l_fieldint(L, 2, "line", 0), .only_digits = digits };
  export_ud *u = l_newuserdata(L, sizeof *u);
  *u = (export_ud){ .options = o };
  tcb_buf_init(&u->text, ctx);
  tcb_spill_init(&u->spill, NULL);
  luaL_getmetatable(L, EXPORT);
  lua_setmetatable(L, -2);
  lua_pushvalue(L, 2);
  l_setparent(L, -2);                                    /* the table keeps `digits` */
  tcb_spill spill = tcb_spill_of(&u->spill);
  tcb_err err;
  tcb_status status = tcb_buf_add(&u->text, header, len, &err);
  if (status == TCB_OK) status = read_names(u, &err);
  if (status == TCB_OK) status = tcb_trace_open(&u->trace, ctx, MEMORY_BYTES, &spill, &err);
  if (status == TCB_OK) status = tcb_walk_open(&u->walk, ctx, l_takereader(L, 1), o.delimiter, u->options.columns,
                                                  o.is_ndjson ? u->names : NULL, &err);
  return status == TCB_OK ? 1 : l_fail(L, &err);
}

static int export_names_of(lua_State *L) {               /* (reader of NDJSON) -> its members' names as a CSV header | nil, err */
  luaL_checkudata(L, 1, L_READER);
  tcb_buf *header = l_newbuf(L);
  tcb_err err;
  if (tcb_walk_names(l_ctx(L), l_takereader(L, 1), header, &err) != TCB_OK) return l_fail(L, &err);
  lua_pushlstring(L, header->data ? header->data : "", header->len);
  tcb_buf_free(header);
  return 1;
}

static int done(lua_State *L, tcb_status status, const tcb_err *err) {
  if (status != TCB_OK) return l_fail(L, err);
  lua_pushboolean(L, 1);
  return 1;
}

static int export_batch(lua_State *L) {                  /* (seq, spans) -> true | nil, err: before the first row */
  export_ud *u = check_export(L, 1);
  size_t len;
  uint32_t seq = (uint32_t)l_checkrange(L, 2, 1, UINT32_MAX);
  const char *spans = l_checkbytes(L, 3, &len);
  luaL_argcheck(L, u->trace != NULL, 1, "rows were read already");
  tcb_err err;
  return done(L, tcb_trace_batch(u->trace, seq, spans, len, &err), &err);
}

static int export_refused(lua_State *L) {                /* (packed refusals) -> true | nil, err: before the first row */
  export_ud *u = check_export(L, 1);
  size_t len;
  const char *packed = l_checkbytes(L, 2, &len);
  luaL_argcheck(L, u->trace != NULL, 1, "rows were read already");
  tcb_err err;
  return done(L, tcb_trace_refused(u->trace, packed, len, &err), &err);
}

static tcb_status begin(lua_State *L, export_ud *u, tcb_err *err) {
  if (u->core) return TCB_OK;
  tcb_walk *walk = u->walk;
  tcb_trace *trace = u->trace;
  u->walk = NULL, u->trace = NULL;
  return tcb_export_open(&u->core, l_ctx(L), walk, trace, &u->options, err);
}

static int export_reason(lua_State *L) {                 /* (text) -> true | nil, err: the next of the journal's reasons */
  export_ud *u = check_export(L, 1);
  size_t len;
  const char *text = luaL_checklstring(L, 2, &len);
  tcb_err err;
  tcb_status status = begin(L, u, &err);
  return done(L, status == TCB_OK ? tcb_export_reason(u->core, text, len, &err) : status, &err);
}

static const char *blob(lua_State *L, const char *name, size_t *len) {
  *len = 0;
  return l_fieldstring(L, 2, name, len);
}

/* ({seq, records, batch_id, outcome, reason, codes, marks, ids, notes}) -> true | nil, err: the answer to "batch" */
static int export_know(lua_State *L) {
  export_ud *u = check_export(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  size_t n, codes, marks, ids;
  tcb_export_batch b = { .seq = (uint32_t)l_fieldint(L, 2, "seq", 0), .count = (size_t)l_fieldint(L, 2, "records", 0) };
  b.batch_id = blob(L, "batch_id", &n), b.outcome = blob(L, "outcome", &n), b.reason = blob(L, "reason", &n);
  b.codes = blob(L, "codes", &codes), b.marks = blob(L, "marks", &marks), b.ids = blob(L, "ids", &ids), b.notes = blob(L, "notes", &b.notes_len);
  if (b.batch_id == NULL) b.batch_id = "";
  if (b.outcome == NULL) b.outcome = "";
  if (b.reason == NULL) b.reason = "";
  luaL_argcheck(L, (!b.codes || codes == b.count) && (!b.marks || marks == b.count) && (!b.ids || ids == 16 * b.count), 2, "a length does not fit");
  luaL_argcheck(L, u->core != NULL, 1, "nothing was asked");
  tcb_err err;
  return done(L, tcb_export_know(u->core, &b, &err), &err);
}

static int export_moved(lua_State *L) {                  /* (seq, position from 1): the answer to "moved" */
  export_ud *u = check_export(L, 1);
  luaL_argcheck(L, u->core != NULL, 1, "nothing was asked");
  tcb_export_moved(u->core, (uint32_t)l_checkint(L, 2), (unsigned)l_checkrange(L, 3, 1, 65535) - 1);
  return 0;
}

static int export_header(lua_State *L) {                 /* (buf) -> true | nil, err */
  export_ud *u = check_export(L, 1);
  tcb_buf *out = l_checkbuf(L, 2);
  tcb_err err;
  tcb_status status = begin(L, u, &err);
  return done(L, status == TCB_OK ? tcb_export_header(u->core, out, &err) : status, &err);
}

/* (buf) -> "more" | "end" | "batch", seq | "moved", seq, position | "found", seq | nil, position, line | nil, err */
static int export_step(lua_State *L) {
  export_ud *u = check_export(L, 1);
  tcb_buf *out = l_checkbuf(L, 2);
  tcb_export_want want = { 0 };
  tcb_err err;
  tcb_status status = begin(L, u, &err);
  if (status == TCB_OK) status = tcb_export_step(u->core, out, &want, &err);
  if (status != TCB_OK && status != TCB_AGAIN && status != TCB_NOT_FOUND) return l_fail(L, &err);
  static const char *const names[] = { "more", "batch", "moved", "found" };
  const char *what = status == TCB_NOT_FOUND ? "end" : "more";
  if (status == TCB_AGAIN) what = names[(unsigned)want.kind % 4];
  lua_pushstring(L, what);
  if (status != TCB_AGAIN) return 1;
  if (want.seq) l_pushint(L, want.seq);
  else lua_pushnil(L);
  l_pushint(L, want.position + 1);
  l_pushint(L, want.line);
  return 4;
}

static int export_names(lua_State *L) {                  /* () -> list of the columns' names, before the first row */
  export_ud *u = check_export(L, 1);
  lua_createtable(L, (int)u->options.columns, 0);
  for (size_t i = 0; i < u->options.columns; i++) {
    lua_pushlstring(L, u->names[i].data, u->names[i].len);
    lua_rawseti(L, -2, (int)i + 1);
  }
  return 1;
}

static int export_tostring(lua_State *L) {
  export_ud *u = luaL_checkudata(L, 1, EXPORT);
  lua_pushstring(L, u->core || u->trace ? "tcb.export" : "tcb.export (closed)");
  return 1;
}

static const luaL_Reg methods[] = {
  {"batch", export_batch}, {"refused", export_refused}, {"reason", export_reason}, {"know", export_know}, {"moved", export_moved},
  {"names", export_names}, {"header", export_header}, {"step", export_step}, {"close", export_close}, {NULL, NULL}
};
static const luaL_Reg meta[] = { {"__gc", export_close}, {"__close", export_close}, {"__tostring", export_tostring}, {NULL, NULL} };

void l_export_register(lua_State *L) {                   /* module table on top, left on top */
  l_newclass(L, EXPORT, methods, meta);
  lua_pushcfunction(L, export_new);
  lua_setfield(L, -2, "export");
  lua_pushcfunction(L, export_names_of);
  lua_setfield(L, -2, "ndjson_names");
}
