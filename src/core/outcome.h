/* core/outcome.h: what became of each record, a byte a record, and what else is known of a few of them. */
#ifndef TCB_OUTCOME_H
#define TCB_OUTCOME_H

#include "core/buf.h"

/* Codes as the journal keeps them; never renumbered. A record that has none of its own (TCB_REC_OPEN) is what its batch is. */
enum {
  TCB_REC_OPEN = 0,                 /* waiting, sent, in doubt, rejected: the batch says which */
  TCB_REC_SUCCESS = 1,
  TCB_REC_EXPIRED = 2,              /* its window passed before it could be sent */
  TCB_REC_UNREPORTED = 3,           /* in doubt: sent, and never reported or settled */
  TCB_REC_MOVED = 4,                /* sent again in a later batch, which counts it */
  TCB_REC_NOTED = 5,                /* failed, for a reason that stands in the notes: the message table is full */
  TCB_REC_FAILED = 16               /* failed: 16 + the number of its reason in the message table */
};
#define TCB_MESSAGES_MAX (256 - TCB_REC_FAILED)

/* Marks, a byte a record, kept only where one is set. */
enum {
  TCB_MARK_LATE = 1,                /* its window had begun when it was committed */
  TCB_MARK_GROUP = 2,               /* matched as one of several: its number came back masked */
  TCB_MARK_MIXED = 4                /* the group's outcomes differ: they are right in number alone */
};

/* How many records have each code and each mark. */
typedef struct { uint64_t codes[256], late, grouped; } tcb_tally;

void tcb_tally_add(tcb_tally *t, const char *codes, size_t count);
void tcb_tally_marks(tcb_tally *t, const char *marks, size_t count);

/* Notes of a batch: what does not fit a byte. Packed one after the other: kind, record (varint), length (varint), text. */
enum {
  TCB_NOTE_REASON = 'r',            /* a reason outside the message table; a NUL parts it from the field at fault */
  TCB_NOTE_ID = 'i',                /* the service's id of a record, when it is no UUID */
  TCB_NOTE_MASKED = 'm',            /* a status row whose numbers are masked, as JSON; its record is unknown: TCB_NO_RECORD */
  TCB_NOTE_EXTRA = 'x'              /* a status row that fits no record, as JSON */
};
#define TCB_NO_RECORD 0xffff
#define TCB_NOTE_TEXT_MAX 2048

typedef struct { const char *at, *last; } tcb_notes_reader;
typedef struct { char kind; uint64_t record; const char *text; size_t len; } tcb_note;

tcb_status tcb_note_add(tcb_buf *notes, char kind, uint64_t record, const char *text, size_t len, tcb_err *err);
/* 1 with the next note, 0 at the end, -1 when the bytes are no notes. */
int tcb_note_next(tcb_notes_reader *r, tcb_note *note);

/* A UUID in lower case packed into 16 bytes: 1, or 0 when `text` is not one. */
int tcb_uuid_pack(const char *text, size_t len, unsigned char out[16]);
void tcb_uuid_unpack(const unsigned char packed[16], char out[36]);

#endif
