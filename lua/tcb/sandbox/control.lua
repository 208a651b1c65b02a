--- `/_sandbox/...`: how a test steers the sandbox. No token, counted nowhere; what changes something leaves a `control` event.
-- Bodies are JSON or plain text: `push:3:503`, `{"spec": "push:3:503"}`, `3600`, `{"seconds": 3600}`.
-- @module tcb.sandbox.control
local answers = require "tcb.sandbox.answers"
local core = require "tcb.core"
local json = require "tcb.json"
local v1 = require "tcb.sandbox.v1"
local M = {}

--- The body as a value: decoded JSON, else its text; nil when empty. The query's fields stand in where the body has none.
local function value_of(req, query)
  local body = type(req.body) == "string" and req.body or req.body and req.body:string() or ""
  body = body:match("^%s*(.-)%s*$")
  if body == "" then return next(query) and query or nil end
  local value = json.decode(body)
  if value == nil then return body end
  return value
end

local function specs_of(value)
  if type(value) == "string" then return { value } end
  if type(value) ~= "table" then return nil end
  if value.call and value.which and value.what then return { ("%s:%s:%s"):format(value.call, value.which, value.what) } end
  local one = value.spec or value.fault or value.specs or value.faults
  if one then return type(one) == "table" and one or { one } end
  return value[1] and value
end

local function note(rules, what, ...)
  rules.ledger:write("control", rules.now(), { what = what:format(...) })
end

local function ok(fields)
  local out = { ok = true }
  for k, v in pairs(fields or {}) do out[k] = v end
  return answers.json(200, out, { "ok" })
end

function M.fault(rules, value)
  if type(value) == "table" and value.clear then
    rules.faults:clear()
    note(rules, "fault clear")
    return ok()
  end
  local specs = specs_of(value)
  if not specs then return answers.invalid('a fault is expected, as in {"spec": "push:3:503"}') end
  for _, spec in ipairs(specs) do
    local added, why = rules.faults:add(spec)
    if not added then return answers.invalid(why) end
    note(rules, "fault %s", spec)
  end
  return ok()
end

--- All live tokens; or those of one account; or one, named whole or by the first 8 hex digits of its SHA-256.
function M.revoke(rules, value)
  local which = type(value) == "string" and { token = value } or value or {}
  local n = rules.tokens:revoke(which.token, which.account, rules.now())
  note(rules, "revoke %d", n)
  return ok{ revoked = n }
end

function M.advance(rules, value)
  local s = value
  if type(value) == "table" then s = value.seconds or value.s or value.advance or value[1] end
  s = tonumber(s)
  if not s or s < 0 or s > 1e9 then return answers.invalid('seconds are expected, as in {"seconds": 3600}') end
  note(rules, "advance %g", s)
  core.clock.advance(math.floor(s * 1e6 + 0.5))
  rules:run()
  return ok{ now = rules.now() }
end

function M.trigger(rules, value)
  if type(value) == "string" then
    local kind, scenario = value:match("^(%S+)%s*(%S*)$")
    value = { event_type = kind, scenario = scenario ~= "" and scenario or nil }
  end
  if type(value) ~= "table" then
    return answers.invalid('an event is expected, as in {"event_type": "cmb", "scenario": "interested"}')
  end
  local ids, deliveries = rules.webhooks:trigger(value, rules.now())
  if not ids then return answers.invalid(deliveries) end
  local kind = value.event_type or value.type or value.event
  note(rules, "trigger %s%s %d", kind, kind == "cmb" and " " .. (value.scenario or "interested") or "", #ids)
  return ok{ event_ids = json.array(ids), deliveries = deliveries }
end

function M.state(rules)
  local now, list = rules.now(), {}
  for i, account in ipairs(rules.accounts) do
    list[i] = { account = account.id, labels = #account.labels, feature_sets = #account.feature_sets, numbers = #account.numbers,
      tokens = rules.tokens:live(account, now), minted = account.minted, mints_used = rules.tokens:mints_used(account, now),
      batches = account.batches, events = #account.events }
  end
  local faults = {}
  for i, fault in ipairs(rules.faults.list) do faults[i] = fault.spec end
  return answers.json(200, { now = now, seed = rules.seed, events = rules.ledger.n, accounts = list, faults = json.array(faults),
    webhooks_pending = rules.webhooks:pending(), next_due = rules.timeline.next_due() }, { "now", "seed", "events" })
end

function M.ledger(rules, value)
  local since = type(value) == "table" and tonumber(value.since) or 0
  if since < 0 or since ~= math.floor(since) then return answers.invalid("since: a whole number is expected") end
  local lines, err = rules.ledger:lines(since)
  if not lines then return answers.server_error(err.message) end
  return answers.raw(200, lines, { ["Content-Type"] = "application/x-ndjson" })
end

local METHODS = { fault = "POST", revoke = "POST", advance = "POST", trigger = "POST", state = "GET", ledger = "GET" }

--- Answers a request whose path begins with /_sandbox/.
function M.handle(rules, req, query)
  local account, from = req.path:match("^/_sandbox/log/([^/]+)/(%d+)%.csv$")
  if account and req.method == "GET" then
    if req.headers.authorization then return answers.invalid("a download never carries the token") end
    local owner = rules.by_id[account]
    return owner and v1.feedback_file(owner, tonumber(from)) or answers.not_found()
  end
  local name = req.path:match("^/_sandbox/(%l+)$")
  if not name or not METHODS[name] then return answers.not_found() end
  if METHODS[name] ~= req.method then return answers.raw(405, "", { Allow = METHODS[name] }) end
  return M[name](rules, value_of(req, query))
end

return M
