--- Webhooks in OpenResty: a content handler that checks a delivery and hands it over, over a unix socket, to the `tcb listen` that
-- owns the inbox; or to a function of yours. It answers 200 once the event is durable, else 503, and writes nothing to a disk.
-- The key is in the URL: switch the access log off in that location.
-- @module tcb.nginx_inbox
local core = require "tcb.core"
local errors = require "tcb.errors"
local event = require "tcb.event"
local M = {}
local ngx = rawget(_G, "ngx") or error("tcb.nginx_inbox: this module lives inside nginx; elsewhere use tcb.listen", 0)

---@class tcb.NginxInboxOptions
---@field socket string? path of the unix socket of `tcb listen --socket PATH`
---@field deliver (fun(event: tcb.WebhookEvent): any)? instead: true once the event is kept; anything else is answered 503
---@field key string|false the secret in the query, `?key=...`; false: something else in nginx checks who is there
---@field max_body_bytes integer? default 262144
---@field connect_timeout_s number? default 0.3
---@field timeout_s number? for each read and write to the socket, default 1.2: the sender gives up after 2 s
---@field pool_size integer? kept connections of this worker to the socket, default 32
local OPTIONS = { socket = "string", deliver = "function", max_body_bytes = "number", connect_timeout_s = "number", timeout_s = "number",
  pool_size = "number" }

local function check(options)
  for name, value in pairs(options) do
    if name ~= "key" and not OPTIONS[name] then error("tcb.nginx_inbox: unknown option '" .. tostring(name) .. "'", 3) end
    if name ~= "key" and type(value) ~= OPTIONS[name] then error("tcb.nginx_inbox: option '" .. name .. "' is a " .. OPTIONS[name], 3) end
  end
  if (options.socket == nil) == (options.deliver == nil) then error("tcb.nginx_inbox: give socket or deliver", 3) end
  if options.key ~= false and (type(options.key) ~= "string" or #options.key < 12) then
    error("tcb.nginx_inbox: key is the secret of the URL, at least 12 characters; false when nginx checks it otherwise", 3)
  end
  if options.key then core.log.secret(options.key) end
end

--- Compares without telling by its time how much was right.
local function same(given, key)
  local difference = #given == #key and 0 or 1
  for i = 1, #key do
    if given:byte((i - 1) % math.max(#given, 1) + 1) ~= key:byte(i) then difference = difference + 1 end
  end
  return difference == 0
end

local function answer(status, text)
  ngx.status = status
  ngx.header.content_type = "application/json"
  ngx.header.content_length = #text
  ngx.print(text)
end

local function refuse(status, message)
  return answer(status, '{"message":"' .. message .. '"}')
end

--- The body of the request | nil, status, message.
local function read_body(most)
  local announced = tonumber(ngx.var.content_length or "")
  if announced and announced > most then return nil, 413, "the event is too large" end
  ngx.req.read_body()
  local body = ngx.req.get_body_data()
  if not body then
    local path = ngx.req.get_body_file()
    if path then return nil, 413, "the event is larger than client_body_buffer_size" end
    return nil, 400, "the event is missing"
  end
  if #body > most then return nil, 413, "the event is too large" end
  return body
end

--- One answer of the inbox's own server: status line, headers, a body of known length. Returns the status | nil, why.
local function read_answer(sock)
  local line, why = sock:receive "*l"
  if not line then return nil, why end
  local status, length = tonumber(line:match "^HTTP/1%.1 (%d%d%d)"), 0
  if not status then return nil, "the socket does not speak HTTP" end
  repeat
    line, why = sock:receive "*l"
    if not line then return nil, why end
    length = tonumber(line:lower():match "^content%-length:%s*(%d+)") or length
  until line == ""
  if length > 0 then
    local body
    body, why = sock:receive(length)
    if not body then return nil, why end
  end
  return status
end

--- Hands the event over: its status | nil, why. Never sends twice: the inbox drops what it has.
local function hand_over(options, body)
  local sock = ngx.socket.tcp()
  local timeout_ms = (options.timeout_s or 1.2) * 1000
  sock:settimeouts((options.connect_timeout_s or 0.3) * 1000, timeout_ms, timeout_ms)
  local status, why
  for attempt = 1, 2 do                              -- a kept connection may have been closed while idle
    local ok
    ok, why = sock:connect("unix:" .. options.socket)
    if not ok then return nil, why end
    local reused = sock:getreusedtimes() > 0
    ok, why = sock:send { "POST /_inbox HTTP/1.1\r\nHost: inbox\r\nContent-Type: application/json\r\nContent-Length: ", #body,
      "\r\n\r\n", body }
    if ok then status, why = read_answer(sock) end
    if status or not reused or attempt == 2 then break end
    sock:close()
  end
  if not status then
    sock:close()
    return nil, why
  end
  sock:setkeepalive(10000, options.pool_size or 32)
  return status
end

local function to_function(options, body)
  local object, err = event.new(body, { received_at = core.clock.now() })
  if not object then return refuse(400, err.message) end
  local ok, kept, why = pcall(options.deliver, object)
  if ok and kept == true then return answer(200, '{"status":"received"}') end
  if ok then kept = why or "deliver did not return true" end
  ngx.log(ngx.ERR, "tcb: a webhook event was not kept: ", core.log.redact(tostring(kept)))
  return refuse(503, "the event could not be stored")
end

local function to_socket(options, body)
  local status, why = hand_over(options, body)
  if status == 200 then return answer(200, '{"status":"received"}') end
  if status == 400 then return refuse(400, "the event is unusable") end
  ngx.log(ngx.ERR, "tcb: the inbox did not keep a webhook event: ", status and "it answered " .. status or why,
    "; is `tcb listen --socket ", options.socket, "` running?")
  return refuse(503, "the event could not be stored")
end

--- For content_by_lua: receives one delivery. Answers 200 when the event is durable (or `deliver` returned true), 503 when it is not (the
--- sender repeats it), 400, 403, 405, 413, 415 for what is no delivery. Yields; never blocks the worker.
---@param options tcb.NginxInboxOptions
function M.handle(options)
  check(options)
  if options.key and not same(ngx.unescape_uri(ngx.var.arg_key or ""), options.key) then return refuse(403, "the key is wrong") end
  if ngx.req.get_method() ~= "POST" then
    ngx.header.allow = "POST"
    return refuse(405, "use POST")
  end
  local kind = (ngx.var.content_type or ""):lower():match "^%s*([^;%s]*)"
  if kind ~= "application/json" then return refuse(415, "JSON is expected") end
  local body, status, message = read_body(options.max_body_bytes or 262144)
  if not body then return refuse(status, message) end
  local id, err = core.event_head(body)
  if not id then return refuse(400, errors.is(err) and err.message or "the event is unusable") end
  if options.deliver then return to_function(options, body) end
  return to_socket(options, body)
end

return M
