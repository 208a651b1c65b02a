--- Real-time personalisation as an HTTP handler, whatever the host: a record as JSON comes in, a status and JSON go out. The host's
-- own lines read the request and write the reply: see tcb.nginx and examples/haproxy.
-- @module tcb.handler
local core = require "tcb.core"
local errors = require "tcb.errors"
local json = require "tcb.json"
local options = require "tcb.options"

local M = {}

---@class tcb.Reply
---@field status integer HTTP status
---@field headers table<string, string> names in lower case: content-type, content-length, and where they apply retry-after and allow
---@field body string JSON
---@field outcome string "success", "ok", "down", or the kind of the error: what a counter wants

--- HTTP status of our answer for each kind of error.
local STATUS = { input = 400, rate = 429, timeout = 504, in_doubt = 504, net = 502, server = 502, proto = 502, auth = 502,
  forbidden = 502, not_found = 502, config = 500, store = 500, memory = 503, cancelled = 503 }

local MAX_BYTES = 65536

local function reply(status, outcome, value, headers)
  local body = json.encode(value)
  headers = headers or {}
  headers["content-type"], headers["content-length"] = "application/json", ("%d"):format(#body)
  return { status = status, headers = headers, body = body, outcome = outcome }
end

--- The reply for an error object: `{"error": {"kind", "message", "field"?, "retry_after_s"?}}`; 400 for a record that breaks a rule,
--- 429 with Retry-After at the account's limits, 502 and 504 for the service's and the network's failures.
---@param err tcb.Error
---@param status? integer another than the one that goes with the error's kind
---@return tcb.Reply
function M.refusal(err, status)
  local seconds = err.retry_after_s
  return reply(status or STATUS[err.kind] or 500, err.kind, { error = { kind = err.kind, message = core.log.redact(tostring(err)),
    field = err.field, retry_after_s = seconds } }, { ["retry-after"] = seconds and ("%d"):format(math.max(1, math.ceil(seconds))) })
end

local function invalid(message, field)
  return errors.new{ kind = "input", message = message, field = field }
end

--- The record in a request's body | nil, the reply that refuses it.
local function read(text, max_bytes)
  if type(text) == "table" then return text end
  if not text or #text > max_bytes then return nil, M.refusal(invalid(("the body is larger than %d bytes"):format(max_bytes)), 413) end
  local value, err = json.decode(text)
  if type(value) == "table" and value[1] == nil and not text:find "^%s*%[" then return value end
  return nil, M.refusal(invalid(err and err.message or "a JSON object is expected as the body"))
end

--- Personalises the record in `body`: 200 `{"status":"success"}`, else see `refusal`; 405 for another method than POST, 413 for a
--- larger body. Blocks as client:personalise does; the client's deadline_s bounds it.
---@param client tcb.Client
---@param request { method: string, body: string|table|false } body: JSON, or the record itself; false: the host found it too large
---@param given? { max_bytes: integer?, defaults: table? } max_bytes: default 65536; defaults: fields that a record may lack
---@return tcb.Reply
function M.personalise(client, request, given)
  local o = options.check("handler.personalise", given, { max_bytes = "integer", defaults = "table" }, 2)
  if request.method ~= "POST" then
    local refused = M.refusal(invalid "use POST", 405)
    refused.headers.allow = "POST"
    return refused
  end
  local record, refused = read(request.body, o.max_bytes or MAX_BYTES)
  if not record then return refused end
  local full = {}
  for name, value in pairs(o.defaults or {}) do full[name] = value end
  for name, value in pairs(record) do full[name] = value end
  local good, ok, err = pcall(client.personalise, client, full)
  if good and ok then return reply(200, "success", { status = "success" }) end
  if good or errors.is(ok) then return M.refusal(good and err or ok) end
  local wrong = tostring(ok):match "client[.v1]*:personalise: (.*)$" or error(ok, 0)
  return M.refusal(invalid(wrong, wrong:match "^field '([%w_]+)'"))         -- a wrong type is the sender's mistake here
end

--- How the account stands: 200 `{"status":"ok"}` with a usable token or a mint left, else 503. Asks nobody outside.
---@param client tcb.Client
---@return tcb.Reply
function M.health(client)
  local status, err = client:limits()
  if not status then return reply(503, "down", { status = "down", reason = core.log.redact(tostring(err)) }) end
  local usable = 0
  for _, token in ipairs(status.tokens) do
    if token.usable then usable = usable + 1 end
  end
  local is_up = usable > 0 or status.mints_left == nil or status.mints_left > 0
  return reply(is_up and 200 or 503, is_up and "ok" or "down",
    { status = is_up and "ok" or "down", tokens = usable, mints_left = status.mints_left })
end

return M
