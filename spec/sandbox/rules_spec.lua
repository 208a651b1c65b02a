local support = require "sandbox.support"

describe("sandbox rules", function()
  local s
  before_each(function() s = support.start() end)
  after_each(function() s:close() end)

  it("mint a token for 60 minutes", function()
    local answer = s:mint()
    assert.equal(200, answer.status)
    assert.equal(64, #answer.json.token)
    assert.matches("^2030%-01%-01T00:00:00Z$", answer.json.created_at)
    assert.equal(200, s:call("labels").status)
    s:pass(3599.999)
    assert.equal(200, s:call("labels").status)
    s:pass(0.001)
    local dead = s:call("labels")
    assert.equal(401, dead.status)
    assert.equal("authorization-error", dead.json.slug)
    assert.equal("please login again", dead.json.message)
  end)

  it("say what a mint lacks", function()
    local path, a = "/clients/" .. s.account.id .. "/token", s.account
    local allow = { ["x-public-access"] = "allow" }
    local function try(body, headers) return s:send("POST", path, body, headers or allow) end
    assert.same({ slug = "invalid-input", message = "api_key is required" }, try({ key_id = a.key_id }).json)
    assert.equal(400, try({ api_key = a.api_key }).status)
    assert.equal(400, try({ key_id = 1, api_key = a.api_key }).status)
    assert.equal(400, try("{").status)
    assert.equal(401, try({ key_id = a.key_id, api_key = "wrong" }).status)
    assert.equal(401, try({ key_id = a.key_id, api_key = a.api_key }, {}).status)
    assert.equal(404, s:send("POST", "/clients/nobody/token", { key_id = a.key_id, api_key = a.api_key }, allow).status)
  end)

  it("want a live token of the same account", function()
    assert.equal("Missing authorization header", s:call("labels").json.message)
    s.token = "no such token"
    assert.equal(401, s:call("labels").status)
    s:mint()
    assert.equal(404, s:send("GET", "/clients/nobody/labels").status)
  end)

  it("tell a dead token on the v1 status as a 500 that is none", function()
    s.token = "garbled"
    local answer = s:call("v1_status", nil, "batchId=x")
    assert.equal(500, answer.status)
    assert.matches("500/50011 %- Failed to parse token", answer.json.message)
  end)

  it("list 3 dynamic labels and 1 other, 60 feature sets and 240 numbers, each with its own pages", function()
    s:mint()
    local labels = s:call("labels", nil, "page=1&limit=1000").json
    local kinds = {}
    for _, label in ipairs(labels) do kinds[label.label_type] = (kinds[label.label_type] or 0) + 1 end
    assert.same({ dynamic = 3, static = 1 }, kinds)
    assert.equal(1, #s:call("labels", nil, "page=2&limit=3").json)
    assert.equal("[]", s:call("labels", nil, "page=3&limit=3").text)
    local sets = s:call("feature_sets").json
    assert.same({ total_page_count = 2, current_page = 1, page_limit = 50 }, sets.pagination_info)
    assert.equal(50, #sets.feature_sets)
    assert.equal(10, #s:call("feature_sets", nil, "page=2").json.feature_sets)
    local numbers = s:call("numbers").json
    assert.same({ total_page_count = 8 }, numbers.pagination_information)
    assert.equal(30, #numbers.numbers)
    assert.equal("listed", numbers.numbers[1].status)
    local one = s:call("numbers", nil, "feature_set_id=" .. sets.feature_sets[1].id).json
    assert.equal(4, #one.numbers)
    assert.equal('{"numbers":[],"pagination_information":{"total_page_count":0}}', s:call("numbers", nil,
      "department_id=none").text)
    assert.equal(400, s:call("labels", nil, "page=0").status)
  end)

  it("answer a real-time record", function()
    s:mint()
    assert.equal('{"status_info":{"status":"success","message":"Record processed successfully"}}', s:call("personalise",
      s:record()).text)
    local late = s:call("personalise", s:record{ starts_at = 1000, ends_at = 2000 })
    assert.equal(400, late.status)
    assert.same({ status_info = { status = "error", field = "ends_at",
      message = "Request body is invalid: ends_at cannot be older than current time" } }, late.json)
  end)

  it("take a batch, settle it, and tell its rows", function()
    s:mint()
    local id = s:push(s:record(), s:record{ receiver_number = "919876549002" }).json.batch_id
    assert.equal(0, #s:call("status", nil, "batchId=" .. id).json.data)
    s:pass(1)
    local half = s:call("status", nil, "batchId=" .. id).json.data
    assert.equal(1, #half)
    assert.equal("pending", half[1].status_info.status)
    s:pass(1)
    local by = {}
    for _, row in ipairs(s:call("status", nil, "batchId=" .. id).json.data) do by[row.receiver_number] = row end
    assert.same({ status = "success" }, by["919876543210"].status_info)
    assert.same({ status = "error", message = "Not a Truecaller user" }, by["919876549002"].status_info)
    assert.equal(404, s:call("status", nil, "batchId=nothing").status)
  end)

  it("list and delist a number, and ignore a listing during a delisting", function()
    s:mint()
    local answer = s:call("publish", { phone_numbers = { "918812345678" } }).json
    assert.same({ "918812345678" }, answer.new_numbers)
    assert.equal("pending", answer.status)
    local query = "limit=1000&feature_set_id=" .. s.account.feature_sets[1].id
    local function state()
      for _, n in ipairs(s:call("numbers", nil, query).json.numbers) do
        if n.phone_number == "918812345678" then return n.status end
      end
    end
    assert.equal("pending", state())
    s:pass(5)
    assert.equal("listed", state())
    assert.same({ "918812345678" }, s:call("delist", { phone_numbers = { "918812345678" } }).json.existing_numbers)
    assert.equal("delisting", state())
    assert.same({ "918812345678" }, s:call("publish", { phone_numbers = { "918812345678" } }).json.new_numbers)
    s:pass(5)
    assert.is_nil(state())
    s:pass(60)
    assert.is_nil(state())
  end)
end)
