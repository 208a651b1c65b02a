/* bind/reader.h: tcb.reader, the userdata in which input readers travel between modules. */
#ifndef TCB_BIND_READER_H
#define TCB_BIND_READER_H

#include "bind/l_bind.h"
#include "core/reader.h"

#define L_READER "tcb.reader"

typedef struct {
  tcb_reader *core;                 /* NULL: closed, or taken over by what reads it */
} reader_ud;

/* A new, empty reader userdata on the stack; the caller sets its core. */
static inline reader_ud *l_newreader(lua_State *L) {
  reader_ud *u = l_newuserdata(L, sizeof *u);
  u->core = NULL;
  luaL_getmetatable(L, L_READER);
  lua_setmetatable(L, -2);
  return u;
}

/* Takes the reader out of the userdata at `arg`: it belongs to the caller now. Raises when it is closed or taken. */
static inline tcb_reader *l_takereader(lua_State *L, int arg) {
  reader_ud *u = luaL_checkudata(L, arg, L_READER);
  luaL_argcheck(L, u->core != NULL, arg, "reader is closed or in use");
  tcb_reader *core = u->core;
  u->core = NULL;
  return core;
}

#endif
