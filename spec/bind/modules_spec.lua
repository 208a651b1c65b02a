local child = require "support.child"

local function modules()
  local names = {}
  local dir = ("build/%s%s/tcb"):format(os.getenv "SPEC_ABI", os.getenv "SPEC_SUFFIX" or "")
  local pipe = io.popen("ls " .. dir .. "/*.so")
  for line in pipe:lines() do names[#names + 1] = line:match "([%w_]+)%.so$" end
  pipe:close()
  return names, dir
end

local function permutations(list, n, out, prefix)
  prefix, out = prefix or {}, out or {}
  if #prefix == n then
    out[#out + 1] = table.concat(prefix, " ")
    return out
  end
  for i, name in ipairs(list) do
    local rest, chosen = {}, {}
    for k, other in ipairs(list) do if k ~= i then rest[#rest + 1] = other end end
    for k, other in ipairs(prefix) do chosen[k] = other end
    chosen[#chosen + 1] = name
    permutations(rest, n, out, chosen)
  end
  return out
end

--- Requires the modules in the order given, leaves one living object of each that can have one, and ends by lua_close.
local CLOSE = [[
  KEEP = {}
  for name in arg[1]:gmatch "%S+" do
    local m = require("tcb." .. name)
    if name == "curl" then
      KEEP.engine = m.engine()
      KEEP.engine:start{ url = "http://127.0.0.1:1/", body = require "tcb.core".buf "x", method = "POST" }
      KEEP.engine:step(0)
    elseif name == "core" then
      KEEP.buf = m.buf "bytes"
    elseif name == "sqlite" then
      KEEP.db = m.open(":memory:")
    end
  end
  print "done"
]]

describe("the modules", function()
  it("are all built", function()
    for _, name in ipairs{ "core", "curl", "sqlite", "httpd" } do
      assert.matches(" " .. name .. " ", " " .. table.concat(modules(), " ") .. " ", 1, true)
    end
  end)

  it("are never unloaded while another may hold their functions (-z nodelete)", function()
    local names, dir = modules()
    for _, name in ipairs(names) do
      local pipe = io.popen("readelf -d " .. dir .. "/" .. name .. ".so")
      assert.matches("NODELETE", pipe:read "*a", 1, true)
      pipe:close()
    end
  end)

  it("let a state be closed in every order of require", function()
    local names = modules()
    for i = #names, 1, -1 do if names[i] == "edit" then table.remove(names, i) end end
    for _, order in ipairs(permutations(names, math.min(3, #names))) do
      assert.equal("done\nexit 0\n", child.run(CLOSE, "", order), order)
    end
  end)

  it("refuse a core of another build, and name both files", function()
    local dir = child.directory "build-id"
    local names, from = modules()
    assert.is_true(#names > 0)
    os.execute(("mkdir -p %s/tcb && cp %s/core.so %s/tcb/core.so"):format(dir, from, dir))
    local f = io.open(dir .. "/tcb/core.so", "rb")
    local bytes = f:read "*a"
    f:close()
    local id = require "tcb.core".build
    f = io.open(dir .. "/tcb/core.so", "wb")
    local at, changed = 1, 0
    while true do
      local first, last = bytes:find(id, at, true)
      if not first then break end
      bytes = bytes:sub(1, first - 1) .. ("0"):rep(#id) .. bytes:sub(last + 1)
      at, changed = last + 1, changed + 1
    end
    f:write(bytes)
    f:close()
    assert.is_true(changed > 0)
    local out = child.run(([[
      package.cpath = "%s/?.so;" .. package.cpath
      print(pcall(require, "tcb.curl"))
    ]]):format(dir))
    assert.matches("is of another build", out, 1, true)
    assert.matches("curl.so", out, 1, true)
    assert.matches(dir .. "/tcb/core.so", out, 1, true)
    assert.matches("install both from one build", out, 1, true)
  end)
end)
