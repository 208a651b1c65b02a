/* core/instant.h: instants as users write them -> epoch milliseconds. */
#ifndef TCB_INSTANT_H
#define TCB_INSTANT_H

#include "core/fault.h"
#include "core/text.h"
#include "core/zone.h"

#define TCB_INSTANT_MIN INT64_C(100000000000)            /* smaller ones are seconds by mistake: 1973-03-03 in ms */
#define TCB_INSTANT_MAX INT64_C(99999999999999)          /* larger ones are microseconds by mistake: the year 5138 in ms */

/* Whether an integer can be an instant in ms: TCB_WHY_NONE, or the kind of mistake. */
tcb_why tcb_instant_check(int64_t ms);
/* Reads epoch ms or ISO 8601 ("2026-08-02T10:00:00.250+05:30", seconds and fraction optional, "T" or a space). Without a zone in
   the text `zone` decides; NULL: refused. */
tcb_why tcb_instant_parse(const char *text, size_t len, const tcb_zone *zone, int64_t *ms);
/* "2026-08-02T10:00:00.250+05:30" in `zone` (NULL: UTC, ending in Z); the fraction only when there is one. */
void tcb_instant_format(int64_t ms, const tcb_zone *zone, char out[40]);

#endif
