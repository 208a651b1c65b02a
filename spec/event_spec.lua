local core = require "tcb.core"
local event = require "tcb.event"
local events = require "support.events"
local json = require "tcb.json"

describe("event.new", function()
  it("reads an interested customer with a slot", function()
    local body = events.cmb "e-1"
    local e = assert(event.new(body))
    assert.equal("e-1", e.id)
    assert.equal("cmb", e.type)
    assert.equal("acct-1", e.account)
    assert.equal(1753945760000, e.created_at)
    assert.equal("1753945760000", tostring(e.created_at))
    assert.equal("interested", e.scenario)
    assert.is_true(e.interested)
    assert.equal("919000000001", e.number)
    assert.equal("client_number", e.number_field)
    assert.equal("910000000001", e.business_number)
    assert.equal("Deliveries", e.feature_set)
    assert.equal("Evening slots", e.config)
    assert.same({ date = "2026-08-02", day = "Saturday", from_at = 1754116200000, to_at = 1754118000000 }, e.slot)
    assert.equal("1753945760", e.raw.created_at)
    assert.equal("", e.raw.cmb_payload.alternate_number)
    assert.equal(body, e.body)
    assert.is_nil(tostring(e):find("919000000001", 1, true))
  end)

  it("finds the number to call when the SIM was not readable", function()
    local e = assert(event.new(events.cmb("e-2", events.UNREADABLE)))
    assert.equal("sim-unreadable", e.scenario)
    assert.is_true(e.interested)
    assert.equal("919000000002", e.number)
    assert.equal("alternate_number", e.number_field)
    assert.equal("Phone number not available", e.raw.cmb_payload.client_number)
  end)

  it("reads a customer who is not interested", function()
    local e = assert(event.new(events.cmb("e-3", events.NOT_INTERESTED)))
    assert.equal("not-interested", e.scenario)
    assert.is_false(e.interested)
    assert.is_nil(e.slot)
    assert.equal("919000000001", e.number)
    assert.equal("NA", e.raw.cmb_payload.requested_date)
    assert.equal(json.null, e.raw.cmb_payload.preferred_from_time)
  end)

  it("does without the slot picker", function()
    local e = assert(event.new(events.cmb("e-4", { requested_date = false, requested_slot = false, preferred_from_time = false,
      preferred_to_time = false, feature_set = false })))
    assert.equal("interested", e.scenario)
    assert.is_nil(e.slot)
    assert.is_nil(e.feature_set)
  end)

  it("reads user feedback: answers as a map and in their order", function()
    local e = assert(event.new(events.feedback "f-1"))
    assert.equal("user_feedback", e.type)
    assert.equal("Delivery check", e.survey)
    assert.same({ ["How was it?"] = "5", ["Why?"] = "शु" }, e.answers)
    assert.same({ { question = "How was it?", response = "5" }, { question = "Why?", response = "शु" } }, e.responses)
    assert.equal("919000000003", e.number)
    assert.equal("910000000001", e.business_number)
    assert.equal(1753946877000, e.requested_at)
    assert.is_nil(e.interested)
  end)

  it("keeps unknown types and payloads as they are", function()
    local e = assert(event.new '{"event_id":7,"event_type":"video_seen","payload":{"client_number":"919000000009","x":[1,null]},"new":{"a":1}}')
    assert.equal("7", e.id)
    assert.equal("video_seen", e.type)
    assert.equal("919000000009", e.number)
    assert.equal(json.null, e.raw.payload.x[2])
    assert.same({ a = 1 }, e.raw.new)
    e = assert(event.new '{"event_id":"old","data":"whatever"}')
    assert.equal("", e.type)
    assert.is_nil(e.number)
    e = assert(event.new '{"event_id":"odd","event_type":"cmb","cmb_payload":[]}')
    assert.equal("cmb", e.type)
    e = assert(event.new '{"event_id":"odd","event_type":"user_feedback","survey_payload":{"user_responses":[1,{"question":"q","response":null},{}]}}')
    assert.same({ { question = "q" } }, e.responses)
    assert.same({}, e.answers)
  end)

  it("reads whatever the receiver has taken: what was acknowledged is never undeliverable", function()
    local half = assert(event.new '{"event_id":"x","a":"\\ud83d \\udE00 \\ud83d\\ude00 \\\\ud83d \\u0041"}')
    assert.equal("\239\191\189 \239\191\189 \240\159\152\128 \\ud83d A", half.raw.a)
    local seeds = { events.cmb "e-1", events.feedback "e-2", events.cmb("e-3", events.NOT_INTERESTED),
      '{"event_id":"d","a":' .. ("["):rep(62) .. ("]"):rep(62) .. ',"n":[1e3,-0.5,1e999,123456789012345678901234567890]}' }
    local bits = { '"', "\\", "{", "}", "[", "]", ",", ":", "\\ud800", "\\u0000", "\0", "\255", "1e9999", "null", "9", "\n", "é" }
    math.randomseed(7)
    local taken = 0
    for _ = 1, 6000 do
      local text = seeds[math.random(#seeds)]
      for _ = 1, math.random(3) do
        local at, cut = math.random(#text), math.random(0, 3)
        text = text:sub(1, at) .. (math.random() < 0.7 and bits[math.random(#bits)] or "") .. text:sub(at + 1 + cut)
      end
      if core.event_head(text) then
        taken = taken + 1
        local e, err = event.new(text)
        assert.is_truthy(e, tostring(err) .. "\n" .. text)
      end
    end
    assert.is_true(taken > 300, taken)
  end)

  it("refuses what is no event", function()
    for _, bad in ipairs { "", "nonsense", "[]", '"x"', "{}", '{"event_id":""}', '{"event_id":null}', '{"event_id":{}}', '{"event_id":"x"', '{"event_id":"x"}x',
      '{"event_id":"\255\254"}', '{"event_id":"' .. ("x"):rep(300) .. '"}', '{"event_id":"x","a":' .. ("["):rep(100) .. ("]"):rep(100) .. "}" } do
      local e, err = event.new(bad)
      assert.is_nil(e)
      assert.equal("input", err.kind)
    end
    assert.truthy(core.event_head('{"event_id":"x","a":' .. ("["):rep(60) .. ("]"):rep(60) .. "}"))
  end)
end)
