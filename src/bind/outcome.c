/* bind/outcome.c: outcome codes for Lua: counting them, reading notes and packed ids, finding records of a kind. */
#include "bind/core_open.h"

#include "core/feed.h"
#include "core/match.h"
#include "core/outcome.h"

#define TALLY "tcb.tally"

static int tally_new(lua_State *L) {                     /* () -> tally */
  tcb_tally *t = l_newuserdata(L, sizeof *t);
  memset(t, 0, sizeof *t);
  luaL_getmetatable(L, TALLY);
  lua_setmetatable(L, -2);
  return 1;
}

static int tally_add(lua_State *L) {                     /* (codes, marks?) -> self */
  tcb_tally *t = luaL_checkudata(L, 1, TALLY);
  size_t len, marks_len = 0;
  const char *codes = l_checkbytes(L, 2, &len);
  const char *marks = lua_isnoneornil(L, 3) ? NULL : l_checkbytes(L, 3, &marks_len);
  tcb_tally_add(t, codes, len);
  if (marks) tcb_tally_marks(t, marks, marks_len);
  lua_settop(L, 1);
  return 1;
}

static int tally_counts(lua_State *L) {                  /* () -> {code = records} without the zeros, late, grouped */
  tcb_tally *t = luaL_checkudata(L, 1, TALLY);
  lua_newtable(L);
  for (int i = 0; i < 256; i++) {
    if (t->codes[i] == 0) continue;
    l_pushint(L, t->codes[i]);
    lua_rawseti(L, -2, i);
  }
  l_pushint(L, t->late);
  l_pushint(L, t->grouped);
  return 3;
}

static int outcome_notes(lua_State *L) {                 /* (notes) -> list of {kind, record (1 first) | nil, text} | nil, err */
  size_t len;
  const char *bytes = l_checkbytes(L, 1, &len);
  tcb_notes_reader r = { bytes, bytes + len };
  tcb_note note;
  int more, n = 0;
  lua_newtable(L);
  while ((more = tcb_note_next(&r, &note)) == 1) {
    lua_createtable(L, 0, 3);
    lua_pushlstring(L, &note.kind, 1), lua_setfield(L, -2, "kind");
    if (note.record != TCB_NO_RECORD) l_pushint(L, note.record + 1), lua_setfield(L, -2, "record");
    lua_pushlstring(L, note.text, note.len), lua_setfield(L, -2, "text");
    lua_rawseti(L, -2, ++n);
  }
  if (more == 0) return 1;
  tcb_err err;
  tcb_fail(&err, TCB_E_STORE, "the notes of a batch cannot be read: the journal is damaged");
  return l_fail(L, &err);
}

static int outcome_id(lua_State *L) {                    /* (ids, record) -> UUID | nil when unknown or in the notes */
  size_t len;
  const char *ids = l_checkbytes(L, 1, &len);
  size_t at = 16 * (size_t)(l_checkrange(L, 2, 1, (int64_t)(len / 16)) - 1);
  static const unsigned char none[16];
  if (memcmp(ids + at, none, 16) == 0 || (memcmp(ids + at, "\xff\xff\xff\xff", 4) == 0 && memcmp(ids + at + 4, none, 12) == 0)) return 0;
  char text[36];
  tcb_uuid_unpack((const unsigned char *)ids + at, text);
  lua_pushlstring(L, text, sizeof text);
  return 1;
}

/* (codes, wanted, instead?) -> list of the records (1 first) with the code wanted, codes with `instead` in their place */
static int outcome_where(lua_State *L) {
  size_t len;
  const char *codes = l_checkbytes(L, 1, &len);
  int wanted = (int)l_checkrange(L, 2, 0, 255), instead = (int)(lua_isnoneornil(L, 3) ? wanted : l_checkrange(L, 3, 0, 255));
  tcb_buf *out = l_newbuf(L);
  tcb_err err;
  if (tcb_buf_add(out, codes, len, &err) != TCB_OK) return l_fail(L, &err);
  lua_newtable(L);
  for (size_t i = 0, n = 0; i < len; i++) {
    if ((unsigned char)codes[i] != wanted) continue;
    out->data[i] = (char)instead;
    l_pushint(L, i + 1);
    lua_rawseti(L, -2, (int)++n);
  }
  lua_pushlstring(L, out->data ? out->data : "", out->len);
  tcb_buf_free(out);
  return 2;
}

static int outcome_hash(lua_State *L) {                  /* (caller|receiver|starts_at|ends_at|label_id) -> its 8 bytes of a batch's hashes */
  const char *part[5] = { luaL_checkstring(L, 1) };
  size_t len[5];
  int64_t starts_at = 0, ends_at = 0;
  tcb_match_key key;
  char packed[8];
  for (int i = 0; i < 5; i++) {
    len[i] = strcspn(part[i], "|");
    luaL_argcheck(L, (part[i][len[i]] == '|') == (i < 4), 1, "five parts are expected");
    if (i < 4) part[i + 1] = part[i] + len[i] + 1;
  }
  luaL_argcheck(L, tcb_match_instant(part[2], len[2], &starts_at) && tcb_match_instant(part[3], len[3], &ends_at), 1,
                "instants are digits");
  tcb_match_key_set(&key, part[0], len[0], part[1], len[1], starts_at, ends_at, part[4], len[4]);
  tcb_match_store(packed, tcb_match_hash(&key));
  lua_pushlstring(L, packed, sizeof packed);
  return 1;
}

/* (packed refusals, counts) -> counts: adds to counts["CODE (FIELD)"] or counts["CODE"]; rows on the exclude list do not count. */
static int outcome_refused(lua_State *L) {
  size_t len;
  const char *packed = l_checkbytes(L, 1, &len);
  luaL_checktype(L, 2, LUA_TTABLE);
  unsigned counts[TCB_FAULT_CODES][TCB_FIELDS + 1] = { { 0 } };
  tcb_refusal r;
  for (size_t at = 0; at + sizeof r <= len; at += sizeof r) {
    memcpy(&r, packed + at, sizeof r);
    if (r.code < TCB_FAULT_CODES) counts[r.code][r.field < TCB_FIELDS ? r.field : TCB_FIELDS]++;
  }
  lua_settop(L, 2);
  for (unsigned c = 0; c < TCB_FAULT_CODES; c++) {
    for (unsigned f = 0; f <= TCB_FIELDS; f++) {
      if (counts[c][f] == 0 || c == TCB_FAULT_EXCLUDED) continue;
      if (f < TCB_FIELDS) lua_pushfstring(L, "%s (%s)", tcb_fault_name(c), tcb_rules[f].name[TCB_V2]);
      else lua_pushstring(L, tcb_fault_name(c));
      lua_pushvalue(L, -1);
      lua_rawget(L, 2);
      lua_Number before = lua_tonumber(L, -1);
      lua_pop(L, 1);
      l_pushint(L, (int64_t)before + counts[c][f]);
      lua_rawset(L, 2);
    }
  }
  return 1;
}

static const luaL_Reg tally_methods[] = { {"add", tally_add}, {"counts", tally_counts}, {NULL, NULL} };
static const luaL_Reg tally_meta[] = { {NULL, NULL} };
static const luaL_Reg functions[] = {
  {"tally", tally_new}, {"notes", outcome_notes}, {"id", outcome_id}, {"where", outcome_where}, {"refused", outcome_refused},
  {"hash", outcome_hash}, {NULL, NULL}
};
static const struct { const char *name; int value; } constants[] = {
  {"OPEN", TCB_REC_OPEN}, {"SUCCESS", TCB_REC_SUCCESS}, {"EXPIRED", TCB_REC_EXPIRED}, {"UNREPORTED", TCB_REC_UNREPORTED},
  {"MOVED", TCB_REC_MOVED}, {"NOTED", TCB_REC_NOTED}, {"FAILED", TCB_REC_FAILED}, {"LATE", TCB_MARK_LATE}, {"GROUP", TCB_MARK_GROUP},
  {"MIXED", TCB_MARK_MIXED}, {NULL, 0}
};

void l_outcome_register(lua_State *L) {                  /* module table on top, left on top */
  l_newclass(L, TALLY, tally_methods, tally_meta);
  lua_createtable(L, 0, 16);
  l_setfuncs(L, functions);
  for (int i = 0; constants[i].name; i++) l_pushint(L, constants[i].value), lua_setfield(L, -2, constants[i].name);
  lua_setfield(L, -2, "outcome");
}
