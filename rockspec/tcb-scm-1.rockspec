-- luarocks make rockspec/tcb-scm-1.rockspec, from a checkout: nothing is fetched. Which Lua is built for follows from its headers.
-- Needed besides (Debian: make deps): libcurl, SQLite, libmicrohttpd, zlib, and lua-cjson from the system or as a rock of its own.
rockspec_format = "3.0"
package = "tcb"
version = "scm-1"
source = { url = "." }
description = {
  summary = "Truecaller for Business' Verified Business Caller ID API from Lua",
  license = "MIT",
}
dependencies = { "lua >= 5.1, < 5.5" }
build = {
  type = "make",
  build_target = "modules",
  build_variables = { LUA_INCDIR = "$(LUA_INCDIR)", MODULES = "core curl sqlite httpd zlib" },
  install_variables = {
    LUA_INCDIR = "$(LUA_INCDIR)", MODULES = "core curl sqlite httpd zlib", PREFIX = "$(PREFIX)", LUADIR = "$(LUADIR)", LIBDIR = "$(LIBDIR)",
  },
}
