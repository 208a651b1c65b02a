--- Webhooks: events made on request, and when each delivery is tried. Sending is the front's work.
-- @module tcb.sandbox.webhooks
local json = require "tcb.json"
local M = {}
local Webhooks = {}
Webhooks.__index = Webhooks

--- Waits after a failed attempt, from its end: 2 min, 6 min, 30 min, 1 h, 5 h, 1 day, 2 days (api.md, section 10).
M.RETRIES_S = { 120, 360, 1800, 3600, 18000, 86400, 172800 }

local EVENT = { "event_id", "client_account_id", "event_type", "created_at" }
local CMB = { "business_number", "feature_set", "client_number", "requested_at", "requested_date", "requested_slot",
  "preferred_from_time", "preferred_to_time", "is_interested", "alternate_number", "cmb_config_name" }
local SURVEY = { "name", "business_number", "feature_set", "client_number", "requested_at", "user_responses" }
M.SCENARIOS = { interested = true, ["sim-unreadable"] = true, ["not-interested"] = true }

function M.new(rules)
  return setmetatable({ rules = rules, url = rules.options.webhook, made = 0, ready = {}, first = 1, waiting = 0 }, Webhooks)
end

local function seconds(ms) return ("%.0f"):format(math.floor(ms / 1000)) end

local function cmb_payload(account, scenario, client_number, now)
  local tomorrow = (math.floor(now / 86400000) + 1) * 86400000
  local p = { business_number = "910000000001", feature_set = account.feature_sets[1].name, client_number = client_number,
    requested_at = seconds(now), requested_date = os.date("!%Y-%m-%d", tomorrow / 1000),
    requested_slot = os.date("!%A", tomorrow / 1000),
    preferred_from_time = seconds(tomorrow + 36000000), preferred_to_time = seconds(tomorrow + 37800000), is_interested = true,
    alternate_number = "", cmb_config_name = "Evening slots" }
  if scenario == "sim-unreadable" then
    p.client_number, p.alternate_number = "Phone number not available", client_number
  elseif scenario == "not-interested" then
    p.is_interested, p.requested_date, p.requested_slot = false, "NA", "NA"
    p.preferred_from_time, p.preferred_to_time = json.null, json.null
  end
  return json.encode(p, CMB)
end

local function survey_payload(event, account, now)
  event.name, event.question, event.response = "Delivery check", "How was it?", tostring(event.number % 5 + 1)
  return json.encode({ name = event.name, business_number = "+910000000001", feature_set = account.feature_sets[1].name,
    client_number = event.client_number, requested_at = seconds(now),
    user_responses = { { question = event.question, response = event.response } } }, SURVEY)
end

--- Makes one event; returns it with its body as sent.
local function make(self, account, kind, scenario, client_number, now)
  self.made = self.made + 1
  local event = { number = self.made, id = self.rules.ids.uuid("event " .. self.made), type = kind, at = now,
    client_number = client_number }
  local head = json.encode({ event_id = event.id, client_account_id = account.id, event_type = kind,
    created_at = seconds(now) }, EVENT)
  local name = kind == "cmb" and "cmb_payload" or "survey_payload"
  event.payload = kind == "cmb" and cmb_payload(account, scenario, client_number, now) or survey_payload(event, account, now)
  event.body = ('%s,"%s":%s}'):format(head:sub(1, -2), name, event.payload)
  account.events[#account.events + 1] = event
  return event
end

local function whole(value, default, low, high)
  if value == nil then return default end
  local n = tonumber(value)
  return n and n == math.floor(n) and n >= low and n <= high and n or nil
end

--- Makes events and has them delivered: { event_type, scenario, count, duplicates, shuffle, clients, client_number, account,
-- url }: `count` events at once, from `clients` different numbers (default: each its own); each delivered 1 to `duplicates` times, drawn
-- from the seed; `shuffle`: in an order drawn from the seed. Returns the list of event ids | nil, why.
function Webhooks:trigger(o, now)
  local kind, scenario = o.event_type or o.type or o.event, o.scenario or "interested"
  if kind ~= "cmb" and kind ~= "user_feedback" then return nil, "event_type: cmb or user_feedback is expected" end
  if not M.SCENARIOS[scenario] then return nil, "scenario: interested, sim-unreadable or not-interested is expected" end
  local count, most = whole(o.count, 1, 1, 1000000), whole(o.duplicates, 1, 1, 100)
  local clients = whole(o.clients, count, 1, 1000000)
  if not count or not most or not clients then
    return nil, "count, clients and duplicates: whole numbers from 1 on are expected"
  end
  local account = self.rules:find_account(o.account)
  if not account then return nil, "account: not one of this sandbox" end
  local url, list, ids, draw = o.url or self.url, {}, {}, self.rules.ids.draw
  for i = 1, count do
    local number = o.client_number or ("91900%07d"):format((i - 1) % clients + 1)
    local event = make(self, account, kind, scenario, number, now)
    ids[i] = event.id
    local times = most == 1 and 1 or 1 + math.floor(draw("times " .. event.number) * most)
    for _ = 1, url and times or 0 do list[#list + 1] = { event_id = event.id, body = event.body, url = url, attempt = 1 } end
  end
  if o.shuffle then
    for i = #list, 2, -1 do
      local k = 1 + math.floor(draw(("shuffle %d %d"):format(self.made, i)) * i)
      list[i], list[k] = list[k], list[i]
    end
  end
  for _, delivery in ipairs(list) do self.ready[#self.ready + 1] = delivery end
  return ids, #list
end

--- The next delivery that is due: { event_id, body, url, attempt } | nil.
function Webhooks:take()
  local delivery = self.ready[self.first]
  if not delivery then
    if self.first > 1 then self.ready, self.first = {}, 1 end
    return nil
  end
  self.ready[self.first] = false
  self.first = self.first + 1
  return delivery
end

function Webhooks:pending() return #self.ready - self.first + 1 + self.waiting end

--- An attempt has ended at `now`. Delivered is only what was answered 200 with a JSON body.
---@param status integer? nil: no answer
function Webhooks:ended(delivery, status, is_delivered, now)
  self.rules:run()                                           -- so that the ledger stays in order
  self.rules.ledger:write("webhook", now, { event_id = delivery.event_id, attempt = delivery.attempt, status = status })
  local wait_s = not is_delivered and M.RETRIES_S[delivery.attempt]
  if not wait_s then return end
  self.waiting = self.waiting + 1
  self.rules.timeline.add(now + wait_s * 1000, function()
    self.waiting = self.waiting - 1
    delivery.attempt = delivery.attempt + 1
    self.ready[#self.ready + 1] = delivery
  end)
end

return M
