/* bind/reader.c: Lua face of input readers: opened here, taken over by a feed. */
#include "bind/reader.h"

#include "bind/core_open.h"
#include "bind/queue.h"
#include "core/decode.h"
#include "io/reader_file.h"
#include "io/reader_spool.h"

static reader_ud *check_reader(lua_State *L, int arg) {
  reader_ud *u = luaL_checkudata(L, arg, L_READER);
  luaL_argcheck(L, u->core != NULL, arg, "reader is closed or in use");
  return u;
}

static void push_identity(lua_State *L, const tcb_file_identity *id) {
  lua_createtable(L, 0, 4);
  if (id->size >= 0) l_pushint64(L, id->size), lua_setfield(L, -2, "size");
  l_pushint64(L, id->changed_ns / 1000), lua_setfield(L, -2, "changed_us");
  l_pushint64(L, id->device), lua_setfield(L, -2, "device");
  l_pushint64(L, id->inode), lua_setfield(L, -2, "inode");
}

/* (path; "-" = standard input) -> reader, identity {size? (none: a pipe), changed_us, device, inode} | nil, err */
static int reader_file(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  reader_ud *u = l_newreader(L);
  tcb_file_identity id;
  tcb_err err;
  if (tcb_reader_file(&u->core, l_ctx(L), path, &err) != TCB_OK) return l_fail(L, &err);
  tcb_reader_file_identity(u->core, &id);
  push_identity(L, &id);
  return 2;
}

static int reader_identity(lua_State *L) {               /* (path) -> identity | nil, err; opens nothing */
  tcb_file_identity id;
  tcb_err err;
  if (tcb_file_identity_of(luaL_checkstring(L, 1), &id, &err) != TCB_OK) return l_fail(L, &err);
  push_identity(L, &id);
  return 1;
}

static int reader_text(lua_State *L) {                   /* (bytes) -> reader | nil, err */
  size_t len;
  const char *bytes = l_checkbytes(L, 1, &len);
  reader_ud *u = l_newreader(L);
  tcb_err err;
  return tcb_reader_text(&u->core, l_ctx(L), bytes, len, &err) == TCB_OK ? 1 : l_fail(L, &err);
}

/* (reader, encoding?) -> reader of UTF-8 | nil, err; takes the reader over. Without an encoding it is recognised. */
static int reader_decode(lua_State *L) {
  static const char *const names[] = { "auto", "utf-8", "windows-1252", "utf-16le", "utf-16be", NULL };
  static const tcb_encoding encodings[] = { TCB_ENC_START, TCB_ENC_UTF8, TCB_ENC_1252, TCB_ENC_UTF16LE, TCB_ENC_UTF16BE };
  tcb_encoding encoding = encodings[luaL_checkoption(L, 2, "auto", names)];
  check_reader(L, 1);
  reader_ud *u = l_newreader(L);
  tcb_err err;
  return tcb_decode_open(&u->core, l_ctx(L), l_takereader(L, 1), encoding, &err) == TCB_OK ? 1 : l_fail(L, &err);
}

static int reader_spool(lua_State *L) {                  /* (reader, path) -> reader that keeps in a file what it reads | nil, err */
  const char *path = luaL_checkstring(L, 2);
  check_reader(L, 1);
  reader_ud *u = l_newreader(L);
  tcb_err err;
  return tcb_reader_spool(&u->core, l_ctx(L), l_takereader(L, 1), path, &err) == TCB_OK ? 1 : l_fail(L, &err);
}

static int reader_read(lua_State *L) {                   /* (bytes = 65536) -> string | nil, "end"|"wait" | nil, err */
  reader_ud *u = check_reader(L, 1);
  size_t cap = (size_t)(lua_isnoneornil(L, 2) ? 65536 : l_checkrange(L, 2, 4, 1 << 24)), got = 0;
  tcb_buf *b = l_newbuf(L);
  tcb_err err;
  if (tcb_buf_reserve(b, cap, &err) != TCB_OK) return l_fail(L, &err);
  tcb_status status = u->core->read(u->core, b->data, cap, &got, &err);
  if (status == TCB_OK) lua_pushlstring(L, b->data, got);
  tcb_buf_free(b);
  if (status == TCB_OK) return 1;
  if (status != TCB_NOT_FOUND && status != TCB_AGAIN) return l_fail(L, &err);
  lua_pushnil(L);
  lua_pushstring(L, status == TCB_AGAIN ? "wait" : "end");
  return 2;
}

static int reader_seek(lua_State *L) {                   /* (offset) -> true | nil, err */
  reader_ud *u = check_reader(L, 1);
  tcb_err err;
  if (u->core->seek(u->core, l_checkrange(L, 2, 0, INT64_C(1) << 52), &err) != TCB_OK) return l_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}

static int reader_close(lua_State *L) {
  reader_ud *u = luaL_checkudata(L, 1, L_READER);
  tcb_reader *core = u->core;
  u->core = NULL;
  tcb_reader_free(core);
  return 0;
}

static int reader_tostring(lua_State *L) {
  reader_ud *u = luaL_checkudata(L, 1, L_READER);
  lua_pushstring(L, u->core ? "tcb.reader" : "tcb.reader (closed)");
  return 1;
}

static const luaL_Reg methods[] = { {"read", reader_read}, {"seek", reader_seek}, {"close", reader_close}, {NULL, NULL} };
static const luaL_Reg meta[] = { {"__gc", reader_close}, {"__close", reader_close}, {"__tostring", reader_tostring}, {NULL, NULL} };
static const luaL_Reg functions[] = {
  {"file", reader_file}, {"identity", reader_identity}, {"text", reader_text}, {"decode", reader_decode}, {"spool", reader_spool},
  {"queue", l_queue_new}, {NULL, NULL}
};

void l_reader_register(lua_State *L) {                   /* module table on top, left on top */
  l_newclass(L, L_READER, methods, meta);
  l_queue_register(L);
  lua_createtable(L, 0, 5);
  l_setfuncs(L, functions);
  lua_setfield(L, -2, "reader");
}
