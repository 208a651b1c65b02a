/* io/zlib_reader.c: gzip input through zlib. */
#include "io/zlib_reader.h"

#include <stddef.h>
#include <zlib.h>

#define INPUT_BYTES 65536
#define GZIP_WINDOW (15 + 16)         /* zlib: the largest window, a gzip header is expected */

typedef struct {
  tcb_reader face;
  tcb_ctx *ctx;
  tcb_reader *inner;
  z_stream z;
  int is_ready;                     /* inflateInit2 has succeeded */
  int in_member;                    /* between a member's header and its end */
  int at_end;                       /* inner has ended */
  int64_t given;                    /* bytes since the start */
  unsigned char input[INPUT_BYTES];
} zlib_reader;

/* zlib asks for n x size bytes and gives no size back: it is kept in front. */
static void *zlib_alloc(void *ud, unsigned n, unsigned size) {
  zlib_reader *r = ud;
  size_t bytes = (size_t)n * size + sizeof(max_align_t);
  size_t *block = tcb_malloc(r->ctx, bytes);
  if (block == NULL) return NULL;
  *block = bytes;
  return (char *)block + sizeof(max_align_t);
}

static void zlib_free(void *ud, void *address) {
  zlib_reader *r = ud;
  if (address == NULL) return;
  char *block = (char *)address - sizeof(max_align_t);
  tcb_free(r->ctx, block, *(size_t *)(void *)block);
}

/* More compressed bytes. TCB_NOT_FOUND: there are none. */
static tcb_status more_input(zlib_reader *r, tcb_err *err) {
  size_t got;
  if (r->at_end) return TCB_NOT_FOUND;
  tcb_status status = r->inner->read(r->inner, (char *)r->input, sizeof r->input, &got, err);
  if (status == TCB_NOT_FOUND) r->at_end = 1;
  if (status != TCB_OK) return status;
  r->z.next_in = r->input;
  r->z.avail_in = (unsigned)got;
  return TCB_OK;
}

static tcb_status zlib_read(tcb_reader *face, char *to, size_t cap, size_t *got, tcb_err *err) {
  zlib_reader *r = (zlib_reader *)face;
  unsigned room = cap < INT32_MAX ? (unsigned)cap : INT32_MAX;
  r->z.next_out = (unsigned char *)to;
  r->z.avail_out = room;
  while (r->z.avail_out == room) {
    if (r->z.avail_in == 0) {
      tcb_status status = more_input(r, err);
      if (status == TCB_NOT_FOUND && r->in_member) return tcb_fail(err, TCB_E_INPUT, "the gzip input is cut off: its end is missing");
      if (status != TCB_OK) return status;
    }
    r->in_member = 1;
    int result = inflate(&r->z, Z_NO_FLUSH);
    if (result == Z_STREAM_END) {
      r->in_member = 0;
      inflateReset2(&r->z, GZIP_WINDOW);
    } else if (result == Z_MEM_ERROR) return tcb_fail(err, TCB_E_MEMORY, "not enough memory to decompress the input");
    else if (result != Z_OK && result != Z_BUF_ERROR)
      return tcb_fail(err, TCB_E_INPUT, "the gzip input is damaged: %.80s", r->z.msg ? r->z.msg : "it cannot be decompressed");
  }
  *got = room - r->z.avail_out;
  r->given += (int64_t)*got;
  return TCB_OK;
}

static tcb_status zlib_seek(tcb_reader *face, int64_t offset, tcb_err *err) {
  zlib_reader *r = (zlib_reader *)face;
  if (offset < r->given) {
    tcb_status status = r->inner->seek(r->inner, 0, err);
    if (status != TCB_OK) return status;
    inflateReset2(&r->z, GZIP_WINDOW);
    r->z.avail_in = 0;
    r->at_end = r->in_member = 0;
    r->given = 0;
  }
  return tcb_reader_skip(face, offset - r->given, err);
}

static void zlib_reader_free(tcb_reader *face) {
  zlib_reader *r = (zlib_reader *)face;
  tcb_reader_free(r->inner);
  if (r->is_ready) inflateEnd(&r->z);
  tcb_free(r->ctx, r, sizeof *r);
}

tcb_status tcb_zlib_reader(tcb_reader **out, tcb_ctx *ctx, tcb_reader *inner, tcb_err *err) {
  zlib_reader *r = tcb_calloc(ctx, sizeof *r);
  if (r == NULL) {
    tcb_reader_free(inner);
    return tcb_fail(err, TCB_E_MEMORY, "not enough memory to decompress the input");
  }
  r->face = (tcb_reader){ .read = zlib_read, .seek = zlib_seek, .free = zlib_reader_free, .fd = inner->fd };
  r->ctx = ctx;
  r->inner = inner;
  r->z.zalloc = zlib_alloc;
  r->z.zfree = zlib_free;
  r->z.opaque = r;
  if (inflateInit2(&r->z, GZIP_WINDOW) != Z_OK) {
    zlib_reader_free(&r->face);
    return tcb_fail(err, TCB_E_MEMORY, "not enough memory to decompress the input");
  }
  r->is_ready = 1;
  *out = &r->face;
  return TCB_OK;
}
