/* io/zone.c: finds and reads the TZif file of a zone. */
#include "io/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX_BYTES 65536          /* the largest of tzdata has under 4 KB */

/* A zone's name never leads out of its directory. */
static int is_zone_name(const char *name) {
  size_t len = strlen(name);
  return len > 0 && len < 64 && name[0] != '/' && strstr(name, "..") == NULL &&
         strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/_+-") == len;
}

tcb_status tcb_zone_load(tcb_zone **out, tcb_ctx *ctx, const char *name, tcb_err *err) {
  char path[512];
  int offset_s;
  *out = NULL;
  if (tcb_zone_offset_text(name, strlen(name), &offset_s)) return tcb_zone_fixed(out, ctx, name, offset_s, err);
  if (!is_zone_name(name)) return tcb_fail(err, TCB_E_CONFIG, "time zone '%.60s': a name such as Asia/Kolkata or +05:30 is expected", name);
  const char *dir = getenv("TZDIR");
  int n = snprintf(path, sizeof path, "%s/%s", dir && dir[0] ? dir : "/usr/share/zoneinfo", name);
  FILE *f = n > 0 && (size_t)n < sizeof path ? fopen(path, "rb") : NULL;
  if (f == NULL) return tcb_fail(err, TCB_E_CONFIG, "time zone '%s' is unknown here: check its spelling, or install the package tzdata", name);
  char *bytes = tcb_malloc(ctx, FILE_MAX_BYTES);
  tcb_status status = bytes ? TCB_OK : tcb_fail(err, TCB_E_MEMORY, "not enough memory for a time zone");
  if (bytes) {
    size_t len = fread(bytes, 1, FILE_MAX_BYTES, f);
    status = tcb_zone_parse(out, ctx, name, bytes, len, err);
  }
  fclose(f);
  tcb_free(ctx, bytes, FILE_MAX_BYTES);
  return status;
}
