--- Commands, a campaign and the examples against the second server: with the four variables set, all of it works against any
--- server that follows the API.
local json = require "tcb.json"
local luas = require "support.luas"
local second = require "support.second"
local tcb = require "support.tcb"

describe("with the four variables set", function()
  if luas.is_jit then return end                                     -- the host binary is built for one Lua

  local server, env, folder

  setup(function()
    server = second.start()
    folder = os.tmpname()
    os.remove(folder)
    assert(os.execute("mkdir -p " .. folder))
    env = { TCB_BASE_URL = server.base_url, TCB_ACCOUNT = server.account, TCB_KEY_ID = server.key_id, TCB_API_KEY = server.api_key,
      TCB_STATE_DIR = folder }
  end)
  teardown(function()
    server:close()
    os.execute("rm -rf " .. folder)
  end)

  local function run(...)
    local result = tcb{ env = env, ... }
    return result.out, result.code, result.err
  end
  local function lines(...)
    local out, code, err = run(...)
    assert.equal(0, code, err)
    local list = {}
    for line in out:gmatch "[^\n]+" do list[#list + 1] = assert(json.decode(line)) end
    return list
  end

  it("list commands print every object", function()
    local labels = lines("labels", "--json")
    assert.same({ 5, "Label 0" }, { #labels, labels[1].name })
    assert.equal(7, #lines("feature-sets", "--json"))
    assert.equal(12, #lines("numbers", "--json"))
  end)

  it("numbers are listed and delisted", function()
    local set = lines("feature-sets", "--json")[1].id
    local _, code, err = run("publish", set, "917711111111", "--wait")
    assert.equal(0, code, err)
    assert.equal(13, #lines("numbers", "--json"))
    _, code, err = run("delist", set, "917711111111", "--wait")
    assert.equal(0, code, err)
    assert.equal(12, #lines("numbers", "--json"))
  end)

  it("one record is set at once", function()
    local before = #server:commits()
    local _, code, err = run("personalise", "--caller", "911234567890", "--receiver", "919876541111", "--label", "Label 1", "--reason",
      "Your parcel arrives")
    assert.equal(0, code, err)
    assert.is_truthy(server:commits()[#server:commits()]:find("911234567890|919876541111|", 1, true))
    assert.is_true(#server:commits() > before)
  end)

  it("a campaign is pushed and settled", function()
    local now, rows = math.floor(os.time()) * 1000, { "order,receiver_number,starts_at,ends_at" }
    for i, tail in ipairs{ "1111", "2222", "4444", "5555", "6666", "x" } do
      rows[#rows + 1] = ("A-%d,91987654%s,%.0f,%.0f"):format(i, tail, now + 60000, now + 3600000)
    end
    local csv = tcb.file(table.concat(rows, "\n") .. "\n", folder .. "/orders.csv")
    local _, code, err = run("push", csv, "--label", "Label 0", "--caller", "911234567890", "--set",
      "dynamic_call_reason=Order {order} arrives", "--yes")
    assert.equal(4, code, err)                                        -- one row is refused
    local out
    out, code, err = run("reconcile", csv .. ".tcb.db", "--json")
    assert.equal(4, code, err)
    local s = assert(json.decode(out))
    assert.same({ 6, 1, 4, 1, 0, 1 }, { s.records, s.refused, s.success, s.failed, s.in_doubt, s.reasons["Failed to push"] })
    local batch = server:seen "/dynamic_call_records"[1]
    assert.same({ "911234567890", "Order A-1 arrives" }, { json.decode(batch.body).call_records[1].caller_number,
      json.decode(batch.body).call_records[1].dynamic_call_reason })
  end)

  for _, name in ipairs{ "numbers", "schedule", "reconcile" } do
    it("examples/" .. name .. ".lua runs as it stands", function()
      local out, code, err = run(luas.root .. "/examples/" .. name .. ".lua")
      assert.equal(0, code, err)
      assert.is_true(#out > 40)
    end)
  end

  it("one token served all of it", function()
    assert.equal(1, #server:seen "/token")
  end)
end)

describe("the examples", function()
  if luas.is_jit then return end

  for name, part in pairs{ numbers = "again: 1 listed, 0 ignored, 0 failed", schedule = "one record in real time", reconcile = "Failed to push" } do
    it("examples/" .. name .. ".lua runs with --sandbox", function()
      local result = tcb{ "--sandbox", luas.root .. "/examples/" .. name .. ".lua" }
      assert.equal(0, result.code, result.err)
      assert.is_truthy(result.out:find(part, 1, true), result.out)
    end)
  end
end)
