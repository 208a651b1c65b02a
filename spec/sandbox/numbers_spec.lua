local support = require "sandbox.support"

describe("sandbox numbers", function()
  local s
  before_each(function()
    s = support.start()
    s:mint()
  end)
  after_each(function() s:close() end)

  local function states()
    local by = {}
    for _, n in ipairs(s:call("numbers", nil, "limit=100000").json.numbers) do by[n.phone_number] = n.status end
    return by
  end

  it("sort what is published into arrays", function()
    local own, other
    for _, n in ipairs(s.account.numbers) do
      if n.set == s.account.feature_sets[1] then own = own or n.phone else other = other or n.phone end
    end
    local answer = s:call("publish", { phone_numbers = { "918812345678", "918812345678", own, other, "12", "0918812345678",
      "+918812345679" } })
    assert.equal(200, answer.status)
    local j = answer.json
    assert.equal("pending", j.status)
    assert.equal("verified", j.phone_type)
    assert.equal("ops@example.com", j.created_by_email)
    assert.equal(s.account.id, j.client_account_id)
    assert.same({ "918812345678" }, j.new_numbers)
    assert.same({ own }, j.existing_numbers)
    assert.same({ other }, j.other_feature_set_numbers)
    assert.same({ "12", "0918812345678", "+918812345679" }, j.invalid_numbers)
    for _, name in ipairs { "other_phonetype_numbers", "others_numbers", "migrated_numbers", "delisted_numbers",
      "updated_numbers" } do
      assert.same({}, j[name])
    end
    assert.is_nil(j.processing_numbers)
    assert.equal("failed", s:call("publish", { phone_numbers = { "12" } }).json.status)
  end)

  it("sort what is delisted into others", function()
    local own = s.account.numbers[1].phone
    local j = s:call("delist", { phone_numbers = { own, "918899999999", "x" } }).json
    assert.equal("pending", j.status)
    assert.equal("", j.phone_type)
    assert.same({ own }, j.existing_numbers)
    assert.same({ "918899999999" }, j.new_numbers)
    assert.same({ "x" }, j.invalid_numbers)
    assert.same({}, j.processing_numbers)
    assert.is_nil(j.migrated_numbers)
    assert.is_nil(j.created_by_email)
    assert.same({ own }, s:call("delist", { phone_numbers = { own } }).json.processing_numbers)
    local none = s:call("delist", { phone_numbers = { "918899999999" } }).json
    assert.equal("failed", none.status)
    assert.same({ "918899999999" }, none.new_numbers)
  end)

  it("refuse what is no list of 1 to 10,000 texts, and feature sets that are not there", function()
    for _, body in ipairs { "{", "{}", '{"phone_numbers":{}}', '{"phone_numbers":[]}', '{"phone_numbers":"9188"}',
      '{"phone_numbers":[918812345678]}',
      "[]", '{"phone_numbers":[' .. ('"918812345678",'):rep(10000) .. '"918812345678"]}' } do
      local answer = s:call("publish", body)
      assert.equal(400, answer.status)
      assert.equal("invalid-input", answer.json.slug)
      assert.equal(400, s:call("delist", body).status)
    end
    local path = "/clients/" .. s.account.id .. "/number_management/feature_sets/none/numbers/"
    assert.equal(404, s:send("POST", path .. "publish", { phone_numbers = { "918812345678" } }).status)
    assert.equal(404, s:send("POST", path .. "delist", { phone_numbers = { "918812345678" } }).status)
  end)

  it("are 10,000 at once", function()
    local list = {}
    for i = 1, 10000 do list[i] = ("9177%08d"):format(i) end
    assert.equal(10000, #s:call("publish", { phone_numbers = list }).json.new_numbers)
    s:pass(5)
    local answer = s:call("numbers", nil, "limit=1000&page=11&feature_set_id=" .. s.account.feature_sets[1].id).json
    assert.equal(11, answer.pagination_information.total_page_count)
    assert.equal(4, #answer.numbers)
  end)

  it("take their time, and may fail", function()
    s:call("publish", { phone_numbers = { "918812345678", "999812349004", "999812349005" } })
    assert.equal("pending", states()["999812349004"])
    s:pass(4.999)
    assert.equal("pending", states()["918812345678"])
    s:pass(0.001)
    local now = states()
    assert.equal("listed", now["918812345678"])
    assert.is_nil(now["999812349004"])
    s:call("delist", { phone_numbers = { "918812345678", "999812349005" } })
    assert.equal("delisting", states()["999812349005"])
    s:pass(5)
    now = states()
    assert.is_nil(now["918812345678"])
    assert.equal("listed", now["999812349005"])                       -- the delisting has failed: the old state again
  end)

  it("can be listed again as soon as their delisting has ended", function()
    local own = s.account.numbers[1].phone
    s:call("delist", { phone_numbers = { own } })
    s:call("publish", { phone_numbers = { own } })
    s:pass(5)
    assert.is_nil(states()[own])
    s:call("publish", { phone_numbers = { own } })
    assert.equal("pending", states()[own])
    s:pass(5)
    assert.equal("listed", states()[own])
  end)

  it("belong to their account: the second one has none", function()
    local two = support.start{ accounts = 2 }
    two.account = two.rules.accounts[2]
    two:mint()
    assert.equal('{"numbers":[],"pagination_information":{"total_page_count":0}}', two:call("numbers").text)
    assert.equal("dynamic", two:call("labels").json[1].label_type)
    two.account = two.rules.accounts[1]
    assert.equal(403, two:call("labels").status)
    two:close()
  end)
end)
