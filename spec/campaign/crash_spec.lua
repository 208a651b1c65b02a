local luas = require "support.luas"
local tcb = require "support.tcb"

if luas.is_jit then return end                             -- the binary is the same for all

describe("a campaign that is killed", function()
  it("loses nothing and commits nothing twice, wherever the kills and cuts fall", function()
    local got = tcb.shell(("cd %s && TCB_BINARY=%s %s spec/soak/crash.lua 8 2 30000 %d"):format(luas.root, tcb.binary, tcb.line{ timeout = 120 },
      os.time() % 100000))
    assert.equal("", got.err)
    assert.is_nil(got.out:match "MISS[^\n]*", got.out)
    assert.equal(10, select(2, got.out:gsub("ok crash_", "")), got.out)
  end)
end)
