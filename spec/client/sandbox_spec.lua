--- The same calls against the sandbox, judged by its ledger.
local core = require "tcb.core"
local tcb = require "tcb"

describe("in the sandbox's ledger", function()
  local sandbox, client, from, t, label, set

  setup(function()
    core.log.level "error"
    sandbox = assert(tcb.sandbox{ seed = 11, settle = 0.2, number_settle = 0.3 })
    client = assert(tcb.client{ base_url = sandbox.base_url, account = sandbox.account, key_id = sandbox.key_id,
      api_key = sandbox.api_key, store = "memory" })
    t, from = tcb.now(), 0
    label = assert(client:labels():find(function(l) return l.label_type == "dynamic" end)).id
    set = assert(client:feature_sets():first()).id
  end)
  teardown(function()
    sandbox:close()
    core.log.level "warn"
  end)

  --- Requests since the last time: "call METHOD path status".
  local function requests()
    local list, events = {}, sandbox:ledger(from)
    for _, e in ipairs(events) do
      from = e.n
      if e.event == "request" then
        list[#list + 1] = { call = e.call, method = e.method, path = (e.path:gsub((sandbox.account:gsub("%-", "%%-")), "ACC")), status = e.status,
          records = e.records, keys = e.keys, token = e.token }
      end
    end
    return list
  end
  local function line(e) return ("%s %s %s %d"):format(e.call, e.method, e.path, e.status) end
  local function record(tail)
    return { caller_number = "911234567890", receiver_number = "91987654" .. tail, label_id = label, starts_at = t + 60000,
      ends_at = t + 3600000 }
  end

  it("rows 1, 2 and 6: one token, then pages as they are reached", function()
    local seen = requests()
    assert.equal("token POST /clients/ACC/token 200", line(seen[1]))
    assert.equal("labels GET /clients/ACC/labels 200", line(seen[2]))
    assert.equal("feature_sets GET /clients/ACC/number_management/feature_sets 200", line(seen[3]))
    assert.is_nil(seen[4])
    assert.equal(60, #assert(client:feature_sets():all()))
    assert.equal(4, #assert(client:labels{ limit = 1 }:all()))
    for _, e in ipairs(requests()) do assert.equal(seen[1].token, e.token) end
  end)

  it("row 3: one record", function()
    requests()
    assert(client:personalise(record "1111"))
    local seen = requests()
    assert.equal("personalise POST /v2/clients/ACC/dynamic_call_record 200", line(seen[1]))
    local key = seen[1].keys[1]
    assert.same({ t + 60000, t + 3600000, "1111" }, { key.starts_at, key.ends_at, key.receiver })
  end)

  it("rows 4 and 5: a batch and what became of it, ending by ending", function()
    requests()
    local tails, sent = { "1111", "9001", "9002", "9003", "9004", "9005", "9009", "9010", "9011" }, {}
    for i, tail in ipairs(tails) do sent[i] = record(tail) end
    local batch = assert(client:push(sent))
    local rows = assert(batch:wait{ timeout_s = 20 })
    local seen = requests()
    assert.equal("push POST /v2/clients/ACC/dynamic_call_records 200", line(seen[1]))
    assert.same({ 9, 9 }, { seen[1].records, #seen[1].keys })
    for i = 2, #seen do assert.equal("status GET /v3/clients/ACC/dynamic_call_records 200", line(seen[i])) end
    local found, extra = {}, 0
    for _, row in ipairs(rows) do
      if row.record then found[row.record.receiver_number:sub(-4)] = row else extra = extra + 1 end
    end
    local reasons = { ["9001"] = "Invalid input", ["9002"] = "Not a Truecaller user", ["9003"] = "OS not supported",
      ["9004"] = "App version not supported", ["9005"] = "Failed to push" }
    for i, tail in ipairs(tails) do
      assert.equal(sent[i], found[tail] and found[tail].record, tail)
      assert.equal(reasons[tail] and "error" or "success", found[tail].status, tail)
      assert.equal(reasons[tail], found[tail].reason, tail)
      assert.equal(tail == "9011" and "group" or "key", found[tail].matched)
    end
    assert.equal(1, extra)                                             -- 9009 comes twice
  end)

  it("a row that is never settled or never reported ends a wait", function()
    local batch = assert(client:push{ record "9007", record "9008", record "2222" })
    local rows, err, so_far = batch:wait{ timeout_s = 1.5 }
    assert.is_nil(rows)
    assert.same({ "timeout", "2 of 3 records are not settled after 1.5 s", 2 }, { err.kind, err.message, #so_far })
  end)

  it("rows 7, 8 and 9: numbers listed, delisted, and listed again without being ignored", function()
    requests()
    assert.equal(240, #assert(client:numbers():all()))
    local new = { "917700000001", "917700000002" }
    assert.same(new, assert(assert(client:publish(set, new)):wait{ timeout_s = 20 }).listed)
    assert.equal(242, #assert(client:numbers():all()))
    assert(client:delist(set, { new[1] }))
    assert.same({ new[1] }, assert(assert(client:publish(set, { new[1] })):wait{ timeout_s = 20 }).listed)
    local path = "/clients/ACC/number_management/feature_sets/" .. set .. "/numbers/"
    local changes = {}
    for _, e in ipairs(requests()) do
      if e.method == "POST" then changes[#changes + 1] = line(e) else assert.equal("numbers", e.call) end
    end
    assert.same({ "publish POST " .. path .. "publish 200", "delist POST " .. path .. "delist 200",
      "publish POST " .. path .. "publish 200" }, changes)
  end)

  it("rows 11 to 15: the deprecated calls", function()
    requests()
    assert(client.v1:personalise(record "3333"))
    local batch = assert(client.v1:push{ record "4444" })
    assert(client.v1:batch_status(batch.id))
    local file = os.tmpname()
    client.v1:feedback_log{ survey = "s", from_date = t - 86400000, file = file }
    client.v1:call_me_back_log{ from = t - 86400000, to = t }
    os.remove(file)
    local seen, calls = requests(), {}
    for _, e in ipairs(seen) do calls[#calls + 1] = e.call end
    assert.equal("v1_personalise POST /clients/ACC/dynamic_call_record 200", line(seen[1]))
    assert.equal("v1_push POST /clients/ACC/dynamic_call_records 200", line(seen[2]))
    assert.equal("v1_status GET /clients/ACC/dynamic_call_records 200", line(seen[3]))
    assert.is_truthy(table.concat(calls, " "):find("v1_personalise v1_push v1_status feedback_log .*cmb_log"), table.concat(calls, " "))
  end)
end)
