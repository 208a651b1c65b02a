/* bind/zone.h: what other bindings need of tcb.zone. */
#ifndef TCB_BIND_ZONE_H
#define TCB_BIND_ZONE_H

#include "bind/l_bind.h"
#include "core/zone.h"

#define L_ZONE "tcb.zone"
/* The zone at `arg`: a tcb.zone, or NULL when it is absent. Raises on anything else. */
const tcb_zone *l_optzone(lua_State *L, int arg);

#endif
