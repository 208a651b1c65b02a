/* core/sha256.c: SHA-256, portable and with the x86 SHA extensions. */
#include "core/sha256.h"

#include "core/cpu.h"

#include <string.h>
#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define HAVE_SHA_NI 1
#endif

static const uint32_t K[64] = {
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
};

static uint32_t rotate(uint32_t x, int n) { return x >> n | x << (32 - n); }

static uint32_t big_endian(const unsigned char *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void compress_portable(uint32_t h[8], const unsigned char *data, size_t blocks) {
  for (; blocks--; data += 64) {
    uint32_t w[64];
    for (int i = 0; i < 16; i++) w[i] = big_endian(data + 4 * i);
    for (int i = 16; i < 64; i++)
      w[i] = w[i - 16] + (rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 7] +
             (rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10);
    uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], x = h[7];
    for (int i = 0; i < 64; i++) {
      uint32_t t1 = x + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + K[i] + w[i];
      uint32_t t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
      x = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
    }
    h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e, h[5] += f, h[6] += g, h[7] += x;
  }
}

#ifdef HAVE_SHA_NI
__attribute__((target("sha,sse4.1,ssse3")))
static void compress_ni(uint32_t h[8], const unsigned char *data, size_t blocks) {
  const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
  __m128i t = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)&h[0]), 0xB1);
  __m128i b = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)&h[4]), 0x1B);
  __m128i a = _mm_alignr_epi8(t, b, 8);                  /* ABEF */
  b = _mm_blend_epi16(b, t, 0xF0);                       /* CDGH */
  for (; blocks--; data += 64) {
    __m128i w[4], a0 = a, b0 = b;
    for (int i = 0; i < 4; i++) w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(data + 16 * i)), swap);
    for (int i = 0; i < 16; i++) {                       /* four rounds a turn; the message schedule runs along */
      __m128i now = w[i & 3], k = _mm_add_epi32(now, _mm_loadu_si128((const __m128i *)(const void *)&K[4 * i]));
      b = _mm_sha256rnds2_epu32(b, a, k);
      a = _mm_sha256rnds2_epu32(a, b, _mm_shuffle_epi32(k, 0x0E));
      if (i >= 12) continue;
      __m128i next = _mm_sha256msg1_epu32(now, w[(i + 1) & 3]);
      next = _mm_add_epi32(next, _mm_alignr_epi8(w[(i + 3) & 3], w[(i + 2) & 3], 4));
      w[i & 3] = _mm_sha256msg2_epu32(next, w[(i + 3) & 3]);
    }
    a = _mm_add_epi32(a, a0);
    b = _mm_add_epi32(b, b0);
  }
  t = _mm_shuffle_epi32(a, 0x1B);                        /* FEBA */
  b = _mm_shuffle_epi32(b, 0xB1);                        /* DCHG */
  _mm_storeu_si128((__m128i *)(void *)&h[0], _mm_blend_epi16(t, b, 0xF0));
  _mm_storeu_si128((__m128i *)(void *)&h[4], _mm_alignr_epi8(b, t, 8));
}
#endif

tcb_sha256_engine tcb_sha256_best(void) {
#ifdef HAVE_SHA_NI
  if (tcb_cpu_look().sha) return compress_ni;
#endif
  return compress_portable;
}

tcb_sha256_engine tcb_sha256_portable(void) {
  return compress_portable;
}

void tcb_sha256_with(tcb_sha256_engine engine, const void *data, size_t len, unsigned char digest[32]) {
  uint32_t h[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
  unsigned char tail[128] = { 0 };
  size_t blocks = len / 64, rest = len % 64, tail_bytes = rest < 56 ? 64 : 128;
  engine(h, data, blocks);
  if (rest) memcpy(tail, (const unsigned char *)data + blocks * 64, rest);
  tail[rest] = 0x80;
  for (int i = 0; i < 8; i++) tail[tail_bytes - 1 - i] = (unsigned char)((uint64_t)len * 8 >> 8 * i);
  engine(h, tail, tail_bytes / 64);
  for (int i = 0; i < 8; i++)
    for (int k = 0; k < 4; k++) digest[4 * i + k] = (unsigned char)(h[i] >> (24 - 8 * k));
}

void tcb_sha256(const void *data, size_t len, unsigned char digest[32]) {
  tcb_sha256_with(tcb_sha256_best(), data, len, digest);
}

void tcb_hex(const unsigned char *bytes, size_t len, char *out) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < len; i++) {
    out[2 * i] = digits[bytes[i] >> 4];
    out[2 * i + 1] = digits[bytes[i] & 15];
  }
}
