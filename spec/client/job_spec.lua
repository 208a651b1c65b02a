local second = require "support.second"
local tcb = require "tcb"

describe("publish and delist", function()
  local server, client, set

  before_each(function()
    server = second.start()
    client = assert(tcb.client(server:options()))
    set = client:feature_sets():first().id
  end)
  after_each(function() server:close() end)

  local function hold(number, state, becomes, after)
    server:control("/_hold", { number = number, state = state, ["then"] = becomes, after = after })
  end
  local function commits(action)
    local list = {}
    for _, c in ipairs(server:commits()) do list[#list + 1] = c:match("^" .. action .. " (%d+)$") end
    return list
  end

  it("look the numbers up first", function()
    assert(client:publish(set, { "917700000001" }))
    local order = {}
    for _, r in ipairs(server:seen()) do order[#order + 1] = r.path:match "[^/]+$" end
    assert.equal("token feature_sets numbers numbers numbers publish", table.concat(order, " "))
  end)

  it("wait out a delisting instead of being silently ignored", function()
    hold("917700000001", "delisting", "gone", 0.8)
    local job = assert(client:publish(set, { "917700000001", "917700000002" }))
    assert.same({ "917700000002", "917700000001" }, commits "publish")
    assert.equal(2, #job.answers)
    local result = assert(job:wait{ timeout_s = 10 })
    assert.same({ listed = { "917700000001", "917700000002" }, delisted = {}, ignored = {}, failed = {} }, result)
  end)

  it("list a number whose delisting failed", function()
    hold("917700000001", "delisting", "listed", 0.6)
    local job = assert(client:publish(set, { "917700000001" }))
    assert.same({ listed = { "917700000001" }, delisted = {}, ignored = {}, failed = {} }, assert(job:wait()))
  end)

  it("leave a delisting that lasts to job:wait, and say so when it is too late", function()
    local brief = assert(tcb.client(server:options{ deadline_s = 0.3 }))
    hold("917700000001", "delisting", "gone", 1.2)
    hold("917700000002", "delisting", "gone", 60)
    local job = assert(brief:publish(set, { "917700000001", "917700000002", "917700000003" }))
    assert.same({ "917700000003" }, commits "publish")
    local result, err, so_far = job:wait{ timeout_s = 2.5 }
    assert.is_nil(result)
    assert.equal("timeout", err.kind)
    assert.is_truthy(err.message:find("1 of 3 numbers are not settled after 2.5 s (91******0002 is still waiting to be sent)",
      1, true), err.message)
    assert.same({ "917700000001", "917700000003" }, so_far.listed)
    assert.same({ "917700000003", "917700000001" }, commits "publish")
  end)

  it("notice a number that the service ignored after all", function()
    local job = assert(client:publish(set, { "917700000001", "917700000002" }))
    hold("917700000001", "delisting", "gone", 0.5)                       -- somebody else delists it meanwhile
    local result = assert(job:wait{ timeout_s = 10 })
    assert.same({ "917700000001" }, result.ignored)
    assert.same({ "917700000002" }, result.listed)
  end)

  it("delist what is there and say why the rest failed", function()
    local job = assert(client:delist(set, { "918800000000", "917799999999", "918800000001" }))
    local result = assert(job:wait{ timeout_s = 10 })
    assert.same({ listed = {}, delisted = { "918800000000" }, ignored = {}, failed = { "917799999999", "918800000001" } }, result)
    assert.equal("new_numbers", job.reasons["917799999999"])
  end)

  it("do not delist twice, and wait for a number that is still being listed", function()
    hold("917700000001", "delisting", "gone", 0.4)
    hold("917700000002", "pending", "listed", 0.6)
    local job = assert(client:delist(set, { "917700000001", "917700000002" }))
    assert.same({ "917700000002" }, commits "delist")
    assert.same({ "917700000001", "917700000002" }, assert(job:wait{ timeout_s = 10 }).delisted)
  end)

  it("split any count by 10,000", function()
    local list = {}
    for i = 1, 20001 do list[i] = ("9177%08d"):format(i) end
    local job = assert(client:publish(set, list))
    local sizes = {}
    for _, r in ipairs(server:seen "/publish") do sizes[#sizes + 1] = select(2, r.body:gsub('"9177', "")) end
    assert.same({ 10000, 10000, 1 }, sizes)
    assert.same({ 20001, 3 }, { job.count, #job.answers })
  end)

  it("refuse what is no number, and send nothing then", function()
    local job, err = client:publish(set, { "917700000001", "12" })
    assert.is_nil(job)
    assert.same({ "input", 2, "phone_numbers" }, { err.kind, err.index, err.field })
    job, err = client:publish(set, {})
    assert.is_nil(job)
    assert.equal("input", err.kind)
    assert.has_error(function() client:publish(set, "917700000001") end)
    assert.has_error(function() client:publish(set, { 917700000001 }) end)
    assert.has_error(function() client:publish(nil, { "917700000001" }) end)
    assert.equal(0, #server:seen "/publish")
  end)

  it("return the service's error", function()
    local job, err = client:publish("no-such-set", { "917700000001" })
    assert.is_nil(job)
    assert.same({ "not_found", "publish", 404 }, { err.kind, err.call, err.status })
    server:fault{ path = "/numbers", status = 403,
      body = '{"slug": "forbidden-error", "message": "not authorized. please contact your admin."}' }
    job, err = client:delist(set, { "917700000001" })
    assert.is_nil(job)
    assert.same({ "forbidden", "numbers" }, { err.kind, err.call })
    server:fault{ path = "/numbers", status = 200, times = 9,
      body = '{"client_account_id": "x", "new_numbers": [], "status": "failed"}' }
    job, err = client:delist(set, { "917700000001" })
    assert.is_nil(job)
    assert.equal("proto", err.kind)
  end)
end)
