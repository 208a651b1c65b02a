--- The account governor: gives tokens to requests so that the account runs at its documented limits and never over them.
-- core/governor decides; here is the waiting, the minting, and the sharing through a store.
-- @module tcb.governor
local core = require "tcb.core"
local errors = require "tcb.errors"
local retry = require "tcb.retry"
local task = require "tcb.task"

local mono = core.clock.mono
local M = {}

---@class tcb.Governor
local Governor = {}
Governor.__index = Governor

local POLL_S = 0.2                     -- how often a waiting process looks at what others did; a pause reaches it within 1 s
local MINT_POLL_S = 0.05
local MINT_HOLD_S = 40                 -- a mint's answer comes no later, or the next one's window is counted from there
local PENDING_MAX = 64
local LOOK_AGAIN_US = 200000           -- so soon a call without a limit notices what other processes did
--- What another mint would meet again.
local FINAL = { auth = true, forbidden = true, input = true, not_found = true, config = true }
local POOL = 10                        -- tokens; the documents' figure for the account's ceiling

local function limit_us(limit)
  return limit and { count = limit.count, window_us = math.floor(limit.window_s * 1e6 + 0.5) } or nil
end

--- A governor of one account.
-- `limits` as of tcb.config (a limit that is false: none), `tokens` nil or the pool's size (named: the reserve goes where the
-- pool needs every mint), `store`, `key`: what its tokens are made with, secret included, `mint(hooks) -> { token, sent_us, done_us }
-- | nil, err, { sent_us, done_us }`: one request for a token, no repeat; `hold_s`: the longest time from a grant to the request's
-- first byte; `life_s` of a token.
---@return tcb.Governor
function M.new(options)
  local limits = options.limits
  local state = core.governor{
    mint = limit_us(limits.mint), push = limit_us(limits.push), personalise = limit_us(limits.personalise),
    life_us = math.floor((options.life_s or 3600) * 1e6), key = core.sha256(options.key or ""):sub(1, 8),
  }
  return setmetatable({
    state = state, store = options.store, mint = options.mint, tokens = options.tokens,
    mints = limits.mint and limits.mint.count or math.huge, hold_us = math.floor((options.hold_s or 15) * 1e6),
    buf = not options.store.live and core.buf() or nil, pending = {}, queues = {}, changed = task.event(),
    mints_failed = 0, refusals = 0, secrets = {}, refused = {}, unlimited = {},
  }, Governor)
end

--- Puts what happened to a grant into the state: its slot changes its name there when the request has left.
local function note(state, event)
  local grant, lane = event.grant, event.grant.class
  if event.status == nil then
    grant.slot = state:sent(grant.n, lane, grant.slot, event.sent_us)
  else
    state:answered(grant.n, lane, grant.slot, event.sent_us, event.done_us, event.status or nil, event.retry_after_s)
  end
end

--- Runs `fn(state)` on the account's state under the store's mutual exclusion: its results, or nil, err. What was noted since the
-- last time goes first. `durable`: kept through a loss of power.
function Governor:update(fn, durable)
  local state, store = self.state, self.store
  if store.live then return fn(state) end
  local pending = self.pending
  self.pending = {}
  local function keep(...) return state:dump(self.buf), ... end
  local function apply(bytes)
    if not bytes then state:load() end                     -- else `check` has loaded it
    if store.is_fresh then
      store.is_fresh = nil
      state:cautious()
    end
    for i = 1, #pending do note(state, pending[i]) end
    return keep(fn(state))
  end
  return store:update(apply, durable, function(bytes) return state:load(bytes) end)
end

--- Writes down what was noted. A failure is no call's error: slots only stay taken a little longer.
function Governor:flush()
  if #self.pending == 0 then return end
  local _, err = self:update(function() return true end)
  if err then core.log.write("debug", "cannot note in the account's state: " .. tostring(err)) end
end

--- Notes an event at once (memory), or with the next update, at the latest when nothing else can run.
local function later(self, event)
  if self.store.live then return note(self.state, event) end
  self.pending[#self.pending + 1] = event
  if #self.pending >= PENDING_MAX then self:flush() end
  if self.is_flushing then return end
  self.is_flushing = true
  task.on_idle(function()
    self.is_flushing = false
    self:flush()
  end)
end

--- The request's first byte left at `sent_us`.
function Governor:sent(grant, sent_us)
  grant.sent_us = sent_us
  if grant.slot ~= 0 then later(self, { grant = grant, sent_us = sent_us }) end
end

--- What became of a request: `status` (nil: no answer), `done_us`, `retry_after_s`. Without it the slot stays taken for as long
-- as the service may count the request.
function Governor:answered(grant, result)
  local refused = result.status == 429
  if grant.slot == 0 and not refused and not self.refused[grant.n] then return end
  self.refused[grant.n] = refused or nil                   -- the next good answer has to be noted, too
  later(self, { grant = grant, sent_us = grant.sent_us, done_us = result.done_us or mono(), status = result.status or false,
    retry_after_s = result.retry_after_s })
  if not refused then return end
  self.unlimited = {}
  self:flush()
  self.changed:pulse()
end

--- The service does not accept this token any more: it leaves the pool, for every process.
function Governor:revoked(grant)
  self.unlimited = {}
  local _, err = self:update(function(state) state:revoked(grant.n) return true end)
  if err then core.log.write("warn", "cannot drop a revoked token: " .. tostring(err)) end
  self.changed:pulse()
end

--- One request for a token whose mint `n` has begun. true, or nil and the error.
local function send_mint(self, n, pool)
  local update = self.update
  local answer, err, times = self.mint{ on_wait = function()
    update(self, function(state) state:mint_lease(n) return true end)
  end }
  if not answer then
    times = times or {}
    if err.kind ~= "cancelled" then self.mints_failed, self.mint_error = self.mints_failed + 1, err end
    update(self, function(state)
      state:mint_failed(n, nil, nil, times.sent_us, times.done_us or mono(), err.status, err.retry_after_s)
      return true
    end)
    self.changed:pulse()
    return nil, err
  end
  core.log.secret(answer.token)
  local id = core.sha256(answer.token):sub(1, 8)
  local ok, failed = update(self, function(state)
    state:mint_done(n, answer.sent_us, answer.done_us, pool, answer.token, id)
    return true
  end)
  core.log.write("debug", "token " .. id .. " minted")
  self.changed:pulse()
  return ok, failed
end

--- The size of the pool, and whether one mint stays in reserve: as the caller wants it, else as the governor was made.
local function terms(self, o)
  local tokens = o.tokens or self.tokens
  return tokens or POOL, not (tokens and tokens >= self.mints)
end

local function begin_mint(self, o, is_growth)
  local pool, keep_reserve = terms(self, o)
  if o.need_by_us then keep_reserve = false end             -- the state has decided whether the deadline needs it
  return self:update(function(state) return state:mint_begin(MINT_HOLD_S * 1000000, is_growth, pool, keep_reserve) end, true)
end

--- Grows the pool beside the requests that go on with the tokens there are.
local function grow(self, o, count)
  for _ = 1, count do
    local n = begin_mint(self, o, true)
    if not n then return end
    task.background(function()
      local ok, err = send_mint(self, n, (terms(self, o)))
      if not ok then core.log.write("warn", "cannot mint another token: " .. tostring(err)) end
    end)
  end
end

--- May another mint follow this failure? `attempts`: failed mints that the call has seen.
local function passes(err, attempts)
  return retry.decide{ call = "token", repeatable = true, kind = err.kind, status = err.status, attempts = math.max(1, attempts),
    sent = err.sent } == "repeat"
end

local function spent(us)
  local at = core.clock.now() + math.ceil(us / 1000)
  return errors.fail("rate", ("the account's mints are spent: the next token is possible at %s")
    :format(os.date("!%Y-%m-%dT%H:%M:%SZ", math.ceil(at / 1000))), { retry_after_s = math.ceil(us / 1000) / 1000 })
end

local WHY = { slot = "no send slot is free before the deadline", pause = "the service asked to pause",
  mint = "no token arrived in time", stopped = "the account is paused: `tcb resume` lets it go on" }

local function too_late(us, why)
  if why == "mint" then return errors.fail("timeout", WHY.mint) end
  return errors.fail("rate", WHY[why], { retry_after_s = why ~= "stopped" and math.ceil(us / 1000) / 1000 or nil })
end

--- Waits `us`, or until something changed; nil, err when the deadline comes first, which a wait for the mint budget moves on.
local function wait_for(self, us, why, o)
  local from, most = mono(), self.store.live and math.huge or (why == "mint" and MINT_POLL_S or POLL_S)
  local left = o.deadline_us and why ~= "budget" and o.deadline_us - from or math.huge
  if left <= 0 or ((why == "slot" or why == "pause") and us > left) then return too_late(us, why) end
  local seconds = math.min(us / 1e6, most, left / 1e6)
  if o.on_wait then o.on_wait(us / 1e6, why) end
  self.changed:wait(seconds)
  if why == "budget" and o.deadline_us then o.deadline_us = o.deadline_us + mono() - from end
  return true
end

--- Asks the state for permission to send one request of `class`.
local function propose(self, class, o, queue)
  local demand = math.max(1, math.floor(o.demand or (queue and queue.n) or 1))
  local waited = queue and queue.since_us and mono() - queue.since_us or 0
  local pool, keep_reserve = terms(self, o)
  return self:update(function(state)
    return state:take(class, demand, o.demand ~= nil, waited, pool, keep_reserve, o.need_by_us, self.hold_us)
  end)
end

--- What a caller gets.
local function granted(self, class, token, token8, n, slot, minted_us)
  if not self.secrets[token8] then
    self.secrets[token8] = true
    core.log.secret(token)
  end
  local grant = { token = token, token8 = token8, n = n, slot = slot, minted_us = minted_us, class = class }
  if slot == 0 then self.unlimited[class or "none"] = { until_us = mono() + LOOK_AGAIN_US, grant = grant } end
  return grant
end

--- Where nothing limits a call, its token is good for a moment: the state need not be asked each time. nil: ask, by `take`.
---@return table? grant
function Governor:at_hand(class)
  local last = self.unlimited[class or "none"]
  if not last or mono() >= last.until_us then return nil end
  local g = last.grant
  return { token = g.token, token8 = g.token8, n = g.n, slot = 0, minted_us = g.minted_us, class = class }
end

--- The first of its queue asks until it has its grant.
local function ask(self, class, o, queue)
  local failures, refusals = self.mints_failed, o.refusals or self.refusals
  while true do
    if self.refusals > refusals then return nil, errors.copy(self.refusal) end
    local action, more, a, b, c, d, e = propose(self, class, o, queue)
    if not action then return nil, more end
    local ok, err = true, nil
    if more and more > 0 then grow(self, o, more) end
    if action == "grant" then
      return granted(self, class, a, b, c, d, e)
    elseif action == "wait" then
      if b == "slot" and queue then queue.since_us = queue.since_us or mono() end
      ok, err = wait_for(self, a, b, o)
    elseif action == "mint" then
      local n
      n, err = begin_mint(self, o, false)
      if n then
        ok, err = send_mint(self, n, (terms(self, o)))
        if not ok and passes(err, self.mints_failed - failures) then
          ok = true                                        -- asked again when the pause that the failure brought is over
        elseif not ok and FINAL[err.kind] then
          self.refusals, self.refusal = self.refusals + 1, err     -- all who wait now need not ask again
        end
      elseif err then
        ok = nil
      end
    elseif b == "budget" and not o.wait then
      ok, err = spent(a)
    elseif b == "failed" and self.mints_failed > failures and not passes(self.mint_error, self.mints_failed - failures) then
      ok, err = nil, errors.copy(self.mint_error)
    else
      ok, err = wait_for(self, a, b == "failed" and "pause" or "budget", o)
      if not ok and b == "failed" and self.mint_error then err = errors.copy(self.mint_error) end
    end
    if not ok then return nil, err end
  end
end

local function leave(queue, ticket)
  for i = 1, queue.n do
    if queue[i] == ticket then
      table.remove(queue, i)
      queue.n = queue.n - 1
      break
    end
  end
  local first = queue[1]
  if not first then queue.since_us = nil elseif first.turn then first.turn:set() end
end

--- Waits for its turn among those of its class, then asks. nil, err when the deadline comes first.
local function queue_up(self, class, o, queue, ticket)
  if queue[1] ~= ticket then
    ticket.turn = task.event()
    local left = not o.wait and o.deadline_us and (o.deadline_us - ticket.at_us) / 1e6 or nil
    if left and left <= 0 or not ticket.turn:wait(left) then return too_late(0, "slot") end
    if o.wait and o.deadline_us then o.deadline_us = o.deadline_us + mono() - ticket.at_us end
  end
  o.refusals = ticket.refusals
  return ask(self, class, o, queue)
end

--- Waits for its turn and for what it takes.
local function wait_turn(self, class, o)
  if not class then return ask(self, nil, o) end
  local queue = self.queues[class]
  if not queue then
    queue = { n = 0 }
    self.queues[class] = queue
  end
  local ticket = { at_us = mono(), refusals = self.refusals }
  queue.n = queue.n + 1
  queue[queue.n] = ticket
  local ok, grant, err = pcall(queue_up, self, class, o, queue, ticket)
  leave(queue, ticket)
  if not ok then error(grant, 0) end
  return grant, err
end

--- Permission to send one request of `class` ("push", "personalise", nil: any other call) now. Blocks the calling task.
-- `tokens`: as of `new`, for this caller; `demand`: requests that wait to be sent, this one included, when the caller knows (a
-- campaign); `need_by_us`: when they should all have been sent; `deadline_us`: give up then; `wait`: for the next possible mint
-- too, however long (`deadline_us` of the table moves on meanwhile); `on_wait(seconds, why)` is told of every wait.
---@return table? grant { token, token8, class, minted_us, ... } for sent, answered and revoked
---@return tcb.Error? err rate (says when it is possible), store, or what the mint met
function Governor:take(class, options)
  local o = options or {}
  if not task.detaches then return wait_turn(self, class, o) end
  local ok, err = task.may_wait()
  if not ok then return nil, err end
  -- nginx drops a request's threads when its client goes away: whoever waits or mints for others does so in a thread that stays
  local queue = class and self.queues[class]
  if not queue or queue.n == 0 then
    local action, more, a, b, c, d, e = propose(self, class, o)
    if not action then return nil, more end
    if more and more > 0 then grow(self, o, more) end
    if action == "grant" then return granted(self, class, a, b, c, d, e) end
  end
  return task.detached(wait_turn, self, class, o)
end

--- Makes one token more, whatever the pool holds: a proof of the key. Blocks for the answer, not for the budget.
---@return boolean? ok
---@return tcb.Error? err rate when no mint is free now
function Governor:prove()
  local n, err = begin_mint(self, {}, false)
  if not n then return nil, err or errors.new{ kind = "rate", message = "no token can be made now" } end
  return send_mint(self, n, (terms(self, {})))
end

--- Stops (a reason to wait, not an error) or resumes the sends of the account in every process that shares the store.
---@param stop boolean
function Governor:pause(stop)
  local at = stop and core.clock.now() or nil
  local ok, err = self:update(function(state) state:stop(at) return true end, true)
  self.unlimited = {}
  self.changed:pulse()
  return ok, err
end

--- Drops all tokens and the mint history.
function Governor:forget()
  self.unlimited = {}
  return self:update(function(state) state:forget() return true end, true)
end

--- Instants in epoch ms: `{ tokens = { { id, minted_at, ends_at, is_ours, usable, push_used, personalise_used, paused_until } },
-- pool, mints_left, minting, next_mint_at, paused_at, paused_until, cautious_until }`.
function Governor:status()
  local s, err = self:update(function(state) return state:status() end)
  if not s then return nil, err end
  local now = core.clock.now()
  local function wall(us) return us > 0 and now + math.ceil((us - s.now_us) / 1000) or nil end
  local function ahead(us) return us > s.now_us and wall(us) or nil end
  local result = { tokens = {}, mints_left = s.mints_left, minting = s.minting, next_mint_at = wall(s.next_mint_us),
    paused_at = s.stopped_at, paused_until = ahead(s.pause_us), cautious_until = ahead(s.cautious_us),
    pool = self.tokens or POOL }
  for i, t in ipairs(s.tokens) do
    result.tokens[i] = { id = t.id, minted_at = wall(t.minted_us), ends_at = wall(t.ends_us), is_ours = t.is_ours,
      usable = t.is_ours and t.usable_until_us > s.now_us, push_used = t.push_used, personalise_used = t.personalise_used,
      paused_until = ahead(t.paused_us) }
  end
  return result
end

function Governor:close()
  self:flush()
  self.store:close()
end

return M
