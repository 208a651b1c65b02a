local luas = require "support.luas"
local tcb = require "support.tcb"

if luas.is_jit then return end                             -- the binary is the same for all

describe("examples/webhooks.lua", function()
  it("handles each event once, whatever is delivered twice", function()
    local got = tcb { luas.root .. "/examples/webhooks.lua" }
    assert.equal(0, got.code, got.err)
    local lines = {}
    for line in got.out:gmatch "[^\n]+" do lines[#lines + 1] = line end
    assert.equal(6, #lines, got.out)
    local kinds = {}
    for i = 1, 5 do
      local kind = lines[i]:match "^(.-)  "
      kinds[kind] = (kinds[kind] or 0) + 1
    end
    assert.same({ call = 2, ["do not call"] = 1, feedback = 2 }, kinds)
    local deliveries, handled, dropped = lines[6]:match "^(%d+) deliveries, (%d+) events handled, (%d+) duplicates dropped$"
    assert.equal("5", handled)
    assert.equal(tonumber(deliveries), 5 + tonumber(dropped))
    assert.is_nil(got.err:find("91900", 1, true))
  end)
end)
