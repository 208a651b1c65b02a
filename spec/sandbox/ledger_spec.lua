local core = require "tcb.core"
local json = require "tcb.json"
local support = require "sandbox.support"

describe("sandbox ledger", function()
  local s
  before_each(function() s = support.start() end)
  after_each(function() s:close() end)

  local function key(r)
    return core.sha256(("%s|%s|%.0f|%.0f|%s"):format(r.caller_number:gsub("%+", ""), r.receiver_number:gsub("%+", ""),
      r.starts_at, r.ends_at,
      r.label_id)):sub(1, 16)
  end

  it("begins with the seed and the limits", function()
    local first = s:events()[1]
    assert.same({ n = 1, t = support.T0, event = "start", seed = 7, limits = { mint = "10/1800", push = "60/60",
      personalise = "100/1" } }, first)
    local other = support.start{ limits = { push = "3/0.5", mint = 0 } }
    assert.same({ mint = "0", push = "3/0.5", personalise = "100/1" }, other:events()[1].limits)
    other:close()
  end)

  it("holds a line per request, numbered, timed when it was counted", function()
    s:pass(1.5)
    s:mint()
    s:pass(0.25)
    local plus = s:record{ receiver_number = "+919876543210" }
    local one = s:record()
    local id = s:push(one, plus).json.batch_id
    local list = s:events()
    assert.equal(3, #list)
    assert.same({ n = 2, t = support.T0 + 1500, event = "request", call = "token", account = s.account.id, method = "POST",
      path = "/clients/" .. s.account.id .. "/token", status = 200, token = core.sha256(s.token):sub(1, 8), answered = true },
        list[2])
    assert.same({ n = 3, t = support.T0 + 1750, event = "request", call = "push", account = s.account.id, method = "POST",
      path = "/v2/clients/" .. s.account.id .. "/dynamic_call_records", status = 200, token = core.sha256(s.token):sub(1, 8),
        records = 2,
      batch_id = id, answered = true, keys = {
        { key = key(one), starts_at = one.starts_at, ends_at = one.ends_at, receiver = "3210" },
        { key = key(plus), starts_at = plus.starts_at, ends_at = plus.ends_at, receiver = "3210" } } }, list[3])
    assert.equal(key(one), key(plus))
    s:pass(1.999)
    assert.equal(3, #s:events())
    s:pass(60)
    assert.same({ n = 4, t = support.T0 + 3750, event = "settle", batch_id = id, results = { { key = key(one),
      status = "success" },
      { key = key(one), status = "success" } } }, s:events()[4])
  end)

  it("tells of each record how it ended, once; nothing of those that never will", function()
    s:mint()
    local list = {}
    for n = 1, 11 do list[n] = s:record{ receiver_number = ("9198765%05d"):format(9000 + n) } end
    s:call("push", { call_records = list })
    s:pass(2)
    local by, n = {}, 0
    for _, result in ipairs(s:events("settle")[1].results) do
      by[result.key] = result
      n = n + 1
    end
    assert.equal(9, n)
    assert.same({ key = key(list[4]), status = "error", message = "App version not supported" }, by[key(list[4])])
    assert.is_nil(by[key(list[7])])
    assert.is_nil(by[key(list[8])])
    for _, i in ipairs { 9, 10, 11 } do assert.equal("success", by[key(list[i])].status) end
  end)

  it("leaves out what does not apply", function()
    s:mint()
    s:call("labels")
    s:call("personalise", s:record())
    s:call("status", nil, "batchId=unknown")
    s:send("GET", "/nothing/here")
    s:send("GET", "/clients/nobody/labels", "", { authorization = false })
    local list = s:events("request")
    local labels, single, status, other, nobody = list[2], list[3], list[4], list[5], list[6]
    assert.is_nil(labels.records)
    assert.is_nil(labels.keys)
    assert.is_nil(labels.batch_id)
    assert.is_nil(labels.fault)
    assert.equal(1, single.records)
    assert.equal(1, #single.keys)
    assert.is_nil(single.batch_id)
    assert.is_nil(status.batch_id)
    assert.equal("other", other.call)
    assert.equal(404, other.status)
    assert.is_nil(other.account)
    assert.equal(401, nobody.status)
    assert.is_nil(nobody.account)
    assert.is_nil(nobody.token)
  end)

  it("holds no secret and no whole number", function()
    local a = s.account
    s:mint()
    s:push(s:record(), s:record{ receiver_number = "not a number 919876543210" })
    s:call("personalise", s:record())
    s:call("publish", { phone_numbers = { "918812345678" } })
    s:send("GET", "/v2/numbers/919876543210/" .. s.token)
    s:send("GET", "/v2/\1\"\\\255")
    s:pass(10)
    local text = s.rules.ledger:lines(0):string()
    for _, secret in ipairs { a.api_key, a.key_id, s.token, "919876543210", "911234567890", "918812345678" } do
      assert.is_nil(text:find(secret, 1, true), "the ledger holds " .. secret)
    end
  end)

  it("tells what was listed, and when it was done", function()
    s:mint()
    s:call("publish", { phone_numbers = { "918812345678", "999812349004" } })
    s:pass(5)
    local set = s.account.feature_sets[1].id
    s:call("delist", { phone_numbers = { "918812345678" } })
    s:call("publish", { phone_numbers = { "918812345678" } })
    s:pass(5)
    local list = {}
    for i, e in ipairs(s:events("numbers")) do
      assert.equal(set, e.feature_set_id)
      list[i] = ("%s %d %d"):format(e.action, e.count, (e.t - support.T0) / 1000)
    end
    assert.same({ "publish 2 0", "listed 1 5", "list-failed 1 5", "delist 1 5", "ignored 1 5", "delisted 1 10" }, list)
  end)

  it("is written to the file before the answer is given", function()
    local path = os.tmpname()
    local f = support.start{ ledger = path }
    f:mint()
    local lines = {}
    for line in io.lines(path) do lines[#lines + 1] = json.decode(line) end
    assert.equal("token", lines[2].call)
    f:close()
    f:close()
    os.remove(path)
  end)

  it("is an error when it cannot be written", function()
    local rules = require "tcb.sandbox.rules"
    local r, err = rules.new{ ledger = "/no/such/folder/ledger" }
    assert.is_nil(r)
    assert.equal("store", err.kind)
    assert.matches("/no/such/folder/ledger", err.message)
    local full = support.start{ ledger = "/dev/null" }
    full:close()
    r = rules.new{ ledger = "/dev/full" }
    assert.is_nil(r)
  end)

  it("is the same, byte for byte, for the same seed and requests", function()
    local function run()
      local c = support.start{ seed = 42, accounts = 2, faults = { "push:30%:503", "labels:10%:429" }, latency = "1-5" }
      for _ = 1, 3 do c:mint() end
      for i = 1, 20 do
        c:push(c:record{ receiver_number = ("9198765%05d"):format(8995 + i) }, c:record())
        c:call("labels")
        c:pass(0.3)
      end
      c.rules.webhooks:trigger({ event_type = "cmb", count = 3 }, c.rules.now())
      local text = c.rules.ledger:lines(0):string()
      c:close()
      return text
    end
    local first = run()
    assert.is_true(#first > 10000)
    assert.equal(first, run())
  end)

  it("can be read from any event on", function()
    s:mint()
    for _ = 1, 5 do s:call("labels") end
    local text = s:send("GET", "/_sandbox/ledger?since=4").text
    local numbers = {}
    for line in text:gmatch("[^\n]+") do numbers[#numbers + 1] = json.decode(line).n end
    assert.same({ 5, 6, 7 }, numbers)
    assert.equal("", s:send("GET", "/_sandbox/ledger?since=7").text)
    assert.equal(400, s:send("GET", "/_sandbox/ledger?since=-1").status)
  end)
end)
