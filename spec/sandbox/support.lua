--- For the sandbox's specs: rules on a virtual clock, and a caller that knows the paths.
local core = require "tcb.core"
local json = require "tcb.json"
local rules = require "tcb.sandbox.rules"
local M = { T0 = 1893456000000 }

local Caller = {}
Caller.__index = Caller

--- Rules on a virtual clock that starts at T0. Close with `caller:close()`.
function M.start(options)
  core.clock.virtual(M.T0)
  local o = { seed = 7 }
  for k, v in pairs(options or {}) do o[k] = v end
  local r = assert(rules.new(o))
  return setmetatable({ rules = r, account = r.accounts[1] }, Caller)
end

function Caller:close()
  self.rules:close()
  core.clock.virtual(false)
end

--- One request; returns the answer with its body decoded as `json`, where it is JSON, and as `text`.
function Caller:send(method, path, body, headers)
  local target, query = path:match("^([^?]*)%??(.*)$")
  local head = { ["content-type"] = "application/json", authorization = self.token and "Bearer " .. self.token }
  for k, v in pairs(headers or {}) do head[k] = v or nil end
  if type(body) == "table" then body = json.encode(body) end
  local answer = self.rules:handle{ method = method, path = target, query = query, headers = head, body = body or "" }
  answer.text = type(answer.body) == "userdata" and answer.body:string() or answer.body
  answer.json = answer.text and json.decode(answer.text)
  return answer
end

function Caller:mint(account)
  local a = account or self.account
  local answer = self:send("POST", "/clients/" .. a.id .. "/token", { key_id = a.key_id, api_key = a.api_key },
    { ["x-public-access"] = "allow", authorization = false })
  if answer.json and answer.json.token then self.token = answer.json.token end
  return answer
end

--- A call by its name, on the caller's account.
function Caller:call(name, body, query)
  local id, set = self.account.id, self.account.feature_sets[1].id
  local paths = {
    labels = "GET /clients/%s/labels", personalise = "POST /v2/clients/%s/dynamic_call_record",
    push = "POST /v2/clients/%s/dynamic_call_records", status = "GET /v3/clients/%s/dynamic_call_records",
    feature_sets = "GET /clients/%s/number_management/feature_sets", numbers = "GET /clients/%s/number_management/numbers",
    publish = "POST /clients/%s/number_management/feature_sets/" .. set .. "/numbers/publish",
    delist = "POST /clients/%s/number_management/feature_sets/" .. set .. "/numbers/delist",
    v1_personalise = "POST /clients/%s/dynamic_call_record", v1_push = "POST /clients/%s/dynamic_call_records",
    v1_status = "GET /clients/%s/dynamic_call_records", feedback_log = "GET /clients/%s/openapi/feedback_stack/s1/export_report",
    cmb_log = "GET /clients/%s/openapi/callback-logs/summary",
  }
  local method, path = paths[name]:match("^(%u+) (.*)$")
  return self:send(method, path:format(id) .. (query and "?" .. query or ""), body)
end

--- A record that keeps every rule; `fields` replace or (false) remove some.
function Caller:record(fields)
  local now = core.clock.now()
  local r = { caller_number = "911234567890", receiver_number = "919876543210", label_id = self.account.labels[1].id,
    dynamic_label_name = "Acme Deliveries", dynamic_call_reason = "Your parcel arrives today", starts_at = now + 3600000,
      ends_at = now + 7200000 }
  for k, v in pairs(fields or {}) do
    if v == false then r[k] = nil else r[k] = v end
  end
  return r
end

--- Pushes records; returns the answer.
function Caller:push(...)
  return self:call("push", { call_records = { ... } })
end

--- The ledger's events, decoded; of one kind when given.
function Caller:events(kind)
  local list = {}
  for line in assert(self.rules.ledger:lines(0)):string():gmatch("[^\n]+") do
    local event = assert(json.decode(line))
    if not kind or event.event == kind then list[#list + 1] = event end
  end
  return list
end

--- Moves the virtual clock.
function Caller:pass(seconds)
  core.clock.advance(math.floor(seconds * 1e6 + 0.5))
  self.rules:run()
end

return M
