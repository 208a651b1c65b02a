--- The one place where a call of the API is made: permission, request, answer, repeats.
-- @module tcb.call
local core = require "tcb.core"
local errors = require "tcb.errors"
local governor = require "tcb.governor"
local json = require "tcb.json"
local outage = require "tcb.outage"
local retry = require "tcb.retry"
local runtimes = require "tcb.runtime"
local task = require "tcb.task"

local mono = core.clock.mono
local M = {}

---@class tcb.Caller
local Caller = {}
Caller.__index = Caller

--- Governors of this program, and outages, one a call: an account has them once, however many clients it has.
local accounts = {}

local function identity(conf)
  local parts = { conf.base_url, conf.account, conf.key_id, conf.api_key, tostring(conf.store), conf.state_dir or "" }
  for _, name in ipairs { "mint", "push", "personalise" } do
    local limit = conf.limits[name]
    parts[#parts + 1] = limit and ("%s/%s"):format(limit.count, limit.window_s) or "0"
  end
  return table.concat(parts, "\n")
end

local function open_store(conf, runtime)
  if conf.store == "memory" then return require("tcb.store.memory").new() end
  if type(conf.store) == "table" then return conf.store end        -- one of the program's own
  if runtime.store then return runtime.store(conf.base_url, conf.account) end       -- nginx, HAProxy: nothing waits for a disk
  local file = require "tcb.store.file"
  if not conf.state_dir then
    return errors.fail("config", "there is no folder for the account's state: the environment names no home",
      { remedy = "set TCB_STATE_DIR, or use --no-store (store = \"memory\")" })
  end
  return file.new(file.path(conf.state_dir, conf.base_url, conf.account))
end

--- Makes what sends calls for one account.
-- `config` as of tcb.config.resolve; `runtime` (default: the program's); `governor` (default: one an account);
-- `on_attempt(attempt)` is told of every request made, mints too; `on_wait(seconds, why)` of every wait.
---@return tcb.Caller? caller
---@return tcb.Error? err kind config
function M.new(options)
  local conf = options.config
  local self = setmetatable({ conf = conf, runtime = options.runtime, on_attempt = options.on_attempt, on_wait = options.on_wait,
    tokens = conf.from and conf.from.tokens and conf.tokens or nil,  -- nil: nobody asked for a number, so one mint is kept
    stats = { requests = 0, mints = 0, rate_limited = 0 }, fallback = {}, built = {} }, Caller)
  local key = identity(conf)
  local account = accounts[key]
  if not account then
    account = { outages = {}, recovered = task.event(), watchers = {} }
    if not options.governor then
      local store, err = open_store(conf, options.runtime or runtimes.current())
      if not store then return nil, err end
      account.governor = governor.new{
        limits = conf.limits, store = store, key = conf.key_id .. "\n" .. conf.api_key, tokens = self.tokens,
        hold_s = conf.connect_timeout_s + 5, mint = function(hooks) return self:mint(hooks) end,
      }
      accounts[key] = account
    end
  end
  self.account, self.governor = account, options.governor or account.governor
  return self
end

--- Drops what this program keeps of the accounts at `base_url`: for rehearsals, whose accounts end with them.
function M.forget(base_url)
  for key in pairs(accounts) do
    if key:sub(1, #base_url + 1) == base_url .. "\n" then accounts[key] = nil end
  end
end

--- `fn(attempt)` is told of every request for a token of this account, whoever needed it, until `fn` is given to unwatch.
function Caller:watch_mints(fn) self.account.watchers[fn] = true end
function Caller:unwatch_mints(fn) self.account.watchers[fn] = nil end

--- Tells the hooks and the log of a wait.
function Caller:waits(o, seconds, why)
  if why == "slot" then                                    -- the pace: ten a second
    if core.log.enabled "trace" then core.log.write("trace", ("waits %.3f s: %s"):format(seconds, why)) end
  else
    core.log.write(seconds > 10 and "warn" or "info", ("waits %.3f s: %s"):format(seconds, why))
  end
  if self.on_wait then self.on_wait(seconds, why) end
  if o and o.on_wait then o.on_wait(seconds, why) end
end

local AGENT = "User-Agent: tcb/" .. core.version

--- The headers of a call, in their order.
function M.headers(call, token)
  return {
    call == "token" and "X-Public-Access: allow" or "Authorization: Bearer " .. token,
    "Content-Type: application/json", "Accept: application/json", AGENT,
  }
end

--- The same, as made for the last request with this token.
function Caller:headers(call, token)
  if call == "token" then return M.headers(call) end
  if self.header_token ~= token then self.header_token, self.header_list = token, M.headers(call, token) end
  return self.header_list
end

local function fail(call, fields)
  fields.call = call
  return errors.new(fields)
end

--- What is told of one request. All fields are named at once: a table that grows costs more than the rest of it.
local function new_attempt(call, n, token8)
  return { n = n, at = core.clock.now(), call = call, token8 = token8, sent = false, sent_us = nil, sent_at = nil, done_us = nil,
    done_at = nil, status = nil, kind = nil, message = nil }
end

--- Sends one request and digests its answer. Fills `attempt`: sent_us, done_us, status, kind, message, sent.
-- `grant` and `left_s`: of all calls but a mint.
---@return table? res
---@return tcb.Error? err
function Caller:send(call, attempt, o, method, url, on_wait, grant, left_s)
  local conf, endpoint = self.conf, core.endpoints[call]
  self.stats.requests = self.stats.requests + 1
  if call == "token" then self.stats.mints = self.stats.mints + 1 end
  local runtime = self.runtime or runtimes.current()
  local res, err = runtime.send{
    method = method, url = url, headers = self:headers(call, grant and grant.token), body = o.body, count = o.count,
    want = o.want, into = o.into, max_body_bytes = o.max_body_bytes, ca = conf.ca, proxy = conf.proxy,
    connect_timeout_s = conf.connect_timeout_s, repeatable = endpoint.repeatable and call ~= "token",
    timeout_s = math.min(conf.timeout_s, math.max(1, left_s or conf.timeout_s)), on_wait = on_wait,
    on_sent = function(us)
      attempt.sent, attempt.sent_us, attempt.sent_at = true, us or mono(), core.clock.now()
      if grant then self.governor:sent(grant, attempt.sent_us) end
    end,
  }
  attempt.done_us, attempt.done_at = mono(), core.clock.now()
  if res then
    attempt.status, attempt.done_us = res.status, res.done_us or attempt.done_us
    if not attempt.sent_us then attempt.sent, attempt.sent_us, attempt.sent_at = true, res.sent_us, attempt.at end
    local bad = core.digest(call, res.status, res.body, res.headers["retry-after"])
    if bad then res, err = nil, fail(call, bad) end
  else
    err.call = call
    attempt.sent = attempt.sent or err.sent or false
    if attempt.sent and not attempt.sent_us then attempt.sent_us, attempt.sent_at = attempt.done_us, attempt.done_at end
  end
  if err then
    attempt.kind, attempt.message = err.kind, err.message
    if err.status == 429 then self.stats.rate_limited = self.stats.rate_limited + 1 end
  end
  self:judge(call, err)
  if core.log.enabled "debug" then
    local took_ms = (attempt.done_us - (attempt.sent_us or attempt.done_us)) / 1000
    local outcome = err and tostring(err) or "HTTP " .. attempt.status
    core.log.write("debug", ("%s %s: %s in %.0f ms"):format(method, call, outcome, took_ms))
  end
  if self.on_attempt then self.on_attempt(attempt) end
  if call == "token" then
    for fn in pairs(self.account.watchers) do fn(attempt) end
  end
  return res, err
end

--- The outage, or none, of one kind of call: where one endpoint fails, the others may be well.
local function outage_of(self, call)
  local outages = self.account.outages
  outages[call] = outages[call] or outage.new()
  return outages[call]
end

--- Does this outcome speak for an outage, or against one?
function Caller:judge(call, err)
  local state = outage_of(self, call)
  if err and (err.kind == "server" or err.kind == "net" or err.kind == "timeout") then
    state.last = err
    if state:failed(mono()) then core.log.write("warn", ("%s: nothing succeeds: probing the service until it does"):format(call)) end
  elseif (not err or err.status) and state:succeeded(mono()) then
    core.log.write("warn", call .. ": the service answers again")
    self.account.recovered:pulse()
  end
end

--- One request for a token, as the governor wants it.
function Caller:mint(hooks)
  local conf = self.conf
  local method, url = core.request("token", { base_url = conf.base_url, account = conf.account })
  if not method then return nil, url end
  local attempt = new_attempt("token", 1)
  local body = json.encode({ key_id = conf.key_id, api_key = conf.api_key }, { "key_id", "api_key" })
  local res, err = self:send("token", attempt, { body = body }, method, url, hooks.on_wait)
  local answer
  if res then
    answer, err = json.decode(res.body)
    local token = type(answer) == "table" and answer.token
    if type(token) == "string" and #token >= 1 and #token <= 512 and not token:find "[^\33-\126]" then
      return { token = token, sent_us = attempt.sent_us, done_us = attempt.done_us }
    end
    local why = err and ": " .. err.message or ""
    err = fail("token", { kind = "proto", message = "the answer holds no token" .. why, sent = true })
  end
  return nil, err, { sent_us = attempt.sent and attempt.sent_us or nil, done_us = attempt.done_us }
end

--- Method and URL; nil, err when an id or a parameter is malformed. Calls that differ by nothing but their body have one URL.
function Caller:build(call, o)
  local is_plain = not (o.feature_set or o.survey or o.query or o.method or o.path or self.fallback[call])
  local built = is_plain and self.built[call]
  if built then return built.method, built.url end
  local method, url = core.request(call, { base_url = self.conf.base_url, account = self.conf.account, fallback = self.fallback[call],
    feature_set = o.feature_set, survey = o.survey, query = o.query, method = o.method, path = o.path })
  if method and is_plain then self.built[call] = { method = method, url = url } end
  return method, url
end

--- Waits until the retry budget allows a request; nil, err when the deadline comes first.
function Caller:pay(call, o, last, deadline_us)
  local is_repeat = last and last.kind ~= "rate" and last.kind ~= "auth"       -- those are the governor's matter
  local state, account = outage_of(self, call), self.account
  while true do
    local us = state:ask(mono(), is_repeat)
    if us == 0 then return true end
    if mono() + us > deadline_us then return nil, errors.copy(last or state.last) end
    self:waits(o, us / 1e6, "retry budget")
    account.recovered:wait(us / 1e6)
  end
end

local function is_repeatable(endpoint, o)
  if endpoint.name == "other" then return o.method == "GET" or o.method == "HEAD" end
  return endpoint.repeatable
end

local function finish(err, call, attempts, kind)
  if kind == "in_doubt" then
    return errors.new{ kind = "in_doubt", message = err.message, status = err.status, slug = err.slug, field = err.field,
      call = call, attempts = attempts, sent = true }
  end
  err.call, err.attempts = err.call or call, attempts
  return err
end

--- A request that has permission: `before`, bytes out and in, `after`; the governor is told what came of it.
function Caller:try(call, o, grant, attempt, left_s, method, url)
  local gov = self.governor
  if o.before then
    local go, err = o.before(attempt)
    if not go then
      gov:answered(grant, { done_us = mono() })            -- nothing left: the slot is free again
      return nil, err or errors.new{ kind = "cancelled", message = "the request was withdrawn" }, true
    end
  end
  local res, err = self:send(call, attempt, o, method, url, o.on_answer_wait, grant, left_s)
  if attempt.sent and not grant.sent_us then gov:sent(grant, attempt.sent_us) end
  gov:answered(grant, { status = attempt.status, done_us = attempt.done_us, retry_after_s = err and err.retry_after_s })
  if err and err.kind == "auth" then gov:revoked(grant) end
  if o.after then o.after(attempt) end
  return res, err
end

--- When the call gives up. Who asks again and again until `due_us` leaves a call that begins late a second all the same.
local function deadline_of(o, conf)
  local now = mono()
  local deadline_us = now + math.floor((o.deadline_s or conf.deadline_s) * 1e6)
  return o.due_us and math.min(deadline_us, math.max(o.due_us, now + 1000000)) or deadline_us
end

--- Makes one call, with what it takes: token, slot, repeats. Blocks the calling task only.
-- A 404 of a call that had another path in an earlier edition of the service is asked again there, which is remembered.
-- `o`: ids (feature_set, survey), query, method and path (call "other"), body (string or tcb.buf), count (its records), want,
-- into, deadline_s (default the configuration's), due_us (monotonic; not beyond it), demand (requests of this kind that wait to be sent, when the caller knows),
-- need_by_us (when they should be), on_wait(seconds, why), before(attempt) -> ok | nil, err: after permission, before the first
-- byte; after(attempt): with what came of it. attempt = { n, at, call, token8, status, kind, message, sent, sent_at, done_at }.
---@return table? res { status, headers, body, sent_us, done_us }
---@return tcb.Error? err with call and attempts; kind in_doubt when a push or a real-time call may have been processed
function Caller:request(call, o)
  task.enter()
  return task.outliving(self.perform, self, call, o or {})
end

--- The call itself, in a task that its caller may leave.
function Caller:perform(call, o)
  local endpoint = core.endpoints[call]
  local falls = self.fallback[call]
  local method, url = self:build(call, o)
  if not method then return nil, finish(url, call, 0) end
  local deadline_us, want = deadline_of(o, self.conf), nil
  local attempts, refused_us, last, falls_back = 0, nil, nil, false
  while true do
    local ok, err = self:pay(call, o, last, deadline_us)
    local grant, res, final
    if ok then grant = self.governor:at_hand(endpoint.limit) end
    if ok and not grant then
      want = want or { tokens = self.tokens, demand = o.demand, need_by_us = o.need_by_us, wait = self.conf.wait,
        deadline_us = deadline_us, on_wait = function(seconds, why) self:waits(o, seconds, why) end }
      grant, err = self.governor:take(endpoint.limit, want)
      deadline_us = want.deadline_us
    end
    if not grant then                                      -- no slot before the deadline: what failed before says more
      local says_more = err.kind == "rate" and last and last.kind ~= "rate" and last.kind ~= "auth"
      return nil, finish(says_more and last or err, call, attempts)
    end
    if self.fallback[call] ~= falls then falls, method, url = self.fallback[call], self:build(call, o) end
    attempts = attempts + 1
    local attempt = new_attempt(call, attempts, grant.token8)
    res, err, final = self:try(call, o, grant, attempt, (deadline_us - mono()) / 1e6, method, url)
    if res then return res end
    if final then return nil, finish(err, call, attempts - 1) end
    local is_fresh = refused_us ~= nil and grant.minted_us >= refused_us
    if err.kind == "auth" then refused_us = refused_us or mono() end
    local action, wait_s, kind = retry.decide{ call = call, repeatable = is_repeatable(endpoint, o), kind = err.kind,
      status = err.status, attempts = attempts, sent = attempt.sent, retry_after_s = err.retry_after_s,
      left_s = (deadline_us - mono()) / 1e6, random = core.random(), is_fresh = is_fresh }
    if err.kind == "not_found" and endpoint.fallback and not self.fallback[call] then
      self.fallback[call], action, wait_s, falls_back = true, "repeat", 0, true
    elseif action == "stop" then
      if falls_back then self.fallback[call] = nil end     -- it was not the path
      return nil, finish(err, call, attempts, kind)
    end
    last = err
    if action == "repeat" and wait_s > 0 and not (err.kind == "rate" and endpoint.limit) then
      self:waits(o, wait_s, err.kind)
      self.account.recovered:wait(wait_s)
    end
  end
end

return M
