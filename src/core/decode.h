/* core/decode.h: input in UTF-16 or Windows-1252 -> UTF-8; what is UTF-8 already passes through untouched. */
#ifndef TCB_DECODE_H
#define TCB_DECODE_H

#include "core/reader.h"

typedef enum { TCB_ENC_START, TCB_ENC_ASCII, TCB_ENC_UTF8, TCB_ENC_1252, TCB_ENC_UTF16LE, TCB_ENC_UTF16BE } tcb_encoding;

/* Wraps `inner`, which belongs to the new reader even when this fails. `encoding`: TCB_ENC_START = recognise it, by a byte order mark
   (which is dropped), by the zero bytes of UTF-16, else at the first byte beyond ASCII: text whose next 4 KB have more broken than
   whole UTF-8 sequences is Windows-1252. What has no meaning in the encoding becomes a byte that is not UTF-8, so that its row is refused. */
tcb_status tcb_decode_open(tcb_reader **out, tcb_ctx *ctx, tcb_reader *inner, tcb_encoding encoding, tcb_err *err);
/* What was recognised so far, by this reader or by one that it wraps; TCB_ENC_ASCII: nothing beyond ASCII yet. */
tcb_encoding tcb_decode_encoding(const tcb_reader *r);
/* "UTF-8", "Windows-1252", ...; static text. */
const char *tcb_encoding_name(tcb_encoding encoding);

#endif
