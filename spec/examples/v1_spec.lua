local json = require "tcb.json"
local luas = require "support.luas"
local tcb = require "support.tcb"

if luas.is_jit then return end                             -- the binary is the same for all

describe("examples/v1.lua", function()
  it("makes each deprecated call once or more, and says what replaces it", function()
    local ledger = os.tmpname()
    local got = tcb { "sandbox", "--seed", "7", "--settle", "0.1", "--ledger", ledger, "--", tcb.binary, luas.root .. "/examples/v1.lua" }
    assert.equal(0, got.code, got.err)
    local calls = {}
    for line in io.lines(ledger) do
      local e = json.decode(line)
      if e.event == "request" then calls[e.call] = (calls[e.call] or 0) + 1 end
    end
    os.remove(ledger)
    assert.equal(2, calls.v1_personalise)
    assert.equal(2, calls.v1_push)
    assert.is_true(calls.v1_status >= 2)
    assert.equal(1, calls.feedback_log)
    assert.equal(1, calls.cmb_log)
    assert.is_nil(calls.push)
    assert.truthy(got.out:find("error\tNot a Truecaller user\n", 1, true), got.out)
    assert.truthy(got.out:find("2 rows by the batch's id", 1, true))
    assert.truthy(got.out:find("feedback log downloaded", 1, true))
    assert.truthy(got.out:find("no call-me-back log: not_found", 1, true))
    for _, part in ipairs { "use client:personalise", "use client:push", "use batch:status" } do
      local _, n = got.err:gsub(part, "")
      assert.equal(1, n, part .. "\n" .. got.err)
    end
  end)
end)
