/* io/zone.h: time zones from the system's tzdata. */
#ifndef TCB_IO_ZONE_H
#define TCB_IO_ZONE_H

#include "core/zone.h"

/* `name`: "Asia/Kolkata", "UTC", "Z", or a fixed offset such as "+05:30". Looks in $TZDIR, else /usr/share/zoneinfo. */
tcb_status tcb_zone_load(tcb_zone **out, tcb_ctx *ctx, const char *name, tcb_err *err);

#endif
