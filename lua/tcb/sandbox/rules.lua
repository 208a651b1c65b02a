--- The service as a state machine: a request in, an answer out. No HTTP, no socket, no waiting; time is read from the one clock.
-- The front (tcb.sandbox.front) and rehearsals call it: `delays`, wait, `handle`, wait, answer.
-- @module tcb.sandbox.rules
local accounts = require "tcb.sandbox.accounts"
local answers = require "tcb.sandbox.answers"
local control = require "tcb.sandbox.control"
local core = require "tcb.core"
local faults = require "tcb.sandbox.faults"
local ids = require "tcb.sandbox.ids"
local ledger = require "tcb.sandbox.ledger"
local listings = require "tcb.sandbox.listings"
local numbers = require "tcb.sandbox.numbers"
local options = require "tcb.sandbox.options"
local records = require "tcb.sandbox.records"
local timeline = require "tcb.sandbox.timeline"
local tokens = require "tcb.sandbox.tokens"
local v1 = require "tcb.sandbox.v1"
local webhooks = require "tcb.sandbox.webhooks"
local M = {}
local Rules = {}
Rules.__index = Rules

--- What the service serves. Its own table, written from the API's documentation and not shared with the client: a sandbox that
--- took the client's word for a path could not judge it.
local CLIENT = "^/clients/([^/]+)"
local ROUTES = {
  { "POST", CLIENT .. "/token$", "token", tokens.mint },
  { "GET", CLIENT .. "/labels$", "labels", listings.labels },
  { "POST", "^/v2/clients/([^/]+)/dynamic_call_record$", "personalise", records.personalise, limit = "personalise" },
  { "POST", "^/v2/clients/([^/]+)/dynamic_call_records$", "push", records.push, limit = "push" },
  { "GET", "^/v[23]/clients/([^/]+)/dynamic_call_records$", "status", records.status },
  { "GET", CLIENT .. "/number_management/feature_sets$", "feature_sets", listings.feature_sets },
  { "GET", CLIENT .. "/number_management/numbers$", "numbers", listings.numbers },
  { "POST", CLIENT .. "/number_management/feature_sets/([^/]+)/numbers/publish$", "publish", numbers.publish },
  { "POST", CLIENT .. "/number_management/feature_sets/([^/]+)/numbers/delist$", "delist", numbers.delist },
  { "POST", CLIENT .. "/dynamic_call_record$", "v1_personalise", records.v1_personalise, limit = "personalise" },
  { "POST", CLIENT .. "/dynamic_call_records$", "v1_push", records.v1_push },
  { "GET", CLIENT .. "/dynamic_call_records$", "v1_status", records.v1_status },
  { "GET", CLIENT .. "/openapi/feedback_stack/([^/]+)/export_report$", "feedback_log", v1.feedback_log },
  { "GET", CLIENT .. "/openapi/callback%-logs/summary$", "cmb_log", v1.cmb_log },
}
local OTHER = { false, false, "other", answers.not_found }

local function ms(seconds) return math.floor(seconds * 1000 + 0.5) end

--- Makes a sandbox. `given`: the options of tcb.sandbox, and for rehearsals `now` (a function giving ms), `keys = false` (no
--- keys in the ledger) and `empty_bodies = true` (a push is taken for `req.count` records, its body not read). Raises on wrong
--- options.
---@return table? rules
---@return tcb.Error? err
function M.new(given)
  local rest, own = {}, { now = true, keys = true, empty_bodies = true }
  for name, value in pairs(given or {}) do
    if not own[name] then rest[name] = value end
  end
  given = given or {}
  local o, why = options.read(rest)
  if not o then error("tcb.sandbox: " .. why, 2) end
  o.keys = given.keys ~= false and (not o.forget or o.ledger ~= nil)
  o.empty_bodies = given.empty_bodies or false
  local self = setmetatable({ options = o, seed = o.seed or ids.fresh_seed(), now = given.now or core.clock.now, accounts = {},
    by_id = {}, timeline = timeline.new(), settle_ms = ms(o.settle), number_settle_ms = ms(o.number_settle),
    token_life_ms = ms(o.token_life), drawn = 0 }, Rules)
  local err
  self.ledger, err = ledger.open(o.ledger)
  if not self.ledger then return nil, err end
  self.ids = ids.new(self.seed)
  for n = 1, o.accounts do
    local account = accounts.new(self.ids, n, self.now())
    self.accounts[n], self.by_id[account.id] = account, account
  end
  self.faults, self.tokens, self.webhooks = faults.new(self.ids.draw), tokens.new(self), webhooks.new(self)
  for _, spec in ipairs(o.faults) do self.faults:add(spec) end
  self.records, err = records.new(self)
  if not self.records then return nil, err end
  local texts = {}
  for _, pair in ipairs(options.limit_texts(o.limits)) do texts[pair[1]] = pair[2] end
  local ok
  local first = { seed = tonumber(self.seed) or self.seed, limits = texts }
  ok, err = pcall(self.ledger.write, self.ledger, "start", self.now(), first)
  if not ok then
    self:close()
    return nil, err
  end
  return self
end

--- The account with this id; the first one for nil.
function Rules:find_account(id)
  if id == nil then return self.accounts[1] end
  return self.by_id[id]
end

--- Does what has come due, each thing at its own time.
function Rules:run() self.timeline.run(self.now()) end

--- ms: when the next thing comes due | nil.
function Rules:next_due() return self.timeline.next_due() end

local function draw_ms(self, range, name)
  if range[2] == 0 then return 0 end
  local us = (range[1] + self.ids.draw(name) * (range[2] - range[1])) * 1000
  return math.floor(us + 0.5) / 1000
end

local function is_control(path) return path:sub(1, 10) == "/_sandbox/" end

--- How long to wait after the request's last byte until it counts, and then until it is answered: two numbers of ms.
function Rules:delays(req)
  if is_control(req.path) then return 0, 0 end
  self.drawn = self.drawn + 1
  local jitter_ms = draw_ms(self, self.options.count_jitter, "jitter " .. self.drawn)
  return jitter_ms, draw_ms(self, self.options.latency, "latency " .. self.drawn)
end

local function decode(text)
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

local function parse_query(text)
  local query = {}
  for pair in (text or ""):gmatch("[^&]+") do
    local name, value = pair:match("^([^=]*)=?(.*)$")
    query[decode(name)] = decode((value:gsub("%+", " ")))
  end
  return query
end

local function find_route(method, path)
  for _, route in ipairs(ROUTES) do
    if route[1] == method then
      local first, second = path:match(route[2])
      if first then return route, { decode(first), second and decode(second) } end
    end
  end
  return OTHER, {}
end

--- Token, account, limit, then the call itself.
local function process(self, ctx, route)
  if route == OTHER then return OTHER[4]() end
  if ctx.call == "token" then return route[4](ctx) end
  local token, refused = self.tokens:check(ctx)
  if not token then return refused end
  if not ctx.account then return answers.not_found("client not found") end
  if token.account ~= ctx.account then return answers.forbidden() end
  if route.limit and not token[route.limit].take(ctx.now) then return answers.too_many() end
  return route[4](ctx)
end

--- What a fault makes of a finished answer.
local function spoil(fault, answer)
  if fault.what == "html" then return answers.html(answer.status, "Sign in") end
  if fault.what == "empty" then return answers.raw(answer.status, "") end
  answer.cut, answer.stall_s = fault.cut, fault.seconds
  return answer
end

--- A path as the ledger may show it: numbers masked, tokens and keys (and all that is as long) left out.
local function shown_path(self, path)
  local text = path:sub(1, 200):gsub("[^\33-\126]", "?"):gsub("[^/]+", function(part)
    local is_key = false
    for _, account in ipairs(self.accounts) do
      is_key = is_key or part:find(account.api_key, 1, true) or part:find(account.key_id, 1, true)
    end
    if is_key or part:find(("%w"):rep(40)) then return "[secret]" end
  end)
  return (core.log.redact(text))
end

--- Does the path hold nothing but ids that are known here?
local function is_known(ctx)
  return ctx.account and (ctx.ids[2] == nil or ctx.account.feature_set[ctx.ids[2]]) and ctx.call ~= "other"
end

local function write_line(self, ctx, answer)
  local line = ctx.line
  if not is_known(ctx) then line.path = shown_path(self, line.path) end
  line.status = answer.status
  line.answered = not (answer.cut and answer.cut ~= "stall")
  self.ledger:write("request", ctx.now, line, ctx.keys and "keys", ctx.keys)
  if ctx.then_do then ctx.then_do() end
end

--- Answers a request at its counting instant, which is now. `req` = { method, path, query (raw, without ?), headers (map, names
--- in lower case), body (string|tcb.buf) }. The answer: { status, headers, body, cut, stall_s }; `cut` is nil, "truncate",
--- "reset-before" (no status then), "reset-after-commit" or "stall" (answer after stall_s). A body that is a tcb.buf is valid
--- until the next call.
function Rules:handle(req)
  self:run()
  req.body = req.body or ""
  if is_control(req.path) then return control.handle(self, req, parse_query(req.query)) end
  local route, path_ids = find_route(req.method, req.path)
  local ctx = { rules = self, req = req, call = route[3], ids = path_ids, now = self.now(), query = parse_query(req.query),
    account = self.by_id[path_ids[1] or ""] }
  ctx.line = { call = ctx.call, account = ctx.account and ctx.account.id, method = req.method, path = req.path }
  function ctx.after(fn) ctx.then_do = fn end
  local fault, answer = self.faults:pick(ctx.call), nil
  if fault then ctx.line.fault = fault.what end
  if fault and fault.kind == "before" then
    answer = { cut = fault.cut }
  elseif fault and fault.kind == "refuse" then
    answer = answers.refuse(fault)
  else
    answer = process(self, ctx, route)
    if fault then answer = spoil(fault, answer) end
  end
  self.records.list:clear()                                  -- the caller may let go of the body
  write_line(self, ctx, answer)
  return answer
end

--- Gives files and memory back. Harmless when repeated.
function Rules:close()
  if self.records then records.close(self.records) end
  self.records = nil
  self.ledger:close()
end

return M
