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
reader_ud *l_newreader(lua_State *L);
/* Takes the reader out of the userdata at `arg`: it belongs to the caller now. Raises when it is closed or taken. */
tcb_reader *l_takereader(lua_State *L, int arg);

#endif
