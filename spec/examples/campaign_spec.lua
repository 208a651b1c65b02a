local json = require "tcb.json"
local luas = require "support.luas"
local tcb = require "support.tcb"

if luas.is_jit then return end                             -- the binary is the same for all

--- Reads a ledger: results by message, keys committed, requests by call and status.
local function read_ledger(path)
  local sums = { committed = 0, success = 0, failed = {}, keys = {} }
  for line in io.lines(path) do
    local e = assert(json.decode(line))
    if e.event == "request" and e.call == "push" and e.keys then
      for _, k in ipairs(e.keys) do
        assert.is_nil(sums.keys[k.key .. k.starts_at])
        sums.keys[k.key .. k.starts_at] = true
        sums.committed = sums.committed + 1
      end
    elseif e.event == "settle" then
      for _, r in ipairs(e.results) do
        if r.status == "success" then sums.success = sums.success + 1
        else sums.failed[r.message] = (sums.failed[r.message] or 0) + 1 end
      end
    end
  end
  return sums
end

describe("examples/campaign.lua", function()
  it("prints a table whose figures are the ledger's", function()
    local ledger = os.tmpname()
    local got = tcb{ "sandbox", "--seed", "11", "--ledger", ledger, "--", tcb.binary, luas.root .. "/examples/campaign.lua",
      env = { TCB_CLOCK = "2026-12-01T06:00:00Z" } }
    assert.equal(0, got.code, got.err)
    local sums, table_ = read_ledger(ledger), {}
    os.remove(ledger)
    for n, words in got.out:gmatch "(%d+)%s+([^\n]+)\n" do table_[words] = tonumber(n) end
    assert.equal(5000, table_["records of 5000 rows"])
    assert.equal(sums.success, table_.success)
    assert.equal(5000 - sums.committed, table_.refused)
    assert.equal(60, table_.refused)
    local failed = 0
    for message, n in pairs(sums.failed) do
      assert.equal(n, table_[message], message)
      failed = failed + n
    end
    assert.equal(failed, table_.failed)
    for _, reason in ipairs{ "Invalid input", "Not a Truecaller user", "OS not supported", "App version not supported", "Failed to push" } do
      assert.is_true(table_[reason] > 0, reason)
    end
  end)

  it("has data that its generator makes, on every Lua", function()
    for _, abi in ipairs{ "lua5.4", "luajit" } do
      local made = tcb.shell(("%s/build/%s%s/lua %s/examples/data/generate.lua"):format(luas.root, abi, luas.suffix, luas.root))
      assert.equal(tcb.slurp(luas.root .. "/examples/data/deliveries.csv"), made.out)
    end
  end)
end)
