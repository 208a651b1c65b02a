/* bind/feed.h: what other bindings need of tcb.feed. */
#ifndef TCB_BIND_FEED_H
#define TCB_BIND_FEED_H

#include "bind/l_bind.h"
#include "core/feed.h"

/* The feed at `arg`; raises when it is closed, or something else. */
tcb_feed *l_checkfeed(lua_State *L, int arg);

#endif
