local luas = require "support.luas"
local tcb = require "support.tcb"

-- The binary reads its own sources: one run is enough.
describe("annotations", luas.abi ~= "lua5.4" and function() end or function()
  local function compare(sources)
    return tcb { "--sandbox", luas.root .. "/spec/support/annotations.lua", env = { TCB_LUADIR = sources } }
  end

  it("and the loaded modules say the same: functions, methods, options, fields", function()
    local r = compare()
    assert.equal("", r.err)
    assert.matches("^compared %d%d%d\n$", r.out)
  end)

  -- { file, what stands there, what stands there now, what the comparison says }
  local FAULTS = {
    { "batch.lua", "return M\n$", "Batch.extra = function() end\nreturn M\n", "tcb.Batch: 'extra' is there, and not annotated" },
    { "client.lua", "return M\n$", "Client.limits = nil\nreturn M\n", "tcb.Client: 'limits' is annotated, and not there" },
    { "client.lua", "%-%-%-@field proxy[^\n]*\n", "", "tcb.client{}: 'proxy' is there, and not annotated" },
    { "job.lua", "timeout_s: number%?", "seconds: number?", "job:wait{}: 'seconds' is annotated, and not there" },
    { "client.lua", "feature_set_id: string%?", "feature_set_id: integer?", "client:numbers{}: the option 'feature_set_id' is annotated as integer?, and checked as string" },
    { "errors.lua", "remedy = true }", "remedy = true, extra = true }", "tcb.Error: 'extra' is there, and not annotated" },
    { "errors.lua", "%-%-%-@field slug[^\n]*\n", "%0---@field bogus string?\n", "tcb.Error: 'bogus' is annotated, and not there" },
    { "errors.lua", '"store"|', "", "kinds of errors: 'store' is there, and not annotated" },
    { "loop.lua", "return M\n$", "M.extra = print\nreturn M\n", "tcb.loop: 'extra' is there, and not annotated" },
    { "init.lua", "%-%-%-@field sleep[^\n]*\n", "", "class tcb: 'sleep' is there, and not annotated" },
    { "task.lua", "%-%-%-@param seconds number\n", "", "tcb.sleep(): 'seconds' is there, and not annotated" },
    { "rows.lua", "%-%-%-@field matched[^\n]*\n", "", "tcb.Row: 'matched' is there, and not annotated" },
  }
  it("differ where a fault is planted", function()
    local dir = os.tmpname()
    os.remove(dir)
    assert(os.execute(("cp -r '%s/lua' '%s'"):format(luas.root, dir)))
    for _, fault in ipairs(FAULTS) do
      local path = dir .. "/tcb/" .. fault[1]
      local file = assert(io.open(path))
      local text = file:read "*a"
      file:close()
      local function put(new)
        file = assert(io.open(path, "w"))
        file:write(new)
        file:close()
      end
      local planted, n = text:gsub(fault[2], fault[3])
      assert.is_true(n >= 1, fault[4])
      put(planted)
      local r = compare(dir)
      put(text)
      assert.truthy(r.out:find(fault[4] .. "\n", 1, true), fault[4] .. ", not: " .. r.out .. r.err)
    end
    os.execute(("rm -rf '%s'"):format(dir))
  end)
end)
