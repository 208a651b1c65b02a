local luas = require "support.luas"
local tcb = require "support.tcb"

local function make(arguments)
  return tcb.shell(("cd '%s' && MAKEFLAGS= make --no-print-directory %s"):format(luas.root, arguments))
end

-- What is built for Lua 5.4 alone is looked at once.
describe("make", luas.abi ~= "lua5.4" and function() end or function()
  it("has a help line for each target of its interface", function()
    local help = make("help").out
    for target in ("all deps test-deps demo test bench soak sanitize check install clean"):gmatch "%S+" do
      assert.matches("\n  " .. target:gsub("%-", "%%-") .. " +%S", "\n" .. help)
    end
  end)

  it("installs for each Lua, and what it installed works", function()
    local dir = os.tmpname()
    os.remove(dir)
    for lua, command in pairs { ["5.4"] = "lua5.4", ["5.3"] = "lua5.3", luajit = luas.root .. "/build/luajit/lua" } do
      assert.equal(0, make(("-s install LUA=%s PREFIX=%s/%s"):format(lua, dir, lua)).code)
      local x = lua == "luajit" and "5.1" or lua
      local r = tcb.shell(("cd / && LUA_PATH='%s/%s/share/lua/%s/?.lua;%s/%s/share/lua/%s/?/init.lua' LUA_CPATH='%s/%s/lib/lua/%s/?.so' %s -e 'io.write(require [[tcb]].version)'")
        :format(dir, lua, x, dir, lua, x, dir, lua, x, command))
      assert.equal("", r.err)
      assert.equal(require("tcb").version, r.out)
    end
    local r = tcb.shell(dir .. "/5.4/bin/tcb -e 'require [[tcb.sqlite]] io.write(tcb.version)'")
    assert.equal(require("tcb").version, r.out .. r.err)
    local flags = tcb.shell(("PKG_CONFIG_PATH=%s/5.4/lib/pkgconfig pkg-config --cflags --libs tcb-sqlite"):format(dir))
    assert.matches("%-ltcb_sqlite .*%-ltcb .*%-llua5.4", flags.out)
    os.execute("rm -rf " .. dir)
  end)

  it("goes into a rock's own directories by its headers, and refuses other Luas in one line", function()
    local dir = os.tmpname()
    os.remove(dir)
    local rock = make(("-s install LUA_INCDIR=/usr/include/lua5.3 LUADIR=%s/lua LIBDIR=%s/lib PREFIX=%s"):format(dir, dir, dir))
    assert.equal(0, rock.code)
    assert.equal(0, tcb.shell(("test -e %s/lua/tcb/init.lua -a -e %s/lib/tcb/core.so -a ! -e %s/bin"):format(dir, dir, dir)).code)
    for number, name in pairs { ["501"] = "Lua 5.1", ["502"] = "Lua 5.2" } do
      tcb.file(("#define LUA_VERSION_NUM\t\t%s\n"):format(number), dir .. "/lua.h")
      local r = make("modules LUA_INCDIR=" .. dir)
      assert.equal(2, r.code)
      assert.matches("^Makefile:%d+: %*%*%* tcb builds for Lua 5.4, Lua 5.3 and LuaJIT 2.1; the headers in %S+ are of " .. name .. "%.  Stop%.\n$", r.err)
    end
    os.execute("rm -rf " .. dir)
  end)
end)
