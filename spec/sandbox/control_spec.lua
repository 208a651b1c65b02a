local core = require "tcb.core"
local json = require "tcb.json"
local support = require "sandbox.support"
local webhooks = require "tcb.sandbox.webhooks"

describe("sandbox control", function()
  local s
  before_each(function()
    s = support.start{ webhook = "http://127.0.0.1:9/hook" }
    s:mint()
  end)
  after_each(function() s:close() end)

  local function post(name, body) return s:send("POST", "/_sandbox/" .. name, body, { authorization = false }) end

  it("takes a fault as JSON or as text", function()
    for _, body in ipairs { "labels:1:503", '"labels:1:503"', '{"spec":"labels:1:503"}', '{"fault":"labels:1:503"}',
      '{"faults":["labels:1:503"]}',
      '["labels:1:503"]', '{"call":"labels","which":"1","what":"503"}' } do
      assert.equal(200, post("fault", body).status)
      assert.equal(503, s:call("labels").status)
      assert.equal(200, s:call("labels").status)
    end
    assert.equal(400, post("fault", "labels:1:299").status)
    assert.equal(400, post("fault", "").status)
    assert.equal(200, s:send("POST", "/_sandbox/fault?spec=labels:1:503").status)
    assert.equal(503, s:call("labels").status)
    post("fault", "labels:1-9:503")
    post("fault", '{"clear":true}')
    assert.equal(200, s:call("labels").status)
  end)

  it("revokes all tokens, or one", function()
    local first = s.token
    s:mint()
    assert.equal(1, post("revoke", { token = core.sha256(first):sub(1, 8) }).json.revoked)
    assert.equal(200, s:call("labels").status)
    s.token = first
    assert.equal(401, s:call("labels").status)
    assert.equal(1, post("revoke").json.revoked)
    assert.equal(0, post("revoke").json.revoked)
  end)

  it("advances the clock, and does what comes due at its own time", function()
    local id = s:push(s:record()).json.batch_id
    assert.equal(support.T0 + 3600000, post("advance", "3600").json.now)
    local list = s:events()
    assert.equal("control", list[#list - 1].event)
    assert.equal("advance 3600", list[#list - 1].what)
    assert.equal("settle", list[#list].event)
    assert.equal(id, list[#list].batch_id)
    assert.equal(support.T0 + 2000, list[#list].t)
    for _, body in ipairs { '{"seconds":1}', '{"s":1}', "1", "1.0" } do assert.equal(200, post("advance", body).status) end
    assert.equal(support.T0 + 3604000, core.clock.now())
    for _, body in ipairs { "-1", "x", "", "{}" } do assert.equal(400, post("advance", body).status) end
  end)

  it("tells the state", function()
    s:push(s:record())
    local state = s:send("GET", "/_sandbox/state", "", { authorization = false }).json
    assert.equal(support.T0, state.now)
    assert.equal("7", state.seed)
    assert.equal(1, state.accounts[1].tokens)
    assert.equal(1, state.accounts[1].mints_used)
    assert.equal(1, state.accounts[1].batches)
    assert.equal(240, state.accounts[1].numbers)
  end)

  it("counts nowhere and answers wrong uses", function()
    local n = #s:events("request")
    s:send("GET", "/_sandbox/state")
    post("advance", "0")
    assert.equal(n, #s:events("request"))
    assert.equal(404, post("nothing").status)
    assert.equal(405, s:send("GET", "/_sandbox/fault").status)
    assert.equal(405, post("state").status)
  end)
end)

describe("sandbox webhooks", function()
  local s
  before_each(function() s = support.start{ webhook = "http://127.0.0.1:9/hook?key=secret" } end)
  after_each(function() s:close() end)

  local function trigger(o) return s.rules.webhooks:trigger(o, s.rules.now()) end
  local function all()
    local list, d = {}, s.rules.webhooks:take()
    while d do
      list[#list + 1] = d
      d = s.rules.webhooks:take()
    end
    return list
  end

  it("are retried 2 min, 6 min, 30 min, 1 h, 5 h, 1 day and 2 days after the end of the attempt before", function()
    trigger{ event_type = "cmb" }
    local ends = {}
    for attempt = 1, 8 do
      local list = all()
      assert.equal(1, #list)
      assert.equal(attempt, list[1].attempt)
      s:pass(2)                                              -- the attempt itself takes 2 s
      ends[attempt] = s.rules.now()
      s.rules.webhooks:ended(list[1], attempt % 2 == 0 and 500 or nil, false, s.rules.now())
      local wait = webhooks.RETRIES_S[attempt]
      if wait then
        s:pass(wait - 0.001)
        assert.equal(0, #all())
        s:pass(0.001)
      end
    end
    s:pass(1e6)
    assert.equal(0, #all())
    assert.equal((78 * 60 + 38) * 60000 + 7 * 2000, ends[8] - ends[1])
    local lines = s:events("webhook")
    assert.equal(8, #lines)
    assert.is_nil(lines[1].status)
    assert.equal(500, lines[2].status)
    assert.equal(8, lines[8].attempt)
    assert.equal(ends[3], lines[3].t)
  end)

  it("are not retried once they were delivered", function()
    trigger{ event_type = "user_feedback" }
    s.rules.webhooks:ended(all()[1], 200, true, s.rules.now())
    s:pass(1e6)
    assert.equal(0, #all())
    assert.equal(0, s.rules.webhooks:pending())
  end)

  it("have the documented shapes", function()
    trigger{ event_type = "cmb", scenario = "interested" }
    trigger{ event_type = "cmb", scenario = "sim-unreadable" }
    trigger{ event_type = "cmb", scenario = "not-interested" }
    trigger{ event_type = "user_feedback" }
    local list = all()
    local yes, sim, no, feedback = json.decode(list[1].body), json.decode(list[2].body), json.decode(list[3].body,
      { nulls = true }),
      json.decode(list[4].body)
    assert.equal(list[1].event_id, yes.event_id)
    assert.equal(s.account.id, yes.client_account_id)
    assert.equal("cmb", yes.event_type)
    assert.equal("1893456000", yes.created_at)
    local p = yes.cmb_payload
    assert.equal("910000000001", p.business_number)
    assert.matches("^919%d+$", p.client_number)
    assert.equal("2030-01-02", p.requested_date)
    assert.equal("Wednesday", p.requested_slot)
    assert.equal(1800, tonumber(p.preferred_to_time) - tonumber(p.preferred_from_time))
    assert.is_true(p.is_interested)
    assert.equal("", p.alternate_number)
    assert.equal("Phone number not available", sim.cmb_payload.client_number)
    assert.matches("^919%d+$", sim.cmb_payload.alternate_number)
    assert.is_false(no.cmb_payload.is_interested)
    assert.equal("NA", no.cmb_payload.requested_date)
    assert.equal("NA", no.cmb_payload.requested_slot)
    assert.equal(json.null, no.cmb_payload.preferred_from_time)
    assert.equal(json.null, no.cmb_payload.preferred_to_time)
    assert.equal("user_feedback", feedback.event_type)
    assert.equal("+910000000001", feedback.survey_payload.business_number)
    assert.same({ { question = "How was it?", response = "5" } }, feedback.survey_payload.user_responses)
    assert.matches('^{"event_id":".-","client_account_id":".-","event_type":"cmb","created_at":"%d+","cmb_payload":{"business_number":', list[1].body)
  end)

  it("come in bursts, more than once, in any order, from a number of clients", function()
    local ids, deliveries = trigger{ event_type = "cmb", count = 200, duplicates = 4, shuffle = true, clients = 10 }
    assert.equal(200, #ids)
    local list = all()
    assert.equal(deliveries, #list)
    local times, clients, in_order = {}, {}, true
    for i, d in ipairs(list) do
      times[d.event_id] = (times[d.event_id] or 0) + 1
      clients[json.decode(d.body).cmb_payload.client_number] = true
      if ids[i] ~= d.event_id then in_order = false end
    end
    assert.is_false(in_order)
    local counts, n = {}, 0
    for _, id in ipairs(ids) do counts[times[id]] = true end
    for _ in pairs(clients) do n = n + 1 end
    assert.same({ true, true, true, true }, counts)
    assert.equal(10, n)
  end)

  it("refuse what they cannot make", function()
    for _, o in ipairs { {}, { event_type = "x" }, { event_type = "cmb", scenario = "x" }, { event_type = "cmb", count = 0 },
      { event_type = "cmb", duplicates = 1.5 }, { event_type = "cmb", account = "x" } } do
      local ids, why = trigger(o)
      assert.is_nil(ids)
      assert.matches("expected", why == "account: not one of this sandbox" and "expected" or why)
    end
  end)

  it("feed the deprecated logs", function()
    trigger{ event_type = "cmb" }
    trigger{ event_type = "user_feedback", client_number = "919000000077" }
    s:mint()
    local rows = s:call("cmb_log", nil, "from=1893455999000&to=1893456001000").json
    assert.equal(1, #rows)
    assert.equal("910000000001", rows[1].business_number)
    local path = s:call("feedback_log", nil, "from_date=1893455999").json.url:match("^http://[^/]+(/.*)$")
    s.token = nil
    assert.matches("919000000077,How was it%?,", s:send("GET", path).text)
    assert.is_nil(s:send("GET", (path:gsub("1893455999", "1893456001"))).text:find("919000000077", 1, true))
  end)
end)
