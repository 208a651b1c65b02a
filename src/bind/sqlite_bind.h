/* bind/sqlite_bind.h: what the binding files of tcb.sqlite share. */
#ifndef TCB_SQLITE_BIND_H
#define TCB_SQLITE_BIND_H

#include "bind/l_bind.h"
#include "io/sqlite_conn.h"

#define L_SQLITE "tcb.sqlite"
#define L_STMT "tcb.sqlite.stmt"

/* The open connection at `arg`; raises when it is closed. */
tcb_sqlite *l_checksqlite(lua_State *L, int arg);
/* Pushes a new empty statement userdata tied to the connection at `db`; *slot takes the statement. */
tcb_stmt **l_newstmt(lua_State *L, int db);
void l_sqlite_register(lua_State *L);
void l_stmt_register(lua_State *L);

#endif
