/* host/limits.c: --memory-limit. One counter for Lua and the core: the binary has one main state. */
#include "host/host.h"

#include <stdlib.h>

#include "bind/l_bind.h"

static struct { size_t used, limit; } memory;

static void *count(void *ud, void *block, size_t old_bytes, size_t new_bytes) {
  (void)ud;
  if (block == NULL) old_bytes = 0;                      /* Lua gives the kind of the new object here */
  if (new_bytes == 0) {
    memory.used -= old_bytes;
    free(block);
    return NULL;
  }
  if (new_bytes > old_bytes && memory.limit && memory.used - old_bytes + new_bytes > memory.limit) return NULL;
  void *p = realloc(block, new_bytes);
  if (p) memory.used += new_bytes - old_bytes;
  return p;
}

void host_memory_limit(lua_State *L, size_t bytes) {
  if (memory.limit == 0) {
    memory.used = (size_t)lua_gc(L, LUA_GCCOUNT, 0) * 1024 + (size_t)lua_gc(L, LUA_GCCOUNTB, 0);
    lua_setallocf(L, count, NULL);
    l_ctx(L)->alloc = count;
  }
  memory.limit = bytes;
}

size_t host_memory_used(void) { return memory.used; }
