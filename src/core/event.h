/* core/event.h: the head of a webhook event: what a receiver must know before it may say "received". */
#ifndef TCB_EVENT_H
#define TCB_EVENT_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

#define TCB_EVENT_ID_MAX 200

typedef struct {
  char id[TCB_EVENT_ID_MAX + 1];     /* event_id; a number is taken as its text */
  size_t id_len;
  char type[64];                     /* event_type, "" when it has none */
  size_t type_len;
  char number[16];                   /* the digits to call, "" when no field holds them */
  int64_t created_at;                /* ms; 0 when absent or unreadable */
} tcb_event;

/* Reads the head of `text`. TCB_E_INPUT: not one JSON object in UTF-8 of at most TCB_JSCAN_DEPTH levels, or without an event_id.
   What the event is about is not looked at: unknown types and payloads pass. */
tcb_status tcb_event_read(const char *text, size_t len, tcb_event *out, tcb_err *err);

#endif
