--- Webhook events as objects. The event as it came is `raw` (decoded) and `body` (its bytes); beside it stand normalised fields:
-- instants in ms, numbers as digits, the number to call whichever field held it, answers as a map. Types and fields that are
-- not documented stay in `raw`, untouched.
-- @module tcb.event
local core = require "tcb.core"
local json = require "tcb.json"
local M = {}

---@class tcb.WebhookEvent
---@field id string event_id
---@field type string event_type: "cmb", "user_feedback", or whatever came; "" when it has none
---@field account string? client_account_id
---@field created_at integer? ms
---@field received_at integer? ms; nil when it did not come through an inbox
---@field attempt integer? 1 for the first run of a handler
---@field number string? digits of the number to call; nil when no field holds one
---@field number_field string? the field that held it: "client_number" or "alternate_number"
---@field business_number string? digits of the number that was called from
---@field feature_set string?
---@field requested_at integer? ms
---@field scenario string? cmb: "interested", "sim-unreadable" or "not-interested"
---@field interested boolean? cmb
---@field slot { date: string?, day: string?, from_at: integer?, to_at: integer? }? cmb: nil without a slot picker, or when not interested
---@field config string? cmb: cmb_config_name
---@field survey string? user_feedback: its name
---@field answers table<string, string>? user_feedback: question -> response
---@field responses { question: string, response: any }[]? user_feedback: in their order
---@field raw table the event as it came; nulls are tcb.json.null
---@field body string its bytes
local Event = {}
Event.__index = Event
Event.__name = "tcb.event"

local function text(value)
  if type(value) == "number" then return ("%.14g"):format(value) end
  if type(value) == "string" and value ~= "" and value ~= "NA" then return value end
end

--- Epoch seconds as text or number -> ms; a value too large for seconds is ms already.
local function instant(value)
  local digits = text(value)
  local n = digits and digits:match "^%d+$" and #digits <= 14 and tonumber(digits)
  if not n then return nil end
  if n < 100000000000 then n = n * 1000 end
  return math.tointeger and math.tointeger(n) or n
end

local function digits(value)
  local t = text(value)
  return t and (core.phone.parse(t)) or nil
end

--- JSON allows half of a surrogate pair, which is no character and which decoders refuse: it becomes U+FFFD.
local function mend(body)
  local out, at = {}, 1
  while true do
    local s = body:find("\\", at, true)
    if not s then break end
    local unit = tonumber(body:match("^u(%x%x%x%x)", s + 1) or "", 16)
    local stop = unit and s + 5 or s + 1
    local is_pair = unit and unit >= 0xD800 and unit < 0xDC00 and body:find("^\\u[dD][c-fC-F]%x%x", s + 6)
    if is_pair then stop = s + 11 end
    local is_half = unit and unit >= 0xD800 and unit < 0xE000 and not is_pair
    out[#out + 1] = is_half and body:sub(at, s - 1) .. "\\ufffd" or body:sub(at, stop)
    at = stop + 1
  end
  return table.concat(out) .. body:sub(at)
end

local function payload_of(raw)
  local known = raw.event_type == "cmb" and raw.cmb_payload or raw.event_type == "user_feedback" and raw.survey_payload
  if type(known) == "table" then return known end
  for _, name in ipairs { "cmb_payload", "survey_payload", "payload", "data" } do
    if type(raw[name]) == "table" then return raw[name] end
  end
  return raw
end

local function add_callback(event, p)
  if type(p.is_interested) == "boolean" then event.interested = p.is_interested end
  event.config = text(p.cmb_config_name)
  if event.interested == false then
    event.scenario = "not-interested"
    return
  end
  event.scenario = digits(p.client_number) and "interested" or "sim-unreadable"
  local slot = { date = text(p.requested_date), day = text(p.requested_slot), from_at = instant(p.preferred_from_time),
    to_at = instant(p.preferred_to_time) }
  if next(slot) then event.slot = slot end
end

local function add_answers(event, p)
  event.survey = text(p.name)
  if type(p.user_responses) ~= "table" then return end
  event.answers, event.responses = {}, {}
  for _, r in ipairs(p.user_responses) do
    if type(r) == "table" and text(r.question) then
      event.responses[#event.responses + 1] = { question = text(r.question), response = r.response ~= json.null and r.response or nil }
      event.answers[text(r.question)] = text(r.response) or (type(r.response) == "boolean" and tostring(r.response)) or nil
    end
  end
end

--- Makes an event object out of its bytes. Does not block.
---@param body string JSON
---@param known? table what the inbox knows: received_at, attempt, seq
---@return tcb.WebhookEvent? event nil with an error of kind input when it is no JSON object with an event_id
---@return tcb.Error? err
function M.new(body, known)
  local id, kind, number = core.event_head(body)
  if not id then return nil, kind end
  local raw, err = json.decode(body, { nulls = true })
  if not raw then raw, err = json.decode(mend(body), { nulls = true }) end
  if not raw then return nil, err end
  local p = payload_of(raw)
  local event = setmetatable({
    id = id, type = kind, account = text(raw.client_account_id), created_at = instant(raw.created_at),
    received_at = nil, attempt = nil, seq = nil,
    number = number ~= "" and number or nil, number_field = nil,
    business_number = digits(p.business_number), feature_set = text(p.feature_set), requested_at = instant(p.requested_at),
    scenario = nil, interested = nil, slot = nil, config = nil, survey = nil, answers = nil, responses = nil,
    raw = raw, body = body,
  }, Event)
  for _, field in ipairs { "client_number", "alternate_number" } do
    if number ~= "" and not event.number_field and digits(p[field]) == number then event.number_field = field end
  end
  for k, v in pairs(known or {}) do event[k] = v end
  if type(raw.cmb_payload) == "table" then add_callback(event, raw.cmb_payload) end
  if type(raw.survey_payload) == "table" then add_answers(event, raw.survey_payload) end
  return event
end

--- One line, without whole numbers.
function Event:__tostring()
  local about = self.number and core.log.mask(self.number) or "no number"
  return ("tcb.event %s %s (%s)"):format(self.type ~= "" and self.type or "of no type", self.id, about)
end

return M
