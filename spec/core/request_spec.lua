local core = require "tcb.core"

local BASE = "https://api.example"
local function build(call, fields)
  local args = { base_url = BASE, account = "acc" }
  for k, v in pairs(fields or {}) do args[k] = v end
  return core.request(call, args)
end

describe("endpoints", function()
  it("is the API's table, row by row", function()
    local rows = {}
    for name, e in pairs(core.endpoints) do
      assert.equal(name, e.name)
      if e.row > 0 then rows[e.row] = e.method .. " " .. e.path .. (e.query[1] and " ?" .. table.concat(e.query, "&") or "") end
    end
    assert.same({
      [1] = "POST /clients/{client}/token",
      [2] = "GET /clients/{client}/labels ?page&limit",
      [3] = "POST /v2/clients/{client}/dynamic_call_record",
      [4] = "POST /v2/clients/{client}/dynamic_call_records",
      [5] = "GET /v3/clients/{client}/dynamic_call_records ?batchId",
      [6] = "GET /clients/{client}/number_management/feature_sets ?department_id&operation_id&process_id&limit&page",
      [7] = "GET /clients/{client}/number_management/numbers ?department_id&operation_id&process_id&feature_set_id&limit&page",
      [8] = "POST /clients/{client}/number_management/feature_sets/{feature_set}/numbers/publish",
      [9] = "POST /clients/{client}/number_management/feature_sets/{feature_set}/numbers/delist",
      [11] = "POST /clients/{client}/dynamic_call_record",
      [12] = "POST /clients/{client}/dynamic_call_records",
      [13] = "GET /clients/{client}/dynamic_call_records ?batchId",
      [14] = "GET /clients/{client}/openapi/feedback_stack/{survey}/export_report ?from_date",
      [15] = "GET /clients/{client}/openapi/callback-logs/summary ?from&to",
    }, rows)
  end)

  it("knows limits, sizes, what may be repeated, and what replaces the deprecated calls", function()
    local e = core.endpoints
    assert.equal("mint push personalise", e.token.limit .. " " .. e.push.limit .. " " .. e.personalise.limit)
    assert.equal(500, e.push.records_max)
    assert.equal(10000, e.publish.records_max)
    assert.is_false(e.push.repeatable or e.personalise.repeatable or e.v1_push.repeatable or e.v1_personalise.repeatable)
    assert.is_true(e.publish.repeatable and e.delist.repeatable and e.labels.repeatable and e.token.repeatable)
    for name, row in pairs(e) do
      assert.equal(row.row >= 11, row.deprecated, name)
      assert.equal(row.row >= 11, row.replaced_by ~= nil, name)
    end
  end)
end)

describe("core.request", function()
  it("sends only the query parameters given, in the API's order", function()
    local method, url = build("numbers", { query = { page = 2, feature_set_id = "fs", department_id = "d 1" } })
    assert.equal("GET", method)
    assert.equal(BASE .. "/clients/acc/number_management/numbers?department_id=d%201&feature_set_id=fs&page=2", url)
    assert.equal(BASE .. "/clients/acc/labels", select(2, build "labels"))
  end)

  it("percent-encodes ids and values", function()
    local _, url = build("publish", { account = "a/b", feature_set = "x?y#z%\n\195\169" })
    assert.equal(BASE .. "/clients/a%2Fb/number_management/feature_sets/x%3Fy%23z%25%0A%C3%A9/numbers/publish", url)
    _, url = build("status", { query = { batchId = "d76s5-dfg9d&x=1+2 /~" } })
    assert.equal(BASE .. "/v3/clients/acc/dynamic_call_records?batchId=d76s5-dfg9d%26x%3D1%2B2%20%2F~", url)
  end)

  it("writes instants without exponent or fraction", function()
    local _, url = build("cmb_log", { query = { from = 1787480000000, to = 1787480000001 } })
    assert.equal(BASE .. "/clients/acc/openapi/callback-logs/summary?from=1787480000000&to=1787480000001", url)
  end)

  it("takes a base URL with a path and trailing slashes", function()
    for _, base in ipairs{ "https://h.example:8443/tc/api", "https://h.example:8443/tc/api/", "HTTPS://h.example:8443/tc/api//" } do
      assert.equal("https://h.example:8443/tc/api/clients/acc/token", select(2, build("token", { base_url = base })))
    end
  end)

  it("offers the older path of the batch status", function()
    local _, url = build("status", { query = { batchId = "b" }, fallback = true })
    assert.equal(BASE .. "/v2/clients/acc/dynamic_call_records?batchId=b", url)
  end)

  it("refuses ids that are missing or would climb out of their segment", function()
    for _, id in ipairs{ "", ".", ".." } do
      local none, err = build("publish", { feature_set = id })
      assert.is_nil(none)
      assert.equal("input feature_set", err.kind .. " " .. err.field)
    end
    local _, err = build("labels", { account = "" })
    assert.equal("config account", err.kind .. " " .. err.field)
  end)

  it("raises on a parameter, a call or a type that does not exist", function()
    assert.has_error(function() build("labels", { query = { pages = 1 } }) end)
    assert.has_error(function() build "label" end)
    assert.has_error(function() build("labels", { query = { page = 1.5 } }) end)
    assert.has_error(function() build("labels", { query = { page = {} } }) end)
  end)

  it("builds calls that have no row", function()
    local method, url = build("other", { method = "PUT", path = "/v9/clients/{client}/x y", query = { { "b", 1 }, { "a", "=" } } })
    assert.equal("PUT " .. BASE .. "/v9/clients/acc/x%20y?b=1&a=%3D", method .. " " .. url)
    local _, err = build("other", { method = "GET", path = "x" })
    assert.equal("input", err.kind)
  end)
end)

describe("core.base_url", function()
  it("allows http only to loopback", function()
    for _, url in ipairs{ "http://127.0.0.1:80", "http://127.9.8.7", "http://localhost/x", "http://[::1]:8080" } do
      assert.equal(url, (core.base_url(url)))
      assert.is_true(select(2, core.base_url(url)))
    end
    for _, url in ipairs{ "http://api.example", "http://127.0.0.1.example", "http://localhost.example", "http://127.1",
      "http://0127.0.0.1",
      "http://[::2]", "http://127.0.0.1@api.example/", "http://256.0.0.1" } do
      local none, err = core.base_url(url)
      assert.is_nil(none, url)
      assert.equal("config base_url", err.kind .. " " .. err.field)
    end
    assert.is_false(select(2, core.base_url "https://api.example"))
  end)

  it("refuses what is no base URL", function()
    for _, url in ipairs{ "", "api.example", "ftp://x", "https://", "https:///x", "https://h?x", "https://h/#x",
      "https://h:0", "https://h:70000",
      "https://h:", "https://a b", "https://h\n", "https://u:p@h", "https://-h", "https://[x]", "https://[::1",
        "https://[::1]x", "https://h\195\169" } do
      assert.is_nil((core.base_url(url)), url)
    end
  end)
end)

describe("percent-encoding", function()
  it("keeps the unreserved characters and nothing else", function()
    local all = {}
    for i = 0, 255 do all[#all + 1] = string.char(i) end
    local _, url = build("status", { query = { batchId = table.concat(all) } })
    local value = url:match "batchId=(.*)$"
    assert.equal(table.concat(all), (value:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)))
    assert.is_nil(value:find "[^%w%-._~%%]")
    assert.equal(66 + (256 - 66) * 3, #value)
  end)

  it("bounds the URL", function()
    local none, err = build("status", { query = { batchId = ("%"):rep(3000) } })
    assert.is_nil(none)
    assert.equal("input", err.kind)
  end)
end)
