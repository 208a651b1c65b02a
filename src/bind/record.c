/* bind/record.c: Lua face of the record rules: tables checked and encoded, and the rule table itself for the documentation. */
#include "bind/core_open.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>

#include "bind/record.h"
#include "core/shown.h"

typedef struct {
  tcb_check check;
  tcb_dialect dialect;
  int plus;
  tcb_text label;                   /* for records without one; belongs to the option table */
} options;

static void read_options(lua_State *L, int arg, options *o) {
  static const char *const known[] = { "dialect", "plus", "country", "label_id", "label_optional", "past", "now", NULL };
  size_t len = 0;
  *o = (options){ .check = { .country = "" } };
  o->check.now_ms = tcb_clock_now_ms(&l_ctx(L)->clock);
  if (lua_isnoneornil(L, arg)) return;
  luaL_checktype(L, arg, LUA_TTABLE);
  for (lua_pushnil(L); lua_next(L, arg); lua_pop(L, 1)) {
    int i = 0;
    while (known[i] && (lua_type(L, -2) != LUA_TSTRING || strcmp(known[i], lua_tostring(L, -2)) != 0)) i++;
    if (known[i] == NULL) {
      lua_pushvalue(L, -2);
      luaL_argerror(L, arg, lua_pushfstring(L, "unknown option '%s'", lua_tostring(L, -1)));
    }
  }
  const char *dialect = l_fieldstring(L, arg, "dialect", NULL);
  if (dialect) {
    int d = 0;
    while (d < TCB_DIALECTS && strcmp(tcb_dialects[d].name, dialect) != 0) d++;
    luaL_argcheck(L, d < TCB_DIALECTS, arg, "dialect is 'v2' or 'v1'");
    o->dialect = (tcb_dialect)d;
  }
  o->plus = l_fieldbool(L, arg, "plus", 0);
  o->check.label_optional = l_fieldbool(L, arg, "label_optional", 0);
  const char *country = l_fieldstring(L, arg, "country", &len);
  if (country) {
    luaL_argcheck(L, len <= 3 && strspn(country, "0123456789") == len, arg, "country: a code has 1 to 3 digits");
    o->check.country = country;
  }
  o->label.data = l_fieldstring(L, arg, "label_id", &o->label.len);
  o->check.now_ms = l_fieldint(L, arg, "now", o->check.now_ms);
  if (l_fieldbool(L, arg, "past", 0)) o->check.now_ms = INT64_MIN;
}

int l_fieldof(tcb_dialect dialect, const char *name) {
  int i = 0;
  while (i < TCB_FIELDS && strcmp(tcb_rules[i].name[dialect], name) != 0) i++;
  return i;
}

/* Pushes the list of the fields' names, dialect by dialect: made once, for a name out of C is hashed each time. */
static void push_names(lua_State *L) {
  static const char key = 0;
  lua_pushlightuserdata(L, (void *)(uintptr_t)&key);
  lua_rawget(L, LUA_REGISTRYINDEX);
  if (!lua_isnil(L, -1)) return;
  lua_pop(L, 1);
  lua_createtable(L, TCB_DIALECTS * TCB_FIELDS, 0);
  for (int i = 0; i < TCB_DIALECTS * TCB_FIELDS; i++) {
    lua_pushstring(L, tcb_rules[i % TCB_FIELDS].name[i / TCB_FIELDS]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_pushlightuserdata(L, (void *)(uintptr_t)&key);
  lua_pushvalue(L, -2);
  lua_rawset(L, LUA_REGISTRYINDEX);
}

static void push_field(lua_State *L, int names, int at, tcb_dialect dialect, int field) {      /* record.FIELD */
  lua_rawgeti(L, names, (int)dialect * TCB_FIELDS + field + 1);
  lua_gettable(L, at);
}

/* Other keys of a record are the caller's own; only the other dialect's spelling is a mistake. */
static void refuse_other_dialect(lua_State *L, int names, int at, int arg, tcb_dialect dialect) {
  for (int i = 0; i < TCB_FIELDS; i++) {
    const char *other = tcb_rules[i].name[1 - dialect];
    if (strcmp(other, tcb_rules[i].name[dialect]) == 0) continue;
    push_field(L, names, at, (tcb_dialect)(1 - dialect), i);
    if (!lua_isnil(L, -1) && l_fieldof(dialect, other) == TCB_FIELDS)
      luaL_argerror(L, arg, lua_pushfstring(L, "field '%s' is called '%s' here", other, tcb_rules[i].name[dialect]));
    lua_pop(L, 1);
  }
}

static void wrong_type(lua_State *L, int arg, int index, const char *field, const char *expected) {
  const char *got = luaL_typename(L, -1);
  if (index > 0) luaL_argerror(L, arg, lua_pushfstring(L, "record %d, field '%s': %s expected, got %s", index, field, expected, got));
  luaL_argerror(L, arg, lua_pushfstring(L, "field '%s': %s expected, got %s", field, expected, got));
}

void l_readcell(lua_State *L, int arg, int index, tcb_field field, tcb_dialect dialect, tcb_cell *cell) {
  const char *name = tcb_rules[field].name[dialect];
  *cell = (tcb_cell){ .is_int = 0 };
  if (lua_isnil(L, -1)) return;
  if (tcb_rules[field].type == TCB_TYPE_INSTANT) {
    lua_Number n = lua_tonumber(L, -1);
    if (lua_type(L, -1) != LUA_TNUMBER || n != floor(n) || fabs(n) > 9e15) wrong_type(L, arg, index, name, "epoch milliseconds");
    cell->n = (int64_t)n, cell->is_int = 1;
  } else {
    if (lua_type(L, -1) != LUA_TSTRING) wrong_type(L, arg, index, name, "a string");
    cell->text.data = lua_tolstring(L, -1, &cell->text.len);
  }
}

void l_readcells(lua_State *L, int at, int arg, int index, tcb_dialect dialect, tcb_text label, tcb_cell cells[TCB_FIELDS]) {
  luaL_checkstack(L, TCB_FIELDS + 5, "too many values");
  push_names(L);
  int names = lua_gettop(L);
  refuse_other_dialect(L, names, at, arg, dialect);
  for (int i = 0; i < TCB_FIELDS; i++) {
    push_field(L, names, at, dialect, i);
    l_readcell(L, arg, index, (tcb_field)i, dialect, &cells[i]);
    if (i == TCB_LABEL && lua_isnil(L, -1)) cells[i].text = label;
  }
}

typedef struct { tcb_fault fault; char shown[TCB_SHOWN_BYTES]; } refusal;

static int push_fault(lua_State *L, const refusal *refused, int index, tcb_dialect dialect) {      /* -> nil, err */
  const tcb_fault *fault = &refused->fault;
  const char *field = tcb_rules[fault->field].name[dialect];
  char text[384];
  tcb_err err;
  tcb_fault_message(fault, refused->shown, text, sizeof text);
  if (index > 0) tcb_fail_field(&err, TCB_E_INPUT, field, "record %d: %s", index, text);
  else tcb_fail_field(&err, TCB_E_INPUT, field, "%s", text);
  snprintf(err.slug, sizeof err.slug, "%s", tcb_fault_name(fault->code));
  l_fail(L, &err);
  if (index > 0) l_pushint(L, index), lua_setfield(L, -2, "index");
  return 2;
}

static int read_record(lua_State *L, int at, int arg, int index, const options *o, tcb_record *record, refusal *refused) {
  tcb_cell cells[TCB_FIELDS];
  tcb_fault faults[TCB_FAULTS_MAX];
  l_readcells(L, at, arg, index, o->dialect, o->label, cells);
  if (tcb_record_check(&o->check, cells, record, faults) <= 0) return 1;
  refused->fault = faults[0];
  tcb_field field = (tcb_field)faults[0].field;
  tcb_shown(l_ctx(L), field, tcb_rules[field].name[o->dialect], &cells[field], refused->shown);
  return 0;
}

void l_pushfield(lua_State *L, const tcb_record *r, int field) {
  if (field == TCB_CALLER || field == TCB_RECEIVER) lua_pushlstring(L, r->number[field], r->number_len[field]);
  else if (field == TCB_STARTS_AT) l_pushint(L, r->starts_at);
  else if (field == TCB_ENDS_AT) l_pushint(L, r->ends_at);
  else if (r->text[field].data) lua_pushlstring(L, r->text[field].data, r->text[field].len);
  else lua_pushnil(L);
}

void l_pushrecord(lua_State *L, const tcb_record *r, tcb_dialect dialect) {
  lua_createtable(L, 0, TCB_FIELDS);
  for (int i = 0; i < TCB_FIELDS; i++) {
    l_pushfield(L, r, i);
    lua_setfield(L, -2, tcb_rules[i].name[dialect]);
  }
}

/* (record, options?) -> the record as it would be sent | nil, err (kind input, field, slug = the fault's code) */
static int record_check(lua_State *L) {
  options o;
  tcb_record record;
  refusal refused;
  luaL_checktype(L, 1, LUA_TTABLE);
  read_options(L, 2, &o);
  if (!read_record(L, 1, 1, 0, &o, &record, &refused)) return push_fault(L, &refused, 0, o.dialect);
  l_pushrecord(L, &record, o.dialect);
  return 1;
}

static int record_encode_one(lua_State *L) {             /* (record, options?) -> string: one JSON object | nil, err */
  options o;
  tcb_record record;
  refusal refused;
  tcb_err err;
  luaL_checktype(L, 1, LUA_TTABLE);
  read_options(L, 2, &o);
  if (!read_record(L, 1, 1, 0, &o, &record, &refused)) return push_fault(L, &refused, 0, o.dialect);
  tcb_buf *out = l_scratch(L);
  if (tcb_record_encode(&record, o.dialect, o.plus, out, &err) != TCB_OK) return l_fail(L, &err);
  lua_pushlstring(L, out->data, out->len);
  return 1;
}

/* (list of 1..500 records, options?) -> buf: a batch's body | nil, err (kind input, field, index). Two records with the same match key
   in one batch are an error: the service tells a batch's records apart by nothing else. */
static int record_encode(lua_State *L) {
  options o;
  tcb_record record;
  refusal refused;
  tcb_err err;
  uint64_t hashes[TCB_BATCH_MAX];
  luaL_checktype(L, 1, LUA_TTABLE);
  read_options(L, 2, &o);
  size_t count = l_rawlen(L, 1);
  luaL_argcheck(L, count >= 1 && count <= TCB_BATCH_MAX, 1, "a batch has 1 to 500 records");
  tcb_buf *out = l_newbuf(L);
  int top = lua_gettop(L);
  tcb_status status = tcb_buf_add(out, tcb_dialects[o.dialect].before, strlen(tcb_dialects[o.dialect].before), &err);
  for (size_t i = 0; i < count && status == TCB_OK; i++) {
    lua_rawgeti(L, 1, (int)i + 1);
    if (!lua_istable(L, -1)) luaL_argerror(L, 1, lua_pushfstring(L, "record %d: a table expected, got %s", (int)i + 1, luaL_typename(L, -1)));
    if (!read_record(L, top + 1, 1, (int)i + 1, &o, &record, &refused)) return push_fault(L, &refused, (int)i + 1, o.dialect);
    tcb_match_key key;
    tcb_match_key_of(&record, &key);
    hashes[i] = tcb_match_hash(&key);
    for (size_t j = 0; j < i; j++)
      if (hashes[j] == hashes[i]) {
        tcb_fail_field(&err, TCB_E_INPUT, tcb_rules[TCB_RECEIVER].name[o.dialect],
                       "records %d and %d have the same numbers, window and label; they cannot share a batch", (int)j + 1, (int)i + 1);
        snprintf(err.slug, sizeof err.slug, "%s", tcb_fault_name(TCB_FAULT_DUPLICATE));
        l_fail(L, &err);
        l_pushint(L, (int)i + 1), lua_setfield(L, -2, "index");
        return 2;
      }
    if (i > 0) status = tcb_buf_add(out, ",", 1, &err);
    if (status == TCB_OK) status = tcb_record_encode(&record, o.dialect, o.plus, out, &err);
    lua_settop(L, top);
  }
  if (status == TCB_OK) status = tcb_buf_add(out, tcb_dialects[o.dialect].after, strlen(tcb_dialects[o.dialect].after), &err);
  return status == TCB_OK ? 1 : l_fail(L, &err);
}

static int record_hash(lua_State *L) {                   /* (record, options?) -> 8 bytes: the hash of its match key | nil, err */
  options o;
  tcb_record record;
  refusal refused;
  tcb_match_key key;
  char bytes[8];
  luaL_checktype(L, 1, LUA_TTABLE);
  read_options(L, 2, &o);
  if (!read_record(L, 1, 1, 0, &o, &record, &refused)) return push_fault(L, &refused, 0, o.dialect);
  tcb_match_key_of(&record, &key);
  tcb_match_store(bytes, tcb_match_hash(&key));
  lua_pushlstring(L, bytes, sizeof bytes);
  return 1;
}

static int record_rules(lua_State *L) {                  /* () -> list of {name, v1, type, required, min, max, forbidden, edges, rule} */
  static const char *const types[] = { "number", "uuid", "text", "instant" };
  lua_createtable(L, TCB_FIELDS, 0);
  for (int i = 0; i < TCB_FIELDS; i++) {
    const tcb_field_rule *r = &tcb_rules[i];
    lua_createtable(L, 0, 9);
    lua_pushstring(L, r->name[TCB_V2]), lua_setfield(L, -2, "name");
    lua_pushstring(L, r->name[TCB_V1]), lua_setfield(L, -2, "v1");
    lua_pushstring(L, types[r->type]), lua_setfield(L, -2, "type");
    lua_pushboolean(L, r->required), lua_setfield(L, -2, "required");
    if (r->most) {
      l_pushint(L, r->least), lua_setfield(L, -2, "min");
      l_pushint(L, r->most), lua_setfield(L, -2, "max");
    }
    lua_pushstring(L, r->forbidden), lua_setfield(L, -2, "forbidden");
    lua_pushstring(L, r->edges), lua_setfield(L, -2, "edges");
    lua_pushstring(L, r->rule), lua_setfield(L, -2, "rule");
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

static const luaL_Reg functions[] = {
  {"check", record_check}, {"encode", record_encode}, {"hash", record_hash}, {"rules", record_rules},
  {NULL, NULL}
};

void l_record_register(lua_State *L) {                   /* module table on top, left on top */
  lua_createtable(L, 0, 5);
  l_setfuncs(L, functions);
  l_setscratch(L, "encode_one", record_encode_one);
  lua_setfield(L, -2, "record");
}
