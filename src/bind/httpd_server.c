/* bind/httpd_server.c: Lua face of tcb_httpd. The userdata owns the server; one Lua state, one thread, but for httpd.wake. */
#include "bind/httpd_open.h"

#include <math.h>
#include <string.h>

#define SERVER "tcb.httpd.server"
typedef struct { tcb_httpd *core; } server_ud;           /* NULL: not open yet, or closed */

static tcb_httpd *check_server(lua_State *L) {
  server_ud *u = luaL_checkudata(L, 1, SERVER);
  luaL_argcheck(L, u->core != NULL, 1, "server is closed");
  return u->core;
}

static const char *const known[] = {
  "host", "port", "unix", "unix_mode", "cert", "key", "max_body_bytes", "max_header_bytes", "idle_timeout_s", "read_timeout_s",
  "max_connections", "routes", NULL
};
static const char *const known_route[] = { "path", "methods", "key_name", "key", "content_type", "max_body_bytes", NULL };

static void check_names(lua_State *L, int arg, const char *const *names) {
  for (lua_pushnil(L); lua_next(L, arg); lua_pop(L, 1)) {
    const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
    int i = 0;
    while (names[i] && strcmp(names[i], name) != 0) i++;
    if (names[i] == NULL) luaL_error(L, "unknown server option '%s'", name);
  }
}

static int64_t field_ms(lua_State *L, int arg, const char *field, double otherwise_s) {
  lua_getfield(L, arg, field);
  double s = lua_isnil(L, -1) ? otherwise_s : lua_tonumber(L, -1);
  if (!(s > 0 && s < 1e6)) luaL_error(L, "server option '%s': seconds, more than 0", field);
  lua_pop(L, 1);
  return (int64_t)ceil(s * 1000);
}

static void read_routes(lua_State *L, tcb_httpd_options *o, tcb_httpd_route *routes) {
  lua_getfield(L, 1, "routes");                          /* stays on the stack: it holds the strings */
  if (lua_isnil(L, -1)) return;
  luaL_argcheck(L, lua_istable(L, -1), 1, "field 'routes': a list is expected");
  size_t n = l_rawlen(L, -1);
  luaL_argcheck(L, n >= 1 && n <= TCB_HTTPD_ROUTES_MAX, 1, "field 'routes': 1..8 routes");
  for (size_t i = 0; i < n; i++) {
    lua_rawgeti(L, -1, (int)i + 1);
    int at = lua_gettop(L);
    luaL_argcheck(L, lua_istable(L, at), 1, "field 'routes': a route is a table");
    check_names(L, at, known_route);
    routes[i].path = l_fieldstring(L, at, "path", NULL);
    routes[i].methods = l_fieldstring(L, at, "methods", NULL);
    routes[i].key_name = l_fieldstring(L, at, "key_name", NULL);
    routes[i].key = l_fieldstring(L, at, "key", NULL);
    routes[i].content_type = l_fieldstring(L, at, "content_type", NULL);
    routes[i].max_body_bytes = (size_t)l_fieldint(L, at, "max_body_bytes", 0);
    luaL_argcheck(L, routes[i].path != NULL, 1, "a route has a path");
    luaL_argcheck(L, (routes[i].key == NULL) == (routes[i].key_name == NULL), 1, "a route has key_name and key, or neither");
    luaL_argcheck(L, routes[i].key == NULL || routes[i].key[0], 1, "a route's key is not empty");
    lua_pop(L, 1);
  }
  o->routes = routes;
  o->route_count = n;
}

static int server_new(lua_State *L) {                    /* { host, port, ... } -> server | nil, err */
  tcb_httpd_route routes[TCB_HTTPD_ROUTES_MAX];
  tcb_httpd_options o;
  tcb_err err;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  check_names(L, 1, known);
  memset(&o, 0, sizeof o);
  memset(routes, 0, sizeof routes);
  o.unix_path = l_fieldstring(L, 1, "unix", NULL);
  o.host = l_fieldstring(L, 1, "host", NULL);
  o.port = (int)l_fieldint(L, 1, "port", 0);
  if (o.host == NULL && o.unix_path == NULL) o.host = "127.0.0.1";
  luaL_argcheck(L, o.port >= 0 && o.port <= 65535, 1, "field 'port': 0..65535");
  o.unix_mode = (int)l_fieldint(L, 1, "unix_mode", 0600);
  o.cert_pem = l_fieldstring(L, 1, "cert", NULL);
  o.key_pem = l_fieldstring(L, 1, "key", NULL);
  luaL_argcheck(L, (o.cert_pem == NULL) == (o.key_pem == NULL), 1, "TLS needs both cert and key (PEM text)");
  int64_t body = l_fieldint(L, 1, "max_body_bytes", 1 << 20), head = l_fieldint(L, 1, "max_header_bytes", 64 << 10);
  luaL_argcheck(L, body >= 0, 1, "field 'max_body_bytes': at least 0");
  luaL_argcheck(L, head >= 4096 && head <= (16 << 20), 1, "field 'max_header_bytes': 4096..16777216");
  o.max_body_bytes = (size_t)body;
  o.max_header_bytes = (size_t)head;
  o.idle_timeout_ms = field_ms(L, 1, "idle_timeout_s", 60);
  o.read_timeout_ms = field_ms(L, 1, "read_timeout_s", 20);
  int64_t connections = l_fieldint(L, 1, "max_connections", 512);
  luaL_argcheck(L, connections >= 32 && connections <= 1000000, 1, "field 'max_connections': 32..1000000");
  o.max_connections = (unsigned)connections;
  read_routes(L, &o, routes);
  server_ud *u = l_newuserdata(L, sizeof *u);
  u->core = NULL;
  luaL_getmetatable(L, SERVER);
  lua_setmetatable(L, -2);
  return tcb_httpd_open(&u->core, l_ctx(L), &o, &err) == TCB_OK ? 1 : l_fail(L, &err);
}

static int server_port(lua_State *L) {                   /* () -> port, 0 without TCP */
  l_pushint(L, tcb_httpd_port(check_server(L)));
  return 1;
}

static int server_fd(lua_State *L) {                     /* () -> descriptor for poll: readable when a step is due */
  l_pushint(L, tcb_httpd_fd(check_server(L)));
  return 1;
}

static int server_timeout(lua_State *L) {                /* () -> seconds | nil */
  int64_t ms = tcb_httpd_timeout_ms(check_server(L));
  if (ms < 0) lua_pushnil(L);
  else lua_pushnumber(L, (lua_Number)ms / 1000);
  return 1;
}

/* (timeout_s?) -> true | nil, err; 0 by default, negative: until something happens */
static int server_step(lua_State *L) {
  tcb_httpd *s = check_server(L);
  double wait_s = luaL_optnumber(L, 2, 0);
  tcb_err err;
  int64_t wait_ms = wait_s < 0 ? -1 : wait_s > 1e6 ? 1000000000 : (int64_t)ceil(wait_s * 1000);
  if (tcb_httpd_step(s, wait_ms, &err) != TCB_OK) return l_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}

static int server_take(lua_State *L) {                   /* () -> request | nil */
  tcb_httpd *s = check_server(L);
  tcb_httpd_req **slot = l_httpd_request_new(L);
  *slot = tcb_httpd_take(s);
  if (*slot == NULL) lua_pushnil(L);
  return 1;
}

static int server_wake(lua_State *L) {                   /* (): ends the wait of a step of another thread, or of the next one */
  tcb_httpd_wake(tcb_httpd_wake_fd(check_server(L)));
  return 0;
}

static int server_wake_fd(lua_State *L) {                /* () -> descriptor for httpd.wake in another lua_State, while this is open */
  l_pushint(L, tcb_httpd_wake_fd(check_server(L)));
  return 1;
}

static int server_watch(lua_State *L) {                  /* (fd) -> true | nil, err: a step also returns when this is readable */
  tcb_httpd *s = check_server(L);
  tcb_err err;
  if (tcb_httpd_watch(s, (int)l_checkrange(L, 2, 0, INT32_MAX), &err) != TCB_OK) return l_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}

static int server_stats(lua_State *L) {                  /* () -> { requests, refused, cut_short, connections, open_requests } */
  tcb_httpd_stats stats;
  tcb_httpd_stats_get(check_server(L), &stats);
  lua_createtable(L, 0, 5);
  l_pushint(L, stats.requests), lua_setfield(L, -2, "requests");
  l_pushint(L, stats.refused), lua_setfield(L, -2, "refused");
  l_pushint(L, stats.cut_short), lua_setfield(L, -2, "cut_short");
  l_pushint(L, stats.connections), lua_setfield(L, -2, "connections");
  l_pushint(L, stats.open_requests), lua_setfield(L, -2, "open_requests");
  return 1;
}

static int server_close(lua_State *L) {
  server_ud *u = luaL_checkudata(L, 1, SERVER);
  tcb_httpd *core = u->core;
  u->core = NULL;
  tcb_httpd_close(core);
  return 0;
}

static int server_tostring(lua_State *L) {
  server_ud *u = luaL_checkudata(L, 1, SERVER);
  if (u->core == NULL) lua_pushliteral(L, "tcb.httpd.server (closed)");
  else lua_pushfstring(L, "tcb.httpd.server (port %d)", tcb_httpd_port(u->core));
  return 1;
}

static int wake(lua_State *L) {                          /* (wake_fd): from any thread */
  tcb_httpd_wake((int)l_checkrange(L, 1, 0, INT32_MAX));
  return 0;
}

static const luaL_Reg methods[] = {
  {"port", server_port}, {"fd", server_fd}, {"timeout", server_timeout}, {"step", server_step}, {"take", server_take},
  {"wake", server_wake}, {"wake_fd", server_wake_fd}, {"watch", server_watch}, {"stats", server_stats}, {"close", server_close}, {NULL, NULL}
};
static const luaL_Reg meta[] = {
  {"__gc", server_close}, {"__close", server_close}, {"__tostring", server_tostring}, {NULL, NULL}
};

void l_httpd_server_register(lua_State *L) {             /* module table on top, left on top */
  l_newclass(L, SERVER, methods, meta);
  lua_pushcfunction(L, server_new);
  lua_setfield(L, -2, "server");
  lua_pushcfunction(L, wake);
  lua_setfield(L, -2, "wake");
}
