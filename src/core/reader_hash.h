/* core/reader_hash.h: a reader that hashes what passes through it: whether an input is still the one that was read. */
#ifndef TCB_READER_HASH_H
#define TCB_READER_HASH_H

#include "core/reader.h"

/* What passed since the last jump: shared by the reader and whoever asks, freed with the last of them. */
typedef struct tcb_passed tcb_passed;

/* Wraps `inner`, which belongs to the new reader even when this fails. *passed belongs to the caller too. */
tcb_status tcb_reader_hashed(tcb_reader **out, tcb_passed **passed, tcb_ctx *ctx, tcb_reader *inner, tcb_err *err);
/* The bytes from..to passed, with this XXH3 hash. */
void tcb_passed_digest(const tcb_passed *p, int64_t *from, int64_t *to, uint64_t *hash);
void tcb_passed_free(tcb_passed *p);

#endif
