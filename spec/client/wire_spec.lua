--- What goes over the wire, call by call, against the API's documentation; the other side shares no code with the project.
local core = require "tcb.core"
local json = require "tcb.json"
local second = require "support.second"
local tcb = require "tcb"

local ALLOWED = { host = true, accept = true, ["content-type"] = true, ["user-agent"] = true, authorization = true,
  ["content-length"] = true,
  ["accept-encoding"] = true, ["x-public-access"] = true, connection = true }

describe("on the wire", function()
  local server, client, label, set, t, record

  setup(function()
    server = second.start()
    client = assert(tcb.client(server:options()))
    label, set = client:labels():first().id, client:feature_sets():first().id
    t = tcb.now()
    record = { caller_number = "+91 12345-67890", receiver_number = "919876541111", label_id = label,
      dynamic_label_name = "Acme \"Deliveries\"",
      dynamic_call_reason = "Votre colis arrive à 9h", starts_at = t + 60000, ends_at = t + 3600000,
        note = "not a field of the API" }
  end)
  teardown(function() server:close() end)

  --- The requests that `fn` causes at `path`, checked for what all have in common.
  local function requests(path, method, fn)
    local before = #server:seen(path)
    fn()
    local all, found = server:seen(path), {}
    for i = before + 1, #all do
      local r = all[i]
      if r.method == method then
        found[#found + 1] = r
        for _, pair in ipairs(r.headers) do assert.is_true(ALLOWED[pair[1]:lower()], "unexpected header " .. pair[1]) end
        assert.equal("application/json", r.header["content-type"])
        assert.equal("application/json", r.header.accept)
        assert.equal("tcb/" .. tcb.version, r.header["user-agent"])
        assert.is_nil(r.header.expect)
        if path ~= "/token" then
          assert.is_truthy(r.header.authorization:match "^Bearer %x+$")
          assert.equal(7 + 64, #r.header.authorization)
          assert.is_nil(r.header["x-public-access"])
        end
        assert.equal(method == "POST" and tostring(#r.body) or nil, r.header["content-length"])
      end
    end
    return found
  end

  local function one(path, method, fn)
    local found = requests(path, method, fn)
    assert.equal(1, #found)
    return found[1]
  end

  local function path(rest) return ("/clients/%s%s"):format(server.account, rest) end

  --- A record's body with v2 names.
  local function wired(more)
    local r = { caller_number = "911234567890", receiver_number = "919876541111", label_id = label,
      dynamic_label_name = "Acme \"Deliveries\"",
      dynamic_call_reason = "Votre colis arrive à 9h", starts_at = t + 60000, ends_at = t + 3600000 }
    for k, v in pairs(more or {}) do r[k] = v end
    return r
  end

  it("row 1, access token", function()
    local other = assert(tcb.client(server:options{ limits = "mint=9/1800" }))       -- other limits: a pool of its own
    local r = one("/token", "POST", function() assert(other:labels():first()) end)
    assert.equal(path "/token", r.target)
    assert.equal("allow", r.header["x-public-access"])
    assert.is_nil(r.header.authorization)
    assert.equal(('{"key_id":"%s","api_key":"%s"}'):format(server.key_id, server.api_key), r.body)
  end)

  it("row 2, labels", function()
    local r = one("/labels", "GET", function() assert(client:labels():all()) end)
    assert.equal(path "/labels?page=1&limit=1000", r.target)
    local all = requests("/labels", "GET", function() assert.equal(5, #client:labels{ limit = 2 }:all()) end)
    assert.same({ "page=1&limit=2", "page=2&limit=2", "page=3&limit=2" }, { all[1].query, all[2].query, all[3].query })
    assert.is_nil(all[4])
  end)

  it("row 3, real-time personalisation", function()
    local r = one("/dynamic_call_record", "POST", function() assert(client:personalise(record)) end)
    assert.equal("/v2" .. path "/dynamic_call_record", r.target)
    assert.same(wired(), json.decode(r.body))
  end)

  it("row 4, batch personalisation", function()
    local r = one("/dynamic_call_records", "POST", function()
      assert(client:push{ record, { caller_number = "911234567890", receiver_number = "919876542222", label_id = label,
        starts_at = t, ends_at = t + 5000 } })
    end)
    assert.equal("/v2" .. path "/dynamic_call_records", r.target)
    local second_record = { caller_number = "911234567890", receiver_number = "919876542222", label_id = label, starts_at = t,
      ends_at = t + 5000 }
    assert.same({ call_records = { wired(), second_record } }, json.decode(r.body))
    assert.is_truthy(r.body:find(('"starts_at":%.0f'):format(t + 60000), 1, true),
      "an instant in full, without exponent or fraction")
  end)

  it("row 4 with a leading + when asked for, row 3 never", function()
    local plus = assert(tcb.client(server:options{ plus = true }))
    local r = one("/dynamic_call_records", "POST", function() assert(plus:push{ record }) end)
    assert.same({ call_records = { wired{ caller_number = "+911234567890", receiver_number = "+919876541111" } } }, json.decode(r.body))
    r = one("/dynamic_call_record", "POST", function() assert(plus:personalise(record)) end)
    assert.same(wired(), json.decode(r.body))
  end)

  it("row 5, batch status", function()
    local batch = assert(client:push{ record })
    local r = one("/dynamic_call_records", "GET", function() assert(batch:poll()) end)
    assert.equal("/v3" .. path("/dynamic_call_records?batchId=" .. batch.id), r.target)
    assert.equal("", r.body)
    r = requests("/dynamic_call_records", "GET", function() client:batch("d76s5 dfg9d&x=1/+"):poll() end)[1]
    assert.equal("batchId=d76s5%20dfg9d%26x%3D1%2F%2B", r.query)
  end)

  it("row 6, feature sets", function()
    local all = requests("/feature_sets", "GET", function() assert.equal(7, #client:feature_sets():all()) end)
    assert.same({ path "/number_management/feature_sets", path "/number_management/feature_sets?page=2",
      path "/number_management/feature_sets?page=3" }, { all[1].target, all[2].target, all[3].target })
    assert.is_nil(all[4])
    local r = one("/feature_sets", "GET", function()
      assert.is_nil((client:feature_sets{ page = 1, limit = 9, process_id = "p-0", operation_id = "o",
        department_id = "d 0" }:first()))
    end)
    assert.equal("department_id=d%200&operation_id=o&process_id=p-0&limit=9&page=1", r.query)
  end)

  it("row 7, number details", function()
    local all = requests("/numbers", "GET", function() assert.equal(6, #client:numbers{ feature_set_id = set }:all()) end)
    assert.same({ path("/number_management/numbers?feature_set_id=" .. set),
      path("/number_management/numbers?feature_set_id=" .. set .. "&page=2") },
      { all[1].target, all[2].target })
    assert.is_nil(all[3])
    local r = one("/numbers", "GET", function()
      assert(client:numbers{ feature_set_id = set, department_id = "a", operation_id = "b", process_id = "c", limit = 100,
        page = 1 }:all())
    end)
    assert.equal("department_id=a&operation_id=b&process_id=c&feature_set_id=" .. set .. "&limit=100&page=1", r.query)
  end)

  it("rows 8 and 9, list and delist numbers", function()
    local job
    local r = one("/publish", "POST", function() job = assert(client:publish(set, { "+91 77000 00001", "917700000002",
      "917700000001" })) end)
    assert.equal(path("/number_management/feature_sets/" .. set .. "/numbers/publish"), r.target)
    assert.equal('{"phone_numbers":["917700000001","917700000002"]}', r.body)
    assert.same({ "917700000001", "917700000002" }, assert(job:wait()).listed)
    r = one("/delist", "POST", function() job = assert(client:delist(set, { "917700000002" })) end)
    assert.equal(path("/number_management/feature_sets/" .. set .. "/numbers/delist"), r.target)
    assert.equal('{"phone_numbers":["917700000002"]}', r.body)
    assert.same({ "917700000002" }, assert(job:wait()).delisted)
  end)

  it("rows 8 and 9 with an id that needs escapes", function()
    local r = one("/publish", "POST", function() client:publish("a b/c?", { "917700000003" }) end)
    assert.equal(path "/number_management/feature_sets/a%20b%2Fc%3F/numbers/publish", r.target)
  end)

  it("a base URL with a path and a trailing slash", function()
    local prefixed = second.start "--prefix /tc/api"
    local other = assert(tcb.client(prefixed:options{ base_url = prefixed.base_url .. "/" }))
    assert.equal(5, #assert(other:labels():all()))
    assert.equal(("/tc/api/clients/%s/labels?page=1&limit=1000"):format(prefixed.account), prefixed:seen("/labels")[1].target)
    prefixed:close()
  end)

  describe("the deprecated calls", function()
    local v1_record
    setup(function()
      core.log.level "error"
      v1_record = { caller = "911234567890", receiver = "919876541111", label_id = label, label_name = "Acme \"Deliveries\"",
        call_reason = "Votre colis arrive à 9h", starts_at = t + 60000, ends_at = t + 3600000 }
    end)
    teardown(function() core.log.level "warn" end)

    it("row 11, real-time personalisation v1", function()
      local r = one("/dynamic_call_record", "POST", function() assert.is_true(client.v1:personalise(record)) end)
      assert.equal(path "/dynamic_call_record", r.target)
      assert.same(v1_record, json.decode(r.body))
      r = one("/dynamic_call_record", "POST", function() assert.is_true(client.v1:personalise(v1_record)) end)
      assert.same(v1_record, json.decode(r.body))
    end)

    it("rows 12 and 13, batch and its status v1", function()
      local batch
      local r = one("/dynamic_call_records", "POST", function() batch = assert(client.v1:push{ record }) end)
      assert.equal(path "/dynamic_call_records", r.target)
      assert.same({ call_records = { v1_record } }, json.decode(r.body))
      local rows
      r = one("/dynamic_call_records", "GET", function() rows = assert(client.v1:batch_status(batch.id)) end)
      assert.equal(path("/dynamic_call_records?batchId=" .. batch.id), r.target)
      assert.equal("919876541111", rows[1].receiver_number)
      assert.equal("Votre colis arrive à 9h", rows[1].dynamic_call_reason)
    end)

    it("rows 4 and 5 of a client with dialect v1", function()
      local old = assert(tcb.client(server:options{ dialect = "v1" }))
      local batch
      local r = one("/dynamic_call_records", "POST", function() batch = assert(old:push{ record }) end)
      assert.equal(path "/dynamic_call_records", r.target)
      r = one("/dynamic_call_records", "GET", function() assert.equal(record, assert(batch:poll())[1].record) end)
      assert.equal(path("/dynamic_call_records?batchId=" .. batch.id), r.target)
    end)

    it("row 14, user feedback log: from_date in seconds, the download without the token", function()
      local file = os.tmpname()
      local r = one("/export_report", "GET", function()
        assert.equal(file, assert(client.v1:feedback_log{ survey = "s 1", from_date = 1787480000999, file = file }))
      end)
      assert.equal(path "/openapi/feedback_stack/s%201/export_report?from_date=1787480000", r.target)
      local download = server:seen "/log.csv"[1]
      assert.is_nil(download.header.authorization)
      local f = assert(io.open(file))
      assert.equal("number,answer\n919000000001,5\n", f:read "*a")
      f:close()
      os.remove(file)
    end)

    it("row 15, call-me-back log", function()
      local rows
      local r = one("/summary", "GET", function() rows = assert(client.v1:call_me_back_log{ from = 1787480000000,
        to = 1787490000000 }) end)
      assert.equal(path "/openapi/callback-logs/summary?from=1787480000000&to=1787490000000", r.target)
      assert.same({ client_number = "919000000001", requested_at = "1753945760", created_at = 1767768835000 }, rows[1])
    end)
  end)
end)
