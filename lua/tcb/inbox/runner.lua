--- Runs the handlers of an inbox's events: at least once each, several numbers at a time, one number's events in their order.
-- A handler fails by raising an error, by returning false, or nil and an error; then it runs again later, and after the last attempt
-- the event is dead (kept, listed, replayable). Handlers are tasks: waiting in one lets the others run.
-- @module tcb.inbox.runner
local core = require "tcb.core"
local event = require "tcb.event"
local queue = require "tcb.inbox.queue"
local task = require "tcb.task"
local M = {}

local FLUSH_US = 50000                  -- an end is recorded no later than this, unless a handler blocks
local FLUSH_MAX = 64
local SWEEP_S = 3600
local RETRY_S = 1                       -- when the disk refuses

---@class tcb.InboxRunner
local Runner = {}
Runner.__index = Runner
Runner.__name = "tcb.inbox.runner"

--- 12 attempts take about 8 hours.
M.BACKOFF_S = { 1, 5, 15, 60, 300, 900, 1800, 3600 }

--- Makes a runner; `start` or `run` sets it going. nil, err when another process handles this inbox.
---@param inbox tcb.Inbox
---@param options { on: table, workers: integer?, attempts: integer?, backoff_s: number[]? }
---  on: handlers by event type; `other` for types without one, `dead(event, error text)` for those given up
function M.new(inbox, options)
  local q, err = queue.new(inbox, { attempts = options.attempts or 12, backoff_s = options.backoff_s or M.BACKOFF_S })
  if not q then return nil, err end
  return setmetatable({ inbox = inbox, queue = q, on = options.on, workers = options.workers or 8, changed = task.event(), ended = {},
    first_end_us = nil, stopping = false, closed = false, counts = { handled = 0, failed = 0, dead = 0 } }, Runner)
end

--- An error as text; of its traceback only the handler's own part.
local function describe(err)
  local text = tostring(err):gsub("\n\t%[C%]: in function 'xpcall'.*$", "")
  return #text > 2000 and text:sub(1, 2000) or text
end

--- Calls the handler of `e`. Returns nil, or what went wrong as text.
local function call(self, e)
  local object, err = event.new(e.body, { seq = e.seq, received_at = e.received_at, attempt = e.attempts + 1 })
  if not object then return describe(err) end
  e.object = object
  local handler = self.on[object.type] or self.on.other
  if not handler then return nil end
  local results = { xpcall(handler, function(why)
    if type(why) ~= "string" then return why end
    return debug.traceback(why, 2)
  end, object) }
  if not results[1] then return describe(results[2]) end
  if results[2] == false or (results[2] == nil and results[3] ~= nil) then return describe(results[3] or "the handler returned false") end
  return nil
end

local function tell_dead(self, e)
  self.counts.dead = self.counts.dead + 1
  core.log.write("error", ("event %s is dead after %d attempts: %s"):format(e.id, e.attempts + 1, e.error:match "^[^\n]*"))
  if not self.on.dead then return end
  local ok, err = pcall(self.on.dead, e.object or event.new(e.body), e.error)
  if not ok then core.log.write("error", "the handler of dead events failed: " .. describe(err)) end
end

--- Records what has ended. False when the disk refuses: it is kept for the next time.
local function flush(self)
  local list = self.ended
  if #list == 0 or self.closed then return true end
  self.ended, self.first_end_us = {}, nil
  local ok, err = self.queue:finish(list)
  if not ok then
    core.log.write("error", "cannot record handled events: " .. tostring(err))
    for _, e in ipairs(list) do self.ended[#self.ended + 1] = e end
    self.first_end_us = core.clock.mono()
    return false
  end
  for _, e in ipairs(list) do
    if e.is_dead then tell_dead(self, e) end
  end
  return true
end

local function work(self, e)
  local why = call(self, e)
  if why then
    e.error = core.log.redact(why)
    self.counts.failed = self.counts.failed + 1
    core.log.write("warn", ("handler of event %s failed (attempt %d): %s"):format(e.id, e.attempts + 1, e.error:match "^[^\n]*"))
  else
    self.counts.handled = self.counts.handled + 1
  end
  self.ended[#self.ended + 1] = e
  self.first_end_us = self.first_end_us or core.clock.mono()
  if #self.ended >= FLUSH_MAX or core.clock.mono() - self.first_end_us > FLUSH_US then flush(self) end
  self.changed:pulse()
end

--- Starts what is due. Returns how many were started, or nil when the disk refuses.
local function start_due(self)
  local free = self.workers - (self.queue.busy - #self.ended)          -- who has ended is busy only until that is recorded
  if free <= 0 then return 0 end
  local list, err = self.queue:take(free)
  if not list then
    core.log.write("error", "cannot read the inbox: " .. tostring(err))
    return nil
  end
  for _, e in ipairs(list) do
    task.spawn(function() work(self, e) end)
  end
  return #list
end

local function sweep(self)
  if self.swept_us and core.clock.mono() - self.swept_us < SWEEP_S * 1e6 then return end
  self.swept_us = core.clock.mono()
  local n, err = self.inbox:sweep()
  if not n then core.log.write("error", "cannot sweep the inbox: " .. tostring(err)) end
end

--- How long to sleep until something can be due. nil: nothing but news can wake us.
local function nap_s(self)
  local ok, ms = pcall(self.queue.next_due_ms, self.queue)
  if not ok then return RETRY_S end
  return math.min(ms and ms / 1000 or 60, 60)
end

--- Handles events until `stop`, and those that are running then to their end. Blocks the calling task.
function Runner:run()
  while not self.stopping do
    sweep(self)
    local started = start_due(self)
    if started == 0 and #self.ended > 0 then
      if not flush(self) then self.changed:wait(RETRY_S) end
    elseif started == nil then
      self.changed:wait(RETRY_S)
    elseif started == 0 then
      self.changed:wait(nap_s(self))
    else
      task.sleep(0)
    end
  end
  while self.queue.busy > #self.ended and not self.closed do self.changed:wait(1) end
  flush(self)
end

--- Says that events have arrived.
function Runner:poke()
  self.changed:pulse()
end

--- Takes on no more; `run` returns when the running handlers have ended.
function Runner:stop()
  self.stopping = true
  self.changed:pulse()
end

--- Lets the inbox go. Handlers that still run are not waited for: what they do counts as not done. Harmless when repeated.
function Runner:close()
  self.stopping, self.closed = true, true
  self.queue:close()
  self.changed:pulse()
end

return M
