/* core/sha256.h: SHA-256 (FIPS 180-4) of bytes at hand, with the processor's own instructions where it has them. */
#ifndef TCB_SHA256_H
#define TCB_SHA256_H

#include <stddef.h>
#include <stdint.h>

/* Digests whole blocks. Asking the processor which one it has can cost microseconds: who hashes much asks once. */
typedef void (*tcb_sha256_engine)(uint32_t h[8], const unsigned char *data, size_t blocks);
tcb_sha256_engine tcb_sha256_best(void);
/* The one for every machine. */
tcb_sha256_engine tcb_sha256_portable(void);

void tcb_sha256_with(tcb_sha256_engine engine, const void *data, size_t len, unsigned char digest[32]);
void tcb_sha256(const void *data, size_t len, unsigned char digest[32]);
/* Writes 2 * len lower-case hex digits, no NUL. */
void tcb_hex(const unsigned char *bytes, size_t len, char *out);

#endif
