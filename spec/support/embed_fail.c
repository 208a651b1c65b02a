/* spec/support/embed_fail.c: examples/embed/host.c with an allocator that fails at the n-th call: the same program, a fresh state a run,
   many runs in one process, on a clock that runs SPEED times as fast. A failing run may end in any way but a crash, a leak or a hang;
   a run after it, on the same journal and with memory enough, must account for every record.
     embed_fail SCRIPT CSV FOLDER PHASE WIDTH FIRST STEP COUNT
   PHASE: when the calls begin to count: `require` (with the state) or as the script says by arm(). WIDTH: so many calls in a row fail (Lua
   collects garbage and tries again after the first). COUNT runs, at n = FIRST, FIRST + STEP, ...; STEP 0: spread over all. */
#define _GNU_SOURCE
#include <poll.h>

#define SPEED 25
#define main example_main
#define poll(fds, n, ms) poll(fds, n, (ms) < 0 ? (ms) : ((ms) + SPEED - 1) / SPEED)
#include "../../examples/embed/host.c"
#undef main
#undef poll

#include <dlfcn.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "bind/l_bind.h"

#define HANG_S 60

#ifdef __SANITIZE_ADDRESS__                              /* WHERE=1 in the environment: where the failing call comes from */
void __sanitizer_print_stack_trace(void);
#define WHERE() do { if (getenv("WHERE")) __sanitizer_print_stack_trace(); } while (0)
#else
#define WHERE() do { } while (0)
#endif

static long calls, calls_before, fail_at, width;         /* calls_before: arm(); fail_at 0: never */
static int armed;

static void *failing(void *ud, void *block, size_t old_bytes, size_t new_bytes) {
  int grows = new_bytes > 0 && (block == NULL || new_bytes > old_bytes);
  if (grows && armed) {
    calls++;
    if (fail_at > 0 && calls >= fail_at && calls - fail_at < width) {
      if (calls == fail_at) WHERE();
      return NULL;
    }
  }
  return capped(ud, block, old_bytes, new_bytes);
}

static int arm(lua_State *L) {
  (void)L;
  armed = 1;
  calls_before = calls;
  return 0;
}

/* A state's clock begins at the true time and runs ahead. */
static void fast(void *ud, int64_t *wall_ms, int64_t *mono_us) {
  static __thread int64_t from_us;
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  int64_t us = (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
  if (from_us == 0) from_us = us;
  *mono_us = from_us + (us - from_us) * SPEED;
  *wall_ms = *mono_us / 1000;
  (void)ud;
}

static int hurry(lua_State *L) {
  l_ctx(L)->clock.source = fast;
  return 0;
}

/* Protected: (job) -> what the script says. */
static int body(lua_State *L) {
  lua_register(L, "arm", arm);
  lua_register(L, "hurry", hurry);
  return program(L);
}

static void hangs(int sig) {
  static const char text[] = "FAILED: hangs\n";
  (void)sig;
  _exit(write(STDOUT_FILENO, text, sizeof text - 1) > 0 ? 1 : 2);
}

/* One state from birth to death: true when it did its work; `text`: its result or its error. */
static int one_run(job *j, int from_start, long n, char text[500]) {
  budget memory = { 0, (size_t)64 << 20 };
  calls = 0;
  fail_at = n;
  armed = from_start;
  alarm(HANG_S);
  lua_State *L = lua_newstate(failing, &memory);
  int is_good = 0;
  snprintf(text, 500, "no state");
  if (L) {
    lua_pushcfunction(L, as_text);
    lua_pushcfunction(L, body);
    lua_pushlightuserdata(L, j);
    is_good = lua_pcall(L, 1, 1, 1) == LUA_OK;
    snprintf(text, 500, "%s", lua_tostring(L, -1));
    armed = 0;
    lua_close(L);
  }
  alarm(0);
  if (memory.used != 0) {
    printf("FAILED at n=%ld: %zu bytes leaked\n", n, memory.used);
    exit(1);
  }
  return is_good;
}

static long records(const char *text, const char *name) {   /* "  17 success" -> 17 */
  for (const char *line = text; line; line = strchr(line, '\n')) {
    char *rest;
    if (*line == '\n') line++;
    long n = strtol(line, &rest, 10);
    if (strncmp(rest, name, strlen(name)) == 0) return n;
  }
  return 0;
}

static void forget(const char *journal) {
  static const char *const ends[] = { "", "-wal", "-shm", "-lock", NULL };
  for (int i = 0; ends[i]; i++) {
    char path[320];
    snprintf(path, sizeof path, "%s%s", journal, ends[i]);
    remove(path);
  }
}

int main(int argc, char **argv) {
  char journal[300], text[500];
  if (argc != 9) return 2;
  setvbuf(stdout, NULL, _IOLBF, 0);
  signal(SIGALRM, hangs);
  if (getenv("CJSON")) dlopen(getenv("CJSON"), RTLD_NOW | RTLD_NODELETE);   /* stays mapped: lua-cjson's own leaks keep their names */
  int from_start = strcmp(argv[4], "require") == 0;
  width = atol(argv[5]);
  long n = atol(argv[6]), step = atol(argv[7]), count = atol(argv[8]), failures = 0, done = 0, success = 0, in_doubt = 0;
  job j = { argv[1], argv[2], journal, -1 };
  snprintf(journal, sizeof journal, "%s/journal.db", argv[3]);
  forget(journal);
  if (!one_run(&j, from_start, 0, text)) {
    printf("FAILED: %s\n", text);
    return 1;
  }
  forget(journal);
  long all = from_start ? calls_before : calls;
  printf("calls %ld\n", all);
  success = records(text, " success");
  if (step == 0) step = all > count ? all / count : 1;
  for (; done < count && n <= all + 1; done++, n += step) {
    int is_good = one_run(&j, from_start, n, text);
    failures += !is_good;
    if (getenv("VERBOSE")) printf("n=%ld: %s\n", n, text);
    is_good = one_run(&j, from_start, 0, text);          /* again, with memory enough */
    if (!is_good || records(text, " records") != 20 || records(text, " success") + records(text, " in doubt") != 20) {
      printf("FAILED after n=%ld: %s\n", n, text);
      return 1;
    }
    success += records(text, " success");
    in_doubt += records(text, " in doubt");
    forget(journal);
  }
  printf("done: %ld of %ld runs failed for want of memory, no record was lost: %ld success, %ld in doubt\n", failures, done, success, in_doubt);
  return 0;
}
