# tcb: `make help` lists the targets. Settings come first and can all be given on the command line.
ifeq ($(origin CC),default)
CC = gcc
endif
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
DESTDIR ?=
# Which Lua `make install` serves: 5.4, 5.3 or luajit. Where LUA_INCDIR is given (luarocks does), its lua.h decides.
LUA ?= 5.4
SAN ?=
MODULES ?= core curl sqlite httpd zlib edit
ifdef LUA_INCDIR
LUA := $(shell sh .ci/which-lua $(LUA_INCDIR))
ifeq ($(filter 5.4 5.3 luajit,$(LUA)),)
$(error tcb builds for Lua 5.4, Lua 5.3 and LuaJIT 2.1; the headers in $(LUA_INCDIR) are of $(or $(LUA),no Lua))
endif
CFLAGS_$(ABI) = -I$(LUA_INCDIR)
endif
ABI = $(if $(filter luajit,$(LUA)),luajit,lua$(LUA))
X = $(if $(filter luajit,$(LUA)),5.1,$(LUA))
LUADIR ?= $(PREFIX)/share/lua/$(X)
LIBDIR ?= $(PREFIX)/lib/lua/$(X)

VERSION := $(shell sed -n 's/^\#define TCB_VERSION "\(.*\)"/\1/p' src/core/version.h)
package = $(shell pkg-config $(1) 2>/dev/null)
ABIS := $(if $(LUA_INCDIR),$(ABI),$(foreach a,lua5.4 lua5.3 luajit,$(if $(call package,--modversion $(a)),$(a))))
CFLAGS_lua5.4 ?= $(call package,--cflags lua5.4)
CFLAGS_lua5.3 ?= $(call package,--cflags lua5.3)
CFLAGS_luajit ?= $(call package,--cflags luajit)
LIBS_curl = $(call package,--libs libcurl)
LIBS_sqlite = $(call package,--libs sqlite3)
LIBS_httpd = $(call package,--libs libmicrohttpd)
LIBS_zlib = $(call package,--libs zlib)
LIBS_edit = $(call package,--libs libedit)

comma := ,
# SAN=1 builds beside the plain objects, with AddressSanitizer and UBSan; SAN=thread with ThreadSanitizer.
S := $(if $(SAN),$(if $(filter thread,$(SAN)),-tsan,-asan))
SANFLAGS := $(if $(SAN),$(if $(filter thread,$(SAN)),-fsanitize=thread,-fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined) \
  -fno-omit-frame-pointer)
WARN := -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes -Werror=implicit-function-declaration
ALL_CFLAGS = -std=gnu11 $(CFLAGS) $(WARN) $(SANFLAGS) -fPIC -fvisibility=hidden -ffunction-sections -fdata-sections -Isrc -Ibuild/gen -MMD -MP
SO_FLAGS = -shared -Wl,-z,now -Wl,-z,nodelete -Wl,--gc-sections $(SANFLAGS)

# Which module an object belongs to shows in its name: curl_*.c, sqlite_*.c, ... ; l_*.c goes into every module, the rest into core.
OTHERS := $(foreach m,curl sqlite httpd zlib edit,$(m)_%)
names = $(notdir $(basename $(wildcard src/$(1)/*.c)))
bind_of = $(filter l_% open_$(1) $(if $(filter core,$(1)),,$(1)_%),$(call names,bind)) $(if $(filter core,$(1)),$(filter-out l_% open_% $(OTHERS),$(call names,bind)))
io_of = $(if $(filter core,$(1)),$(filter-out $(OTHERS),$(call names,io)),$(filter $(1)_%,$(call names,io)))
module_exists = $(if $(wildcard src/bind/open_$(1).c),$(1))
BUILT := $(foreach m,$(MODULES),$(call module_exists,$(m)))
OBJ = build/obj$(S)

all: modules archives $(if $(filter lua5.4,$(ABIS)),build/tcb$(S)) ## build everything this machine has headers for
.DEFAULT_GOAL := all

build/gen/build_id.h: $(wildcard src/core/*.h src/io/*.h src/bind/*.h)
	@mkdir -p $(@D)
	@printf '#define TCB_BUILD_ID "%s"\n' "$$(cat $(sort $^) | sha256sum | cut -c1-16)" > $@

$(OBJ)/%.o: src/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(OBJ)/libtcb.a: $(patsubst %,$(OBJ)/core/%.o,$(call names,core)) $(patsubst %,$(OBJ)/io/%.o,$(call io_of,core))
	@rm -f $@
	ar rcs $@ $^

# One rule set an ABI: its objects of src/bind, its modules, its test runner.
define ABI_RULES
build/$(1)$(S)/obj/%.o: src/bind/%.c build/gen/build_id.h
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_CFLAGS) $$(CFLAGS_$(1)) -c -o $$@ $$<
build/$(1)$(S)/lua: spec/support/runner.c
	@mkdir -p $$(@D)
	$$(CC) -O1 -g $$(SANFLAGS) $$(CFLAGS_$(1)) -o $$@ $$< -Wl,-E $$(call package,--libs $(1)) -lm -ldl
$(foreach m,$(BUILT),$(eval MODULE_SO += $(if $(filter edit,$(m)),$(if $(filter lua5.4,$(1)),build/$(1)$(S)/tcb/$(m).so),build/$(1)$(S)/tcb/$(m).so)))
endef
define MODULE_RULES
build/$(1)$(S)/tcb/$(2).so: $(patsubst %,build/$(1)$(S)/obj/%.o,$(call bind_of,$(2))) $(patsubst %,$(OBJ)/io/%.o,$(if $(filter core,$(2)),,$(call io_of,$(2)))) $(OBJ)/libtcb.a
	@mkdir -p $$(@D)
	$$(CC) $$(SO_FLAGS) -o $$@.new $$^ $$(LIBS_$(2)) -lm -ldl -lpthread
	@mv $$@.new $$@
endef
$(foreach a,$(ABIS),$(eval $(call ABI_RULES,$(a))))
$(foreach a,$(ABIS),$(foreach m,$(BUILT),$(eval $(call MODULE_RULES,$(a),$(m)))))

modules: $(MODULE_SO) ## the Lua modules, build/<abi>/tcb/*.so
runners: $(foreach a,$(ABIS),build/$(a)$(S)/lua)

# For C programs: the core, and one archive a library, with its Lua 5.4 bindings.
archives: $(foreach m,$(BUILT),build/lib$(S)/libtcb$(if $(filter-out core,$(m)),_$(m)).a)
define ARCHIVE_RULE
build/lib$(S)/libtcb$(if $(filter-out core,$(1)),_$(1)).a: $(patsubst %,build/lua5.4$(S)/obj/%.o,$(filter-out $(if $(filter core,$(1)),,l_%),$(call bind_of,$(1)))) $(if $(filter core,$(1)),$(patsubst %,$(OBJ)/core/%.o,$(call names,core))) $(patsubst %,$(OBJ)/io/%.o,$(call io_of,$(1)))
	@mkdir -p $$(@D)
	@rm -f $$@
	ar rcs $$@ $$^
endef
$(foreach m,$(BUILT),$(eval $(call ARCHIVE_RULE,$(m))))

# The host binary: Lua 5.4, tcb.core and the Lua sources in one file.
build/gen/lua_sources.c: $(shell find lua -name '*.lua') src/host/embed.lua
	@mkdir -p $(@D)
	lua5.4 src/host/embed.lua lua > $@.new && mv $@.new $@
HOST_OBJ := $(patsubst %,build/host$(S)/%.o,$(call names,host)) build/host$(S)/lua_sources.o
build/host$(S)/%.o: src/host/%.c build/gen/build_id.h
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(CFLAGS_lua5.4) -c -o $@ $<
build/host$(S)/lua_sources.o: build/gen/lua_sources.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<
# All of Lua, since lua-cjson and our modules call it through the binary.
LUA_WHOLE = -Wl,--whole-archive -Wl,-Bstatic $(call package,--libs lua5.4) -Wl,-Bdynamic -Wl,--no-whole-archive
build/tcb$(S): $(HOST_OBJ) $(patsubst %,build/lua5.4$(S)/obj/%.o,$(call bind_of,core)) $(OBJ)/libtcb.a
	$(CC) $(SANFLAGS) -o $@ $^ -Wl,-E $(LUA_WHOLE) -lm -ldl -lpthread

# What downloads: `deps` and `test-deps` alone, by apt-get.
deps: ## install what a build and the demo need (Debian packages; sudo when not root)
	@.ci/deps build
test-deps: ## install what the suite needs as well; FOR=soak: what `make soak` needs
	@.ci/deps build test $(FOR)

demo: deps ## a campaign of 5,000 rows against the sandbox: no account, no network
	@$(MAKE) --no-print-directory -s build/tcb modules
	@TCB_CLOCK=2026-12-01T06:00:00Z build/tcb --sandbox examples/campaign.lua

test: test-deps ## the suite, on every Lua
	@$(MAKE) --no-print-directory -s all runners
	@spec/run
bench: all runners ## every time and ratio that is promised; exits 1 on a MISS
	@.ci/each bench
soak: ## kills, leaks, huge inputs, fuzzing, allocator failures, browser: takes long
	@$(MAKE) --no-print-directory -s test-deps FOR=soak
	@$(MAKE) --no-print-directory -s all runners
	@.ci/each spec/soak
sanitize: all runners ## the suite under AddressSanitizer and UBSan (nginx and stock interpreters load the plain modules)
	@$(MAKE) --no-print-directory -s SAN=1 all runners
	@spec/run -s -asan
check: all runners ## warnings as errors, headers alone, layers, both Luas parse, analysers, docs fresh
	@.ci/check

install: $(filter build/$(ABI)/%,$(MODULE_SO)) $(if $(filter lua5.4,$(ABI)),$(if $(LUA_INCDIR),,build/tcb archives)) ## for LUA=5.4|5.3|luajit into PREFIX, or LUADIR and LIBDIR; DESTDIR in front
	@.ci/install "$(ABI)" "$(DESTDIR)" "$(PREFIX)" "$(LUADIR)" "$(LIBDIR)" "$(VERSION)" "$(if $(LUA_INCDIR),,all)" "$(BUILT)"

clean: ## remove everything built
	rm -rf build

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-10s %s\n", $$1, $$2}' Makefile

-include $(shell find build -name '*.d' 2>/dev/null)
.PHONY: all modules runners archives deps test-deps demo test bench soak sanitize check install clean help
.SUFFIXES:
