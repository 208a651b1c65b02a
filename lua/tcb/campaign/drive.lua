--- Drives a campaign: what push and reconcile do, in order.
-- @module tcb.campaign.drive
local core = require "tcb.core"
local errors = require "tcb.errors"
local again = require "tcb.campaign.again"
local counts = require "tcb.campaign.counts"
local events = require "tcb.campaign.events"
local items = require "tcb.campaign.items"
local order = require "tcb.campaign.order"
local program = require "tcb.program"
local journal = require "tcb.campaign.journal"
local push = require "tcb.campaign.push"
local reconcile = require "tcb.campaign.reconcile"
local setup = require "tcb.campaign.setup"
local summary = require "tcb.campaign.summary"
local windows = require "tcb.campaign.windows"
local task = require "tcb.task"

local STATE = journal.STATE
local now = core.clock.now
local M = {}

--- Batches whose program ended between intent and answer: nobody knows whether they left.
local function recover(j)
  for b in j:batches("state = ?", STATE.intent) do
    local at = now()
    local ok, err = j:mark(b.seq, STATE.doubt, "interrupted before the answer was read", events.line("interrupted", at))
    if not ok then return nil, err end
  end
  return j:durable()
end

--- Once all libraries have run, most of what they brought into memory is never needed again.
local function give_memory_back()
  if program.trim then program.trim() end
end

---@class tcb.campaign.Drive
local Drive = {}
Drive.__index = Drive

local function drive(c, j, o)
  if not core.clock.virtual() then pcall(require, "tcb.curl") end
  give_memory_back()
  local count = counts.new(j)
  count.on_answer = give_memory_back
  local self = setmetatable({ campaign = c, journal = j, o = o, counts = count, shape = setup.shape(c, j), conf = c.client._conf }, Drive)
  self.caller = c.client._wire
  self.bodies = items.bodies(j, c.source, self.shape)
  return self
end

--- Requests for tokens count as the campaign's, whoever of the account needed them first.
function Drive:watch_mints()
  if not self.caller.caller then return true end
  local caller, err = self.caller.caller()
  if not caller then return nil, err end
  local function on_mint(attempt) self.counts:attempt(attempt) end
  self.governor = caller.governor
  caller:watch_mints(on_mint)
  self.unwatch_mints = function() caller:unwatch_mints(on_mint) end
  return true
end

--- Waits `seconds`, or until a request has ended or the run is stopped. Time in which there is nothing to send is no failure of the
--- service: it does not count against the patience.
function Drive:pause(seconds)
  local run, from = self.run, core.clock.mono()
  if run.stopped then return end
  local is_idle = run.in_flight == 0
  run.room:wait(math.max(0.001, seconds))
  if is_idle then run.succeeded_us = run.succeeded_us + core.clock.mono() - from end
end

--- Ends the run when a signal asked for it, and shows progress. One task; not on a virtual clock, where nobody interrupts.
function Drive:tick()
  if core.clock.virtual() then return end
  local hook, shown = self.o.on_progress, core.clock.mono()
  self.ticker = task.spawn(function()
    while true do
      task.sleep(0.1)
      if self.campaign.stop_reason then self.run:stop(self.campaign.stop_reason) end
      if hook and core.clock.mono() - shown >= self.o.progress_s * 1e6 then
        shown = core.clock.mono()
        hook(self:progress())
      end
    end
  end)
end

--- Tokens that the account can use now; the store is asked once a second at most. nil where it does not answer.
function Drive:tokens()
  local at, governor = core.clock.mono(), self.governor
  if governor and (not self.tokens_at or at - self.tokens_at >= 1e6) then
    local s, n = governor:status(), 0
    for _, t in ipairs(s and s.tokens or {}) do if t.usable then n = n + 1 end end
    self.tokens_at, self.token_count = at, s and n
  end
  return self.token_count
end

function Drive:progress()
  return self.counts:progress{ in_flight = self.run.in_flight, ceiling = self.ceiling, tokens = self:tokens(),
    fraction = self.fraction and self.fraction(), fraction_begin = self.fraction_begin }
end

--- What waits in the journal, then what is to be sent again.
function Drive:journal_items()
  local j, o = self.journal, self.o
  local waiting = j:batches("state = ?", STATE.waiting)
  local doubt = o.in_doubt == "resend" and j:batches("state = ?", STATE.doubt) or function() return nil end
  local groups = o.retry_failed > 0 and again.groups(j, o.retry_failed, self.shape.batch, now()) or function() return nil end
  local code
  return function()
    local b = waiting()
    if b then return self.bodies:item(b) end
    b = doubt()
    if b then
      local item, err = self.bodies:item(b)
      if item then item:resend() end
      return item, err
    end
    local group = groups()
    if not group then return nil end
    code = code or self:retry_code()
    local item, err = self.bodies:again(group, now())
    if item then item.expires_as = code end
    return item, err
  end
end

--- The code that "Failed to push" has in this journal.
function Drive:retry_code()
  for n, reason in pairs(self.journal:reasons()) do
    if reason.text == again.REASON then return core.outcome.FAILED + n end
  end
end

--- Batches of the input behind what the journal has; nil at the end, or nil, err.
function Drive:feed_items(batch)
  local j = self.journal
  local shape = {}
  for name, value in pairs(self.shape) do shape[name] = value end
  shape.batch = batch or shape.batch
  local c, feed, err = self.campaign, nil, nil
  if c.options.schedule then
    feed, err = windows.open(c, j, shape)
  else
    local sorted
    sorted, err = order.is_sorted(c, j, self.conf, shape)
    if sorted == nil then return nil, err end
    shape.sort = sorted or nil
    feed, err = c.source:feed(shape, j:checkpoint())
  end
  if not feed then return nil, err end
  if self.feed then self.feed:close() end
  self.feed = feed
  if self.campaign.options.each and feed.each then feed:each(self.campaign.options.each) end
  if feed.remembers then                                    -- keys of an earlier run count
    for row in assert(j:statement("SELECT hashes FROM hash JOIN input USING (seq) WHERE origin IS NULL")):rows() do
      local ok, failed = feed:remember(row[1])
      if not ok then return nil, failed end
    end
  end
  self:estimate(feed)
  self:note_input(feed)
  return function()
    while not self.run.stopped do
      local b, why, rest = feed:next(now(), false)
      if b then
        self.taken = self.taken + 1
        local item = items.of_feed(feed, b)
        self.counts:planned(item)
        self:wait_lead(item)
        return item
      elseif why == "wait" then
        self:wait_input(feed)
      elseif why == "later" then
        self:pause(math.min(rest, 3600))
      elseif why == "refused" or why == "end" then
        local ok, failed = self:keep_refusals(feed, rest, why == "end")
        if not ok then return nil, failed end
        if why == "end" then return nil end
      else
        return nil, why
      end
    end
  end
end

--- The header says with each commit what was read of the input: later runs see whether it is still the same.
function Drive:note_input(feed)
  if not feed.consumed then return end
  local j = self.journal
  local before, noted = j.header["input.read"] and j.header["input.read"] .. " " or "", nil
  local note_counts = j.before_commit
  j.before_commit = function()
    if note_counts then note_counts() end
    local ok, err = feed:sync()                           -- what was kept of a pipe is durable before the batches made of it
    if not ok then return err end
    local consumed = feed:consumed()
    local read = consumed and before .. consumed
    if read ~= noted then
      noted = read
      j:set{ ["input.read"] = read }
    end
  end
end

--- Lets the run know how many batches are still to come: as the part read so far suggests, or, of a pipe, as many as came.
function Drive:estimate(feed)
  local from = feed.fraction and feed:fraction() or nil
  self.taken, self.fraction_begin = 0, from
  self.fraction = function() return feed.fraction and feed:fraction() or nil end
  self.run.to_come = function()
    local read = self.fraction()
    if not read or not from or read <= from then return self.taken end
    return self.taken * (1 - read) / (read - from)
  end
end

--- Refusals without a batch behind them; at the end of the input the journal learns that it was read.
function Drive:keep_refusals(feed, rest, is_end)
  local j, ok, err = self.journal, true, nil
  local dropped = (rest.dropped or 0) + (rest.excluded_count or 0)
  if rest.refused ~= "" or dropped > 0 then
    ok, err = j:add{ records = 0, refused = rest.refused, refused_count = rest.refused_count, dropped = dropped, split = rest.split,
      checkpoint = feed.checkpoint and feed:checkpoint() or nil }
    self.counts:refused(rest)
  end
  if ok and is_end then ok, err = j:set{ input_done = 1 } end
  return ok, err
end

function Drive:wait_input(feed)
  local fd = feed:fd()
  local poller = fd and { fd = function() return fd end, step = function() self.run.room:pulse() end }
  if poller then
    local loop = require "tcb.task.loop"
    loop.add_poller(poller)
    pcall(self.pause, self, 3600)
    loop.remove_poller(poller)
  else
    self:pause(0.05)
  end
end

--- With a lead a batch waits until its first window is near enough.
function Drive:wait_lead(item)
  local lead = self.campaign.options.lead_s
  while lead and not self.run.stopped do
    local left = (item.starts_at - lead * 1000 - now()) / 1000
    if left <= 0 then return end
    self:pause(math.min(left, 60))
  end
end

--- Sends all that `next_item` gives. true, or nil, err when it failed. What is raised meanwhile, by a hook say, is raised again once what
--- is under way has its answer.
function Drive:send_all(next_item)
  local failed
  self.run.items = function()
    local item, err = next_item()
    failed = failed or err
    return item
  end
  local run = self.run
  local ok, raised = pcall(run.dispatch, run)
  if not ok and errors.is(raised) and (raised.kind == "cancelled" or raised.kind == "memory") then error(raised, 0) end
  if not ok then run:stop "raised" end
  run:drain()
  if not ok or run.raised then error(run.raised or raised, 0) end
  if failed and not self.run.stop_err then self.run:stop("input", failed) end
  return not self.run.stopped, self.run.enough
end

--- Settles the batches behind `after` (seq); true when all are settled.
function Drive:settle(where, timeout_s)
  local r, err = reconcile.new{
    journal = self.journal, caller = self.caller, counts = self.counts, give_up_s = self.o.give_up_s, patience_s = self.o.patience_s,
    deadline_s = self.conf.deadline_s, timeout_s = timeout_s, dialect = setup.stored(self.campaign, self.journal).dialect,
    where = where, on_settled = self:outcome_hook(),
  }
  if not r then return nil, err end
  local before = self.run
  self.run, self.campaign.running = r, r
  if before and before.stopped then r:stop(before.stopped, before.stop_err) end
  local done = r:go()
  return done, r.stop_err
end

local NAMES = { [core.outcome.SUCCESS] = "success", [core.outcome.EXPIRED] = "expired", [core.outcome.UNREPORTED] = "in_doubt" }

--- Calls on_outcome for each record whose outcome came with a document; nil without the hook.
function Drive:outcome_hook()
  local hook, j = self.o.on_outcome, self.journal
  if not hook then return nil end
  return function(b, old, new, ids)
    local reasons = j:reasons()
    for i = 1, #new do
      local code = new:byte(i)
      if code ~= core.outcome.OPEN and code ~= core.outcome.MOVED and (not old or old:byte(i) ~= code) then
        hook{ batch_id = b.batch_id, seq = b.seq, position = i, outcome = NAMES[code] or "failed", record_id = core.outcome.id(ids, i),
          reason = code >= core.outcome.FAILED and reasons[code - core.outcome.FAILED].text or nil }
      end
    end
  end
end

--- The first records go alone, and the rest only when few enough of them fail.
function Drive:canary()
  local o, j = self.o, self.journal
  if not o.canary or j.header.canary == "passed" then return true end
  local left = o.canary
  local next_item, err = self:feed_items(math.min(o.canary, self.shape.batch))
  if not next_item then return nil, err end
  local ok, enough = self:send_all(function()
    if left <= 0 then return nil end
    local item, failed = next_item()
    if item then left = left - item.records end
    return item, failed
  end)
  if not ok or enough then return ok end
  local settled
  local run = self.run
  settled, err = self:settle(nil, o.patience_s)
  self.run, self.campaign.running = run, run
  if err then return nil, err end
  local s = summary.read(j)
  local share = (s.failed + s.in_doubt) * 100 / math.max(1, s.failed + s.in_doubt + s.success)
  if settled and share <= o.stop_over then return j:set{ canary = "passed" } end
  self.run:stop("canary", errors.new{ kind = "input", slug = "canary", message = settled
    and ("the canary of %d records failed: %.1f %% of them failed, at most %g %% may"):format(o.canary, share, o.stop_over)
    or ("the canary of %d records did not settle in %g s"):format(o.canary, o.patience_s),
    remedy = "see the reasons (tcb why, tcb report); nothing else was sent" })
  return false
end

--- New batches of the journal and the input until nothing is left; then, if asked, settles and sends again what may go again.
function Drive:push_all()
  local j, ok, err = self.journal, nil, nil
  if j.header.input_done ~= 1 then
    ok, err = self:canary()
    if not ok then return nil, err end
  end
  local enough
  local waiting = self.counts.before.waiting / self.shape.batch
  self.run.to_come = function() return waiting - self.run.handed_out end
  ok, enough = self:send_all(self:journal_items())
  if ok and not enough and j.header.input_done ~= 1 then
    local next_item
    next_item, err = self:feed_items(self.o.max_records and math.max(1, math.min(self.o.max_records, self.shape.batch)))
    if not next_item then return nil, err end
    ok = self:send_all(next_item)
  end
  self.enough = self.run.enough
  if ok then ok, err = j:durable() end
  return ok, err
end

function Drive:new_run()
  local o, c = self.o, self.campaign
  if self.shape.dialect == "v1" then require("tcb.v1").notice("v1_push", "push") end
  self.run = push.new{
    dialect = self.shape.dialect,
    journal = self.journal, caller = self.caller, counts = self.counts, hooks = { on_batch = o.on_batch }, in_doubt = o.in_doubt,
    strict = c.options.strict or c.options.schedule ~= nil, patience_s = o.patience_s, deadline_s = self.conf.deadline_s,
    max_records = o.max_records,
    unlimited = self.conf.limits.push == false,
  }
  c.running = self.run
end

--- Pushes, settles, and pushes again what failed in a way that a later try may mend.
function Drive:push_and_wait()
  local o = self.o
  while true do
    local ok, err = self:push_all()
    if not ok then return nil, err end
    if not o.wait then return true end
    ok, err = self:settle(nil, o.timeout_s)
    if not ok then return nil, err or reconcile.unsettled(o.timeout_s) end
    if o.retry_failed == 0 or not again.groups(self.journal, o.retry_failed, self.shape.batch, now())() then return true end
    self:new_run()
  end
end

--- The summary, or the error that the run ended with. Being asked to stop is an error, too: the program has to end.
local function result(self, ok, err)
  local c, run = self.campaign, self.run
  err = err or run.stop_err or c._interrupted(c.stop_reason and c or {}, "the campaign")
  if not ok and not err and run.stopped then err = errors.new{ kind = "cancelled", message = "stopped" } end
  if err then return nil, err end
  local s = summary.read(self.journal, setup.rest(c, self.journal))
  s.stopped = self.enough
  return s
end

local function close(self)
  if self.ticker then task.cancel(self.ticker) end
  self.ticker = nil
  if self.unwatch_mints then self.unwatch_mints() end
  if self.feed then self.feed:close() end
  if self.campaign.source and self.campaign.source.close then self.campaign.source:close() end
end

--- Runs `fn(self, ...)`; the run ends with its result, or with what it raises.
local function finish(self, fn, ...)
  local returned, ok, err = pcall(fn, self, ...)
  if not returned then
    if not errors.memory(ok) then close(self) end
    error(ok, 0)
  end
  if self.o.on_progress then self.o.on_progress(self:progress()) end               -- one last word
  close(self)
  local done, failed = self.journal:durable()
  if not done and not err then err = failed end
  return result(self, ok, err)
end

--- Records a minute that the account's limits allow; 0: no limit.
local function ceiling(conf, batch)
  local push = conf.limits.push
  return push and math.floor((conf.tokens or 10) * batch * push.count * 60 / push.window_s) or 0
end

--- c:push. Runs in a task, with the journal open.
function M.push(c, j, o)
  local ok, err = recover(j)
  if not ok then return nil, err end
  local self = drive(c, j, o)
  self.ceiling = ceiling(self.conf, self.shape.batch)
  if self.ceiling ~= j.header.ceiling then ok, err = j:set{ ceiling = self.ceiling } end   -- for the report
  if ok then ok, err = self:watch_mints() end
  if not ok then return nil, err end
  self:new_run()
  self:tick()
  return finish(self, self.push_and_wait)
end

--- c:reconcile.
function M.reconcile(c, j, o)
  local ok, err = recover(j)
  if not ok then return nil, err end
  local self = drive(c, j, o)
  ok, err = self:watch_mints()
  if not ok then return nil, err end
  self:new_run()
  self:tick()
  return finish(self, function()
    local settled, why = self:settle(nil, o.timeout_s)
    return settled, why or (not settled and not self.run.stopped and o.timeout_s and reconcile.unsettled(o.timeout_s) or nil)
  end)
end

return M
