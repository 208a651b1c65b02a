/* bind/record.h: record tables of Lua, for every binding that takes or gives them. */
#ifndef TCB_BIND_RECORD_H
#define TCB_BIND_RECORD_H

#include "bind/l_bind.h"
#include "core/record.h"

/* The record table at `at` (an absolute index) -> cells. Pushes TCB_FIELDS values, which keep the cells' bytes alive. Wrong types, and
   names of the other dialect, raise an error of argument `arg`; `index` > 0 names the record in it. */
void l_readcells(lua_State *L, int at, int arg, int index, tcb_dialect dialect, tcb_text label, tcb_cell cells[TCB_FIELDS]);
/* One value -> a cell; raises as above. The value is at the top, and stays there. */
void l_readcell(lua_State *L, int arg, int index, tcb_field field, tcb_dialect dialect, tcb_cell *cell);
/* The record as a table. */
void l_pushrecord(lua_State *L, const tcb_record *record, tcb_dialect dialect);
/* The field of that name in `dialect`, TCB_FIELDS when there is none. */
int l_fieldof(tcb_dialect dialect, const char *name);
/* A field of the record; nil when it is absent. */
void l_pushfield(lua_State *L, const tcb_record *record, int field);

#endif
