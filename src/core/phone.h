/* core/phone.h: phone numbers in every form users have them -> digits with the country code. */
#ifndef TCB_PHONE_H
#define TCB_PHONE_H

#include "core/fault.h"
#include "core/text.h"

/* E.164: digits with the country code, the first not 0; the API documents no range of its own. */
#define TCB_PHONE_MIN 8
#define TCB_PHONE_MAX 15

/* Reads `text` ("+91 98765-43210", "0091...", "(0)98765 43210"); `country` (digits, "" = none) completes national numbers.
   Writes the digits, NUL-terminated, and returns TCB_WHY_NONE; else why it is not a number. */
tcb_why tcb_phone_parse(const char *text, size_t len, const char *country, char digits[16], size_t *digits_len);
/* How many digits a number without + or 00 must have to be taken as one that starts with its country code already.
   0 when `country` is "": then any. */
void tcb_phone_international(const char *country, unsigned *least, unsigned *most);

#endif
