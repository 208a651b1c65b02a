local luas = require "support.luas"
local tcb = require "support.tcb"

-- The binary reads its own sources: one run is enough.
describe("annotations", luas.abi ~= "lua5.4" and function() end or function()
  it("and the loaded modules say the same: functions, methods, options, fields", function()
    local r = tcb { "--sandbox", luas.root .. "/spec/support/annotations.lua" }
    assert.equal("", r.err)
    assert.matches("^compared %d%d\n$", r.out)
  end)
end)
