/* core/shown.h: a field with its value as messages name it: `receiver_number "98***"`. No whole phone number, no secret. */
#ifndef TCB_SHOWN_H
#define TCB_SHOWN_H

#include "core/ctx.h"
#include "core/record.h"

#define TCB_SHOWN_BYTES 128

/* The name alone where the cell is NULL, empty or no UTF-8. Long values are cut. */
void tcb_shown(tcb_ctx *ctx, tcb_field field, const char *name, const tcb_cell *cell, char out[TCB_SHOWN_BYTES]);

#endif
