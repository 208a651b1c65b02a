--- tcb's part of haproxy.cfg: services `personalise` and `health`, and the action `personalise_call`.
-- Calls wait by HAProxy's own clock, so that nothing here holds up another request.
local handler = require "tcb.handler"
local json = require "tcb.json"
local tcb = require "tcb"

local MAX_BYTES = 16384
local HOUR_MS = 3600 * 1000

local client, wrong = tcb.client{ deadline_s = 5 }       -- nobody waits longer at a telephone
if not client then error(tostring(wrong), 0) end        -- HAProxy does not start then, and shows errors that are texts
local label_id

--- The label that calls carry which name none: the account's first dynamic one. Makes the account's token too.
local function first_label()
  if not label_id then
    local label, err = client:labels():find(function(l) return l.label_type == "dynamic" end)
    if not label then return nil, err end
    label_id = label.id
  end
  return label_id
end

core.register_task(function()                          -- before the first request needs it; failing that, the first request asks
  local label, err = first_label()
  if not label then core.Warning("tcb: no label yet: " .. tostring(err)) end
end)

--- Personalises; a record may lack its label and its window, which is then the coming hour.
local function personalise(request)
  local label, err = first_label()
  if not label then return handler.refusal(err) end
  local now = tcb.now()
  return handler.personalise(client, request,
    { max_bytes = MAX_BYTES, defaults = { label_id = label, starts_at = now, ends_at = now + HOUR_MS } })
end

local function send(applet, reply)
  applet:set_status(reply.status)
  for name, value in pairs(reply.headers) do applet:add_header(name, value) end
  applet:start_response()
  applet:send(reply.body)
end

--- The body; false when it is larger than we take. HAProxy counts the head, at most a buffer of 16 KB, as a part of what it receives.
local function body_of(applet)
  local body = applet:receive(MAX_BYTES + 16384 + 1) or ""
  return #body <= MAX_BYTES and body
end

core.register_service("personalise", "http", function(applet)
  send(applet, personalise{ method = applet.method, body = body_of(applet) })
end)

core.register_service("health", "http", function(applet)
  send(applet, handler.health(client))
end)

--- Names the caller of an order such as {"from": "...", "to": "...", "reason": "..."}; what came of it stands in txn.caller_shown.
core.register_action("personalise_call", { "http-req" }, function(txn)
  local order = json.decode(txn.f:req_body() or "")
  if type(order) ~= "table" then order = {} end
  local record = { caller_number = order.from, receiver_number = order.to, dynamic_call_reason = order.reason }
  txn:set_var("txn.caller_shown", personalise{ method = "POST", body = record }.outcome)
end)
