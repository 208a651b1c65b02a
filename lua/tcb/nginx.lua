--- What an nginx configuration wants of tcb, one line each: a token before the first request, a handler for real-time
-- personalisation, health and metrics. One client per worker; tokens and pace shared by all workers (lua_shared_dict tcb 1m).
-- @module tcb.nginx
local config = require "tcb.config"
local handler = require "tcb.handler"
local tcb = require "tcb"

local M = {}
local ngx = rawget(_G, "ngx") or error("tcb.nginx: this module lives inside nginx; elsewhere use tcb.client", 0)

local options                       -- as given to setup
local clients = {}                  -- this worker's, by the deadline of their calls

--- Says what the client is made of (see tcb.client). Call it in init_by_lua, before nginx makes its workers: options, environment and
--- profile are read then, an `api_key_command` runs then, once, and the workers need none of them. Sends nothing. Raises for unknown options.
---@param client_options? tcb.ClientOptions
---@return boolean? ok
---@return tcb.Error? err kind config; `client` returns it as well
function M.setup(client_options)
  local conf, err = config.resolve(client_options, 2)
  options, clients = client_options, {}
  if not conf then return nil, err end
  options = {}
  for name in pairs(conf.from) do options[name] = conf[name] end
  options.api_key, options.api_key_command = conf.api_key, nil
  return true
end

--- This worker's client. Does not block.
---@param deadline_s? number one call, its repeats and waits included; default as in setup
---@return tcb.Client? client
---@return tcb.Error? err
function M.client(deadline_s)
  local known = clients[deadline_s or 0]
  if known then return known end
  local own = {}
  for name, value in pairs(options or {}) do own[name] = value end
  own.deadline_s = deadline_s or own.deadline_s
  local client, err = tcb.client(own)
  clients[deadline_s or 0] = client
  return client, err
end

--- For init_worker_by_lua: makes the account's token before the first request needs it. Every worker may call it, one of them
--- mints. Returns at once; a failure goes to the error log, and the first request tries again.
---@param client_options? tcb.ClientOptions as for setup
function M.prewarm(client_options)
  if client_options then M.setup(client_options) end
  local function warm(premature)
    if premature then return end
    local c, err = M.client()
    local ok = c
    if c then ok, err = c:labels{ limit = 1 }:page(1) end
    if not ok then ngx.log(ngx.WARN, "tcb: cannot pre-warm: ", tostring(err)) end
  end
  local ok, why = ngx.timer.at(0, warm)
  if not ok then ngx.log(ngx.WARN, "tcb: cannot pre-warm: ", why) end
end

--- Counters live in the shared dictionary: one figure for all workers.
local function count(outcome, seconds)
  local dict = ngx.shared.tcb
  if not dict then return end
  dict:incr("metric:" .. outcome, 1, 0)
  if seconds then dict:incr("metric:seconds", seconds, 0) end
end

local function answer(reply)
  ngx.status = reply.status
  for name, value in pairs(reply.headers) do ngx.header[name] = value end
  ngx.print(reply.body)
end

--- The request's body, false when nginx has written it to a file: then it is too large in any case.
local function body_of_request()
  ngx.req.read_body()
  return ngx.req.get_body_data() or (ngx.req.get_body_file() == nil and "")
end

--- For content_by_lua: takes one record as JSON by POST, personalises, answers JSON: 200 {"status":"success"}; 400 with the field
--- at fault; 429 with Retry-After when the account is at its limits; 502, 504 for the service's and the network's failures.
---@param handler_options? { max_bytes: integer?, deadline_s: number?, defaults: table? } max_bytes: default 65536; deadline_s: one call,
--- waiting for a free slot included; defaults: fields that a record may lack
function M.personalise(handler_options)
  local from = ngx.now()
  local o, own, reply = handler_options or {}, {}, nil
  for name, value in pairs(o) do own[name] = name ~= "deadline_s" and value or nil end
  local c, err = M.client(o.deadline_s)
  if c then
    reply = handler.personalise(c, { method = ngx.req.get_method(), body = body_of_request() }, own)
  else
    reply = handler.refusal(err)
  end
  ngx.update_time()
  if reply.status ~= 405 then count(reply.outcome, reply.outcome == "success" and ngx.now() - from or nil) end
  answer(reply)
end

--- For content_by_lua: 200 {"status":"ok"} when this worker has a client and the account a usable token or a mint left, else 503.
--- Asks nobody outside.
function M.health()
  local c, err = M.client()
  answer(c and handler.health(c) or handler.refusal(err, 503))
end

local OUTCOMES = { "success", "input", "rate", "timeout", "in_doubt", "net", "server", "proto", "auth", "forbidden", "not_found",
  "config", "store", "memory", "cancelled" }

--- For content_by_lua: Prometheus text. Counters of the personalise handler over all workers, and the account's state.
function M.metrics()
  local dict, out = ngx.shared.tcb, {}
  local function line(...) out[#out + 1] = string.format(...) end
  line "# HELP tcb_personalise_total Requests to the personalise handler by outcome."
  line "# TYPE tcb_personalise_total counter"
  for _, outcome in ipairs(OUTCOMES) do
    line('tcb_personalise_total{outcome="%s"} %d', outcome, dict and dict:get("metric:" .. outcome) or 0)
  end
  line "# HELP tcb_personalise_seconds_total Time spent in successful requests."
  line "# TYPE tcb_personalise_seconds_total counter"
  line("tcb_personalise_seconds_total %.6f", dict and dict:get "metric:seconds" or 0)
  local c = M.client()
  local status = c and c:limits()
  if status then
    line "# HELP tcb_tokens Usable tokens of the account."
    line "# TYPE tcb_tokens gauge"
    local usable = 0
    for _, token in ipairs(status.tokens) do
      if token.usable then usable = usable + 1 end
    end
    line("tcb_tokens %d", usable)
    if status.mints_left then
      line "# HELP tcb_mints_left Tokens that can still be made in the current window."
      line "# TYPE tcb_mints_left gauge"
      line("tcb_mints_left %d", status.mints_left)
    end
  end
  ngx.header.content_type = "text/plain; version=0.0.4"
  ngx.print(table.concat(out, "\n"), "\n")
end

return M
