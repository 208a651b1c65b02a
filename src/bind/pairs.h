/* bind/pairs.h: what other bindings need of tcb.pairs. */
#ifndef TCB_BIND_PAIRS_H
#define TCB_BIND_PAIRS_H

#include "bind/l_bind.h"
#include "core/pairs.h"

/* The pairs at `arg`; raises when they are closed, or something else. */
tcb_pairs *l_checkpairs(lua_State *L, int arg);

#endif
