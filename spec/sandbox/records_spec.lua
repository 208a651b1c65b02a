local core = require "tcb.core"
local json = require "tcb.json"
local support = require "sandbox.support"

local HOUR = 3600000

describe("sandbox batches", function()
  local s
  before_each(function()
    s = support.start()
    s:mint()
  end)
  after_each(function() s:close() end)

  local function rows_of(id, query)
    return s:call("status", nil, (query or "batchId=") .. id).json.data
  end

  local function settled(...)
    local id = s:push(...).json.batch_id
    s:pass(2)
    return rows_of(id), id
  end

  it("are refused whole for what is not JSON, not 1..500 records, or lacks a field", function()
    local r = s:record()
    local text = json.encode(r)
    local list = {}
    for i = 1, 501 do list[i] = text end
    local bodies = {
      ["not JSON"] = '{"call_records":[' .. text .. "]", ["must be an object"] = "[]", ["is required"] = "{}",
        ["must be a list"] = '{"call_records":{}}',
      ["must hold 1 to 500"] = '{"call_records":[]}', ["must hold 1 to 500 records"] = '{"call_records":['
        .. table.concat(list, ",") .. "]}",
      ["a record must be an object"] = '{"call_records":[1]}', ["there twice"] = '{"call_records":[' .. text
        .. '],"call_records":[]}',
    }
    for pattern, body in pairs(bodies) do
      local answer = s:call("push", body)
      assert.equal(400, answer.status)
      assert.equal("invalid-input", answer.json.slug)
      assert.matches(pattern, answer.json.message)
    end
    for _, field in ipairs { "caller_number", "receiver_number", "label_id", "starts_at", "ends_at" } do
      assert.matches("call_records%[1%]: " .. field .. " is required", s:push(s:record(),
        s:record{ [field] = false }).json.message)
    end
    for field, value in pairs { caller_number = 911234567890, receiver_number = json.null, label_id = true,
      dynamic_label_name = 12345,
      dynamic_call_reason = json.null, starts_at = "1893459600000", ends_at = 1.5 } do
      local wrong = s:push(s:record{ [field] = value })
      assert.equal(400, wrong.status)
      assert.matches(field .. " must be", wrong.json.message)
    end
    assert.equal(400, s:call("push", '{"call_records":[' .. text:gsub('"starts_at":%d+', '"starts_at":1893459600000.0')
      .. "]}").status)
    assert.equal(400, s:call("push", '{"call_records":[' .. text:gsub('"starts_at":%d+', '"starts_at":99999999999999999999')
      .. "]}").status)
    assert.equal(0, s.account.batches)
    assert.equal(0, #s:events("settle"))
  end)

  it("hold at most 500 records", function()
    local list = {}
    for i = 1, 500 do list[i] = s:record{ receiver_number = ("9198765%05d"):format(i) } end
    local answer = s:call("push", { call_records = list })
    assert.equal(200, answer.status)
    s:pass(2)
    local seen, data = {}, rows_of(answer.json.batch_id)
    for _, row in ipairs(data) do seen[row.receiver_number] = row.id end
    local n, ids = 0, {}
    for _, id in pairs(seen) do
      n = n + 1
      ids[id] = true
    end
    assert.equal(500, n)
    local distinct = 0
    for _ in pairs(ids) do distinct = distinct + 1 end
    assert.equal(500, distinct)
    assert.not_equal("919876500001", data[1].receiver_number)          -- not in the order sent
  end)

  it("turn a record that breaks another rule into a row with the field", function()
    local now = core.clock.now()
    local static
    for _, label in ipairs(s.account.labels) do if label.label_type ~= "dynamic" then static = label.id end end
    local broken = {
      { "caller_number", { caller_number = "0911234567890" } }, { "caller_number", { caller_number = "1234567" } },
      { "receiver_number", { receiver_number = "91 98765 43210" } }, { "receiver_number",
        { receiver_number = "1234567890123456" } },
      { "receiver_number", { receiver_number = "++919876543210" } }, { "label_id", { label_id = static } }, { "label_id",
        { label_id = "x" } },
      { "label_id", { label_id = "00000000-0000-4000-8000-000000000000" } }, { "dynamic_label_name",
        { dynamic_label_name = "ab" } },
      { "dynamic_label_name", { dynamic_label_name = ("x"):rep(41) } }, { "dynamic_call_reason",
        { dynamic_call_reason = "too short" } },
      { "dynamic_call_reason", { dynamic_call_reason = ("x"):rep(101) } }, { "dynamic_call_reason",
        { dynamic_call_reason = "50% off today only" } },
      { "dynamic_call_reason", { dynamic_call_reason = "Ends with a stop." } }, { "dynamic_call_reason",
        { dynamic_call_reason = " Begins with space" } },
      { "ends_at", { starts_at = now + HOUR, ends_at = now + HOUR } }, { "ends_at", { starts_at = now - 2 * HOUR,
        ends_at = now - 1 } },
      { "ends_at", { starts_at = now, ends_at = now + 24 * HOUR + 1 } },
    }
    for _, case in ipairs(broken) do
      local row = settled(s:record(case[2]))[1]
      assert.same({ status = "error", field = case[1], message = "Invalid input" }, row.status_info)
      s:pass(1)
    end
  end)

  it("accept everything up to the limits", function()
    local now = core.clock.now()
    local list = {
      s:record{ caller_number = "+911234567890", receiver_number = "+919876543210" }, s:record{ caller_number = "12345678",
        receiver_number = "123456789012345" },
      s:record{ dynamic_label_name = "abc" }, s:record{ dynamic_label_name = ("ß"):rep(40) },
        s:record{ dynamic_label_name = false, dynamic_call_reason = false },
      s:record{ dynamic_call_reason = "0123456789" }, s:record{ dynamic_call_reason = ("ह"):rep(100) },
        s:record{ dynamic_call_reason = "a.b,c-d e:f;g?h" },
      s:record{ starts_at = now, ends_at = now + 24 * HOUR }, s:record{ starts_at = now - 23 * HOUR, ends_at = now + HOUR },
      s:record{ starts_at = now - 1, ends_at = now }, s:record{ label_id = s.account.labels[1].id:upper() },
        s:record{ unknown_field = { 1, { 2 } } },
    }
    for _, row in ipairs(settled((table.unpack or unpack)(list))) do          -- luacheck: ignore
      assert.same({ status = "success" }, row.status_info)
    end
  end)

  it("read escapes for what they mean", function()
    local r = json.encode(s:record())
    local odd = r:gsub('"receiver_number":"91', '"receiver_n\\u0075mber":"\\u0039\\u0031'):gsub("Your parcel",
      "Y\\u00f6ur \\ud83d\\ude9a par\\\\cel")
    local plain = s:call("push", '{"call_records":[' .. r .. "]}").json.batch_id
    local id = s:call("push", '{"call_records":[' .. odd .. "]}").json.batch_id
    s:pass(2)
    local row = rows_of(id)[1]
    assert.equal("919876543210", row.receiver_number)
    assert.equal("Yöur 🚚 par\\cel arrives today", row.dynamic_call_reason)
    assert.equal("success", row.status_info.status)
    local events = s:events("request")
    assert.equal(events[#events - 2].keys[1].key, events[#events - 1].keys[1].key)
    assert.is_string(plain)
    local broken = s:call("push", '{"call_records":[' .. r:gsub('"919876543210"', '"91\\"9\\u0001x"') .. "]}").json.batch_id
    s:pass(2)
    assert.equal('91?9?x', rows_of(broken)[1].receiver_number)
  end)

  it("end each record by its receiver's ending", function()
    local reasons = { [1] = "Invalid input", [2] = "Not a Truecaller user", [3] = "OS not supported",
      [4] = "App version not supported",
      [5] = "Failed to push", [6] = "Failed to push" }
    local list = {}
    for n = 0, 12 do list[n + 1] = s:record{ receiver_number = ("9198765%05d"):format(9000 + n) } end
    list[14] = s:record{ receiver_number = "919876549101" }
    local data = settled((table.unpack or unpack)(list))                       -- luacheck: ignore
    local by = {}
    for _, row in ipairs(data) do
      by[row.receiver_number] = by[row.receiver_number] or {}
      table.insert(by[row.receiver_number], row)
    end
    for n, reason in pairs(reasons) do
      local row = by[("9198765%05d"):format(9000 + n)][1]
      assert.equal("error", row.status_info.status)
      assert.equal(reason, row.status_info.message)
      assert.equal(n == 1 and "receiver_number" or nil, row.status_info.field)
    end
    assert.same({ status = "pending" }, by["919876509007"][1].status_info)
    assert.is_nil(by["919876509008"])
    assert.equal(2, #by["919876509009"])
    assert.equal(by["919876509009"][1].id, by["919876509009"][2].id)
    assert.equal("+911234567890", by["+919876509010"][1].caller_number)
    assert.equal("911234567890", by["91******9011"][1].caller_number)
    for _, number in ipairs { "919876509000", "919876509012", "919876549101", "+919876509010", "91******9011" } do
      assert.same({ status = "success" }, by[number][1].status_info)
    end
    s:pass(86400)
    s:mint()
    assert.same({ status = "pending" }, settled(s:record{ receiver_number = "919876509007" })[1].status_info)
    assert.same({ status = "success" }, settled(s:record{ receiver_number = "919876509006" })[1].status_info)
  end)

  it("show a row with everything that the API shows", function()
    local r = s:record()
    local _, id = settled(r)
    local answer = s:call("status", nil, "batchId=" .. id)
    local row = answer.json.data[1]
    assert.equal(s.account.id, answer.json.client_account_id)
    assert.equal(id, answer.json.batch_id)
    for _, name in ipairs { "caller_number", "receiver_number", "label_id", "dynamic_label_name", "dynamic_call_reason",
      "starts_at", "ends_at" } do
      assert.equal(r[name], row[name])
    end
    assert.matches("^%x+%-%x+%-4%x+%-[89ab]%x+%-%x+$", row.id)
    assert.equal("2030-01-01T00:00:00Z", row.created_at)
    assert.matches('"id":".-","caller_number":.-"receiver_number":.-"label_id":.-"dynamic_label_name":.-"dynamic_call_reason":.-"starts_at":.-'
      .. '"ends_at":.-"status_info":{.-},"created_at":', answer.text)
    assert.equal("Acme Deliveries", settled(s:record{ dynamic_label_name = false })[1].dynamic_label_name)
  end)

  it("appear row by row while they are being processed", function()
    local list = {}
    for i = 1, 10 do list[i] = s:record{ receiver_number = "91987654321" .. i - 1 } end
    local id = s:call("push", { call_records = list }).json.batch_id
    assert.equal(0, #rows_of(id))
    s:pass(0.6)
    local some = rows_of(id)
    assert.equal(3, #some)
    assert.same({ status = "pending" }, some[1].status_info)
    s:pass(1.399)
    assert.equal(9, #rows_of(id))
    s:pass(0.001)
    assert.equal(10, #rows_of(id))
    assert.same({ status = "success" }, rows_of(id)[1].status_info)
  end)

  it("are told on /v2 too, to their own account alone, and by an id that is there", function()
    local id = s:push(s:record()).json.batch_id
    assert.equal(200, s:send("GET", "/v2/clients/" .. s.account.id .. "/dynamic_call_records?batchId=" .. id).status)
    assert.equal(404, s:send("POST", "/v3/clients/" .. s.account.id .. "/dynamic_call_records", "{}").status)
    assert.equal(400, s:call("status").status)
    assert.equal(404, s:call("status", nil, "batchId=" .. id .. "x").status)
    assert.equal(200, s:call("status", nil, "batchId=" .. id:gsub("%-", "%%2D")).status)
  end)

  it("are not kept with --forget", function()
    local f = support.start{ forget = true }
    f:mint()
    local answer = f:push(f:record())
    assert.equal(200, answer.status)
    assert.equal(404, f:call("status", nil, "batchId=" .. answer.json.batch_id).status)
    f:pass(10)
    assert.equal(0, #f:events("settle"))
    f:close()
  end)

  it("are counted, not read, when pace alone is rehearsed", function()
    local f = support.start{ empty_bodies = true, keys = false }
    f:mint()
    local answer = f.rules:handle{ method = "POST", path = "/v2/clients/" .. f.account.id .. "/dynamic_call_records",
      query = "", body = "",
      headers = { authorization = "Bearer " .. f.token }, count = 500 }
    assert.equal(200, answer.status)
    local list = f:events("request")
    assert.equal(500, list[#list].records)
    assert.is_nil(list[#list].keys)
    f:close()
  end)
end)

describe("sandbox real-time calls", function()
  local s
  before_each(function()
    s = support.start()
    s:mint()
  end)
  after_each(function() s:close() end)

  it("name the field at fault", function()
    for field, value in pairs { caller_number = "123", receiver_number = "+919876543210", label_id = "x",
      dynamic_label_name = "ab",
      dynamic_call_reason = "a+b is forbidden", ends_at = 1 } do
      local answer = s:call("personalise", s:record{ [field] = value })
      assert.equal(400, answer.status)
      assert.equal(field, answer.json.status_info.field)
      assert.matches("^Request body is invalid: " .. field, answer.json.status_info.message)
      assert.equal("error", answer.json.status_info.status)
    end
    local missing = s:call("personalise", s:record{ label_id = false })
    assert.same({ status = "error", field = "label_id", message = "Request body is invalid: label_id is required" },
      missing.json.status_info)
    assert.equal("invalid-input", s:call("personalise", "[]").json.slug)
    assert.equal("invalid-input", s:call("personalise", "{").json.slug)
  end)

  it("fail by the receiver's ending, and commit nothing then", function()
    local reasons = { "Invalid input", "Not a Truecaller user", "OS not supported", "App version not supported",
      "Failed to push", "Failed to push" }
    for n, reason in ipairs(reasons) do
      local answer = s:call("personalise", s:record{ receiver_number = ("9198765%05d"):format(9000 + n) })
      assert.equal(400, answer.status)
      assert.equal(reason, answer.json.status_info.message)
      local list = s:events("request")
      assert.is_nil(list[#list].keys)
      assert.equal(1, list[#list].records)
    end
    for _, ending in ipairs { 6, 7, 8, 9, 10, 11 } do
      assert.equal(200, s:call("personalise", s:record{ receiver_number = ("9198765%05d"):format(9000 + ending) }).status)
    end
  end)
end)

describe("sandbox v1 calls", function()
  local s
  before_each(function()
    s = support.start()
    s:mint()
  end)
  after_each(function() s:close() end)

  local function record(fields)
    local r = { caller = "911234567890", receiver = "919876543210", label_id = s.account.labels[1].id,
      label_name = "Acme Deliveries",
      call_reason = "Your parcel arrives today", starts_at = support.T0, ends_at = support.T0 + HOUR }
    for k, v in pairs(fields or {}) do r[k] = v end
    return r
  end

  it("answer a batch with text that holds its id, and list its rows bare", function()
    local answer = s:call("v1_push", { call_records = { record(), record{ receiver = "919876549003" } } })
    assert.equal(200, answer.status)
    assert.equal("success", answer.json.status)
    local id = answer.json.message:match("^Records Uploaded Successfully%. BatchID: (%S+)$")
    s:pass(2)
    local by = {}
    for _, row in ipairs(s:call("v1_status", nil, "batchId=" .. id).json) do by[row.receiver] = row end
    local good = by["919876543210"]
    for name, value in pairs(record()) do assert.equal(value, good[name]) end
    assert.equal("success", good.status)
    assert.equal(s.account.id, good.client_account_id)
    assert.equal(id, good.batch_id)
    assert.equal("error", by["919876549003"].status)
    assert.equal("OS not supported", by["919876549003"].message)
  end)

  it("say failure with status 200 when no record keeps the rules", function()
    for _, call in ipairs { "v1_push", "v1_personalise" } do
      local r = record{ starts_at = 1000, ends_at = 2000 }
      local answer = s:call(call, call == "v1_push" and { call_records = { r } } or r)
      assert.equal(200, answer.status)
      assert.equal("failure", answer.json.status)
      assert.matches("^ends_at cannot be older than current time%. BatchID: %x+%-%x+%-", answer.json.message)
    end
    assert.equal(400, s:call("v1_push", { call_records = { s:record() } }).status)          -- v2 names
    assert.equal(0, s.account.batches)
  end)

  it("answer a single record with the same text", function()
    local answer = s:call("v1_personalise", record())
    local id = answer.json.message:match("^Records Uploaded Successfully%. BatchID: (%S+)$")
    s:pass(2)
    assert.equal("success", s:call("v1_status", nil, "batchId=" .. id).json[1].status)
    assert.equal("919876543210", s:call("status", nil, "batchId=" .. id).json.data[1].receiver_number)
  end)

  it("want their own units for the logs", function()
    assert.equal(400, s:call("feedback_log").status)
    assert.equal(400, s:call("feedback_log", nil, "from_date=1893456000000").status)
    local answer = s:call("feedback_log", nil, "from_date=1893456000")
    assert.equal(200, answer.status)
    local path = answer.json.url:match("^http://[^/]+(/.*)$")
    local token = s.token
    assert.equal(400, s:send("GET", path).status)                                           -- never with the token
    s.token = nil
    assert.matches("^event_id,", s:send("GET", path).text)
    s.token = token
    assert.equal(400, s:call("cmb_log", nil, "from=1893456000&to=1893456001").status)
    local none = s:call("cmb_log", nil, "from=1893456000000&to=1893456001000")
    assert.equal('{"message":"No CMB found for client Id"}', none.text)
  end)
end)
