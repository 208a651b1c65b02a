/* core/zone.h: a time zone's rules out of the system's TZif files (RFC 8536), or a fixed offset. */
#ifndef TCB_ZONE_H
#define TCB_ZONE_H

#include "core/ctx.h"

typedef struct tcb_zone tcb_zone;     /* immutable; no I/O */

/* Rules out of a TZif file's bytes, which may be dropped afterwards. `name` is only for messages and tcb_zone_name. */
tcb_status tcb_zone_parse(tcb_zone **out, tcb_ctx *ctx, const char *name, const char *bytes, size_t len, tcb_err *err);
/* A zone that is always `offset_s` east of UTC. */
tcb_status tcb_zone_fixed(tcb_zone **out, tcb_ctx *ctx, const char *name, int offset_s, tcb_err *err);
void tcb_zone_free(tcb_zone *zone);
const char *tcb_zone_name(const tcb_zone *zone);
/* "Z", "UTC", "+05:30", "-0800", "+01": a fixed offset -> 1 and seconds east of UTC; else 0. */
int tcb_zone_offset_text(const char *text, size_t len, int *offset_s);

/* Seconds east of UTC at the instant `utc_s`. */
int tcb_zone_offset(const tcb_zone *zone, int64_t utc_s);
/* The instant at which the zone's clocks show `local_s` (seconds since 1970 as if they were UTC). A time inside a gap gives
   the gap's end, a time that occurs twice its first occurrence. */
int64_t tcb_zone_instant(const tcb_zone *zone, int64_t local_s);

/* Days since 1970-01-01 of a date of the Gregorian calendar, and back. */
int64_t tcb_days_of(int64_t year, int month, int day);
void tcb_date_of(int64_t days, int64_t *year, int *month, int *day);

#endif
