--- A campaign in the deprecated dialect, with the binary: the ledger tells which calls were made.
local json = require "tcb.json"
local luas = require "support.luas"
local sandboxed = require "support.sandboxed"

if luas.is_jit then return end                 -- the binary is Lua 5.4, whatever runs the spec

local MAKE = [[
label=$(tcb labels --dynamic --json | head -n 1 | sed 's/.*"id":"\([^"]*\)".*/\1/')
now=$(date +%s)
{
  echo "$header"
  for i in 1 2 3 4 5 6 7; do echo "910000000001,91987654321$i,$((now + 600))000,$((now + 4200))000,Your parcel number $i comes"; done
  echo "910000000001,919876549002,$((now + 600))000,$((now + 4200))000,Your parcel number 8 comes"
} > records.csv
]]

describe("a campaign with dialect v1", function()
  local function calls(r)
    local n = {}
    for _, e in ipairs(r.requests()) do n[e.call] = (n[e.call] or 0) + 1 end
    return n
  end

  it("sends, asks and settles with the old calls, from either spelling of the columns", function()
    for _, header in ipairs { "caller,receiver,starts_at,ends_at,call_reason",
      "caller_number,receiver_number,starts_at,ends_at,dynamic_call_reason" } do
      local r = sandboxed("header=" .. header .. MAKE:gsub("^", "\n") .. [[
tcb push records.csv --label "$label" --dialect v1 --batch 3 --json --quiet
tcb reconcile records.csv --json --quiet
tcb export records.csv --json]], { "--settle", "0.2" })
      assert.equal(0, r.code, r.err)
      local lines = {}
      for line in r.out:gmatch "[^\n]+" do lines[#lines + 1] = json.decode(line) end
      assert.equal(8, lines[1].sent)
      assert.same({ 7, 1, 0, 0 }, { lines[2].success, lines[2].failed, lines[2].in_doubt, lines[2].sent })
      assert.same({ ["Not a Truecaller user"] = 1 }, lines[2].reasons)
      local by_outcome = {}
      for i = 3, 10 do by_outcome[lines[i].tcb_outcome] = (by_outcome[lines[i].tcb_outcome] or 0) + 1 end
      assert.same({ success = 7, failed = 1 }, by_outcome)
      local n = calls(r)
      assert.equal(3, n.v1_push)
      assert.is_true(n.v1_status >= 3)
      assert.is_nil(n.push)
      assert.is_nil(n.status)
      local committed = {}
      for _, e in ipairs(r.requests "v1_push") do
        for _, k in ipairs(e.keys) do
          assert.is_nil(committed[k.key])
          committed[k.key] = true
        end
      end
    end
  end)

  it("stays what it was when it is resumed, and cannot change its dialect", function()
    local r = sandboxed("header=caller,receiver,starts_at,ends_at,call_reason" .. MAKE:gsub("^", "\n") .. [[
tcb push records.csv --label "$label" --dialect v1 --batch 3 --max-records 3 --json --quiet
tcb push records.csv --label "$label" --batch 3 --quiet; echo "code $?"
tcb push records.csv --label "$label" --dialect v1 --batch 3 --json --quiet --wait]], { "--settle", "0.2" })
    assert.equal(4, r.code, r.err)                                          -- one record failed
    assert.truthy(r.out:find "code [^0]", r.out)
    local n = calls(r)
    assert.equal(3, n.v1_push)
    assert.is_nil(n.push)
  end)
end)
