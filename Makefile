# tcb: `make help` lists the targets. Settings come first and can all be given on the command line.
ifeq ($(origin CC),default)
CC = gcc
endif
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
DESTDIR ?=
LUA ?= 5.4
SAN ?=

VERSION := $(shell sed -n 's/^\#define TCB_VERSION "\(.*\)"/\1/p' src/core/version.h)
ABIS := $(foreach a,lua5.4 lua5.3 luajit,$(if $(shell pkg-config --exists $(a) && echo 1),$(a)))
MODULES := core curl sqlite httpd zlib edit
LIBS_curl = $(shell pkg-config --libs libcurl)
LIBS_sqlite = $(shell pkg-config --libs sqlite3)
LIBS_httpd = $(shell pkg-config --libs libmicrohttpd)
LIBS_zlib = $(shell pkg-config --libs zlib)
LIBS_edit = $(shell pkg-config --libs libedit)

comma := ,
# SAN=1 builds beside the plain objects, with AddressSanitizer and UBSan.
S := $(if $(SAN),-asan)
SANFLAGS := $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
WARN := -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes -Werror=implicit-function-declaration
ALL_CFLAGS = -std=gnu11 $(CFLAGS) $(WARN) $(SANFLAGS) -fPIC -fvisibility=hidden -ffunction-sections -fdata-sections -Isrc -Ibuild/gen -MMD -MP
SO_FLAGS = -shared -Wl,-z,now -Wl,-z,nodelete -Wl,--gc-sections $(SANFLAGS)

# Which module an object belongs to shows in its name: curl_*.c, sqlite_*.c, ... ; l_*.c goes into every module, the rest into core.
OTHERS := $(foreach m,$(filter-out core,$(MODULES)),$(m)_%)
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
	$$(CC) $$(ALL_CFLAGS) $$(shell pkg-config --cflags $(1)) -c -o $$@ $$<
build/$(1)$(S)/lua: spec/support/runner.c
	@mkdir -p $$(@D)
	$$(CC) -O1 -g $$(SANFLAGS) $$(shell pkg-config --cflags $(1)) -o $$@ $$< -Wl,-E $$(shell pkg-config --libs $(1)) -lm -ldl
$(foreach m,$(BUILT),$(eval MODULE_SO += $(if $(filter edit,$(m)),$(if $(filter lua5.4,$(1)),build/$(1)$(S)/tcb/$(m).so),build/$(1)$(S)/tcb/$(m).so)))
endef
define MODULE_RULES
build/$(1)$(S)/tcb/$(2).so: $(patsubst %,build/$(1)$(S)/obj/%.o,$(call bind_of,$(2))) $(patsubst %,$(OBJ)/io/%.o,$(if $(filter core,$(2)),,$(call io_of,$(2)))) $(OBJ)/libtcb.a
	@mkdir -p $$(@D)
	$$(CC) $$(SO_FLAGS) -o $$@.new $$^ $$(LIBS_$(2)) -lm -lpthread
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
	$(CC) $(ALL_CFLAGS) $(shell pkg-config --cflags lua5.4) -c -o $@ $<
build/host$(S)/lua_sources.o: build/gen/lua_sources.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<
# All of Lua, since lua-cjson and our modules call it through the binary.
LUA_WHOLE = -Wl,--whole-archive -Wl,-Bstatic $(shell pkg-config --libs lua5.4) -Wl,-Bdynamic -Wl,--no-whole-archive
build/tcb$(S): $(HOST_OBJ) $(patsubst %,build/lua5.4$(S)/obj/%.o,$(call bind_of,core)) $(OBJ)/libtcb.a
	$(CC) $(SANFLAGS) -o $@ $^ -Wl,-E $(LUA_WHOLE) -lm -ldl -lpthread

test: runners all ## the suite, on every Lua
	spec/run

clean: ## remove everything built
	rm -rf build

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' Makefile

-include $(shell find build -name '*.d' 2>/dev/null)
.PHONY: all modules runners archives test clean help
.SUFFIXES:
