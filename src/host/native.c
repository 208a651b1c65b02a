/* host/native.c: tcb.host.native, what the commands need of the machine and Lua cannot ask for. */
#define _GNU_SOURCE                  /* wcwidth, newlocale */
#include "host/host.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include <lauxlib.h>

#include "host/sources.h"

static int native_isatty(lua_State *L) {                 /* (fd) -> boolean */
  lua_pushboolean(L, isatty((int)luaL_checkinteger(L, 1)));
  return 1;
}

static int native_columns(lua_State *L) {                /* (fd) -> width of the terminal there, nil when it is none */
  struct winsize size;
  if (ioctl((int)luaL_checkinteger(L, 1), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 0;
  lua_pushinteger(L, size.ws_col);
  return 1;
}

static int native_width(lua_State *L) {                  /* (UTF-8 text) -> columns that a terminal gives it */
  static locale_t utf8;
  size_t len;
  const char *s = luaL_checklstring(L, 1, &len), *end = s + len;
  if (utf8 == NULL) utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
  locale_t before = utf8 ? uselocale(utf8) : NULL;
  lua_Integer columns = 0;
  mbstate_t state;
  memset(&state, 0, sizeof state);
  while (s < end) {
    wchar_t c;
    size_t n = mbrtowc(&c, s, (size_t)(end - s), &state);
    if (n == (size_t)-1 || n == (size_t)-2 || n == 0) {
      memset(&state, 0, sizeof state);
      columns += n != 0;
      s++;
      continue;
    }
    int w = wcwidth(c);
    columns += w > 0 ? w : 0;
    s += n;
  }
  if (before) uselocale(before);
  lua_pushinteger(L, columns);
  return 1;
}

static int native_read_secret(lua_State *L) {            /* (prompt) -> a line typed without echo | nil */
  char line[512];
  const char *prompt = luaL_checkstring(L, 1);
  struct termios before, quiet;
  int fd = fileno(stdin), is_quiet = tcgetattr(fd, &before) == 0;
  if (is_quiet) {
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(fd, TCSADRAIN, &quiet);
  }
  fputs(prompt, stderr);                                 /* echo is off by now: whoever answers at once is not shown, and loses nothing */
  char *read = fgets(line, sizeof line, stdin);
  if (is_quiet) tcsetattr(fd, TCSADRAIN, &before);
  fputc('\n', stderr);
  if (read == NULL) return 0;
  lua_pushlstring(L, line, strcspn(line, "\r\n"));
  memset(line, 0, sizeof line);
  return 1;
}

static int native_flush(lua_State *L) {                  /* () -> true | nil, text, errno: has stdout taken everything */
  errno = 0;
  int failed = fflush(stdout) != 0 || ferror(stdout);
  return luaL_fileresult(L, !failed, "stdout");
}

static int native_caught(lua_State *L) {                 /* () -> exit code of the signal that asked to stop | nil */
  int sig = host_signals_caught();
  if (sig == 0) return 0;
  lua_pushinteger(L, 128 + sig);
  return 1;
}

static int native_forget(lua_State *L) {
  (void)L;
  host_signals_forget();
  return 0;
}

static int native_time_limit(lua_State *L) {             /* (seconds) */
  host_time_limit(luaL_checknumber(L, 1));
  return 0;
}

static int native_memory_limit(lua_State *L) {           /* (bytes) */
  lua_getglobal(L, "require");
  lua_pushliteral(L, "tcb.core");
  lua_call(L, 1, 0);
  host_memory_limit(L, (size_t)luaL_checkinteger(L, 1));
  return 0;
}

static int native_source(lua_State *L) {                 /* (module) -> text inside the binary, its name | nil */
  const char *name = luaL_checkstring(L, 1);
  for (const host_source *s = host_sources; s->name; s++) {
    if (strcmp(s->name, name) != 0) continue;
    lua_pushlstring(L, s->text, s->bytes);
    lua_pushstring(L, s->chunk + 1);
    return 2;
  }
  return 0;
}

static int native_modules(lua_State *L) {                /* () -> list of the modules inside the binary */
  lua_newtable(L);
  lua_Integer i = 0;
  for (const host_source *s = host_sources; s->name; s++) {
    lua_pushstring(L, s->name);
    lua_rawseti(L, -2, ++i);
  }
  return 1;
}

static int native_inner(lua_State *L) {                  /* () -> error value, traceback of the coroutine it came from */
  if (lua_getfield(L, LUA_REGISTRYINDEX, "tcb.host.inner") != LUA_TTABLE) return 0;
  lua_rawgeti(L, -1, 1);
  lua_rawgeti(L, -2, 2);
  return 2;
}

static int native_exe(lua_State *L) {
  lua_pushstring(L, host_exe());
  return 1;
}

static int native_traceback(lua_State *L) {              /* (level) -> stack of the caller as text */
  luaL_traceback(L, L, NULL, (int)luaL_optinteger(L, 1, 1));
  return 1;
}

int luaopen_tcb_host_native(lua_State *L) {
  static const luaL_Reg functions[] = {
    {"isatty", native_isatty}, {"columns", native_columns}, {"width", native_width}, {"flush", native_flush},
    {"read_secret", native_read_secret},
    {"caught", native_caught}, {"forget", native_forget}, {"on_interrupt", host_on_interrupt},
    {"time_limit", native_time_limit}, {"memory_limit", native_memory_limit}, {"source", native_source},
    {"modules", native_modules}, {"inner", native_inner}, {"exe", native_exe}, {"traceback", native_traceback}, {"trim", host_trim},
    {NULL, NULL}
  };
  luaL_newlib(L, functions);
  return 1;
}
