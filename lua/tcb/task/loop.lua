--- The scheduler's loop: what can run, what waits, and how time passes. Public functions are in tcb.task.
-- @module tcb.task.loop
local core = require "tcb.core"
local errors = require "tcb.errors"
local heap = require "tcb.task.heap"

local clock, mono = core.clock, core.clock.mono
local running, resume_co, yield = coroutine.running, coroutine.resume, coroutine.yield
local isyieldable = coroutine.isyieldable
local unpack = table.unpack or unpack                              -- luacheck: ignore
local M = {}

--- What our own yields carry; a task that yields anything else simply lets the others run.
local PARKED = {}
--- Blocking waits nest on the C stack: beyond this level they resume no more tasks, only I/O and timers go on.
local LEVEL_MAX = 16
--- A sleep ends after this at the latest and looks at the clock again: the machine may have been suspended.
local SLEEP_MAX_S = 60
--- A foreign loop gets its turn again after so many of ours, also when tasks never stop running.
local STEP_ROUNDS_MAX = 1000
--- On a virtual clock, while bytes of real sockets are on their way: time stands still for steps of this length.
local BUSY_STEP_S = 0.05

local current                       -- the task being resumed, also while a generator inside it runs
local ready, head, tail = {}, 1, 0  -- what can run: ready[head..tail]
local timers = heap.new()
local idle = {}                     -- functions for the moment when nothing can run
local pollers = {}
local turning                       -- the waiter for whose sake a coroutine of the host turns the loop now
local roused = 0
local watcher                       -- a program's own loop watches a descriptor for us: makes it readable, or no longer
local told, stepping = false, false
local host                          -- a program whose own loop must go on: see use_host
local broken                        -- the error of a turn that memory did not suffice for: see attempt

--- Called before state that tasks share is touched; a host may have to do something about it. Nothing here.
function M.enter() end

--- The task that runs now, also while a generator inside it does; nil on the main thread.
function M.current() return current end

--- A program that watches a descriptor learns of what can run between its steps.
local function tell()
  if not watcher or stepping or told then return end
  told = true
  watcher(true)
end

local function untell()
  if not told then return end
  told = false
  if roused == 0 then watcher(false) end
end

--- Puts a task at the end of the queue of those that can run.
function M.make_ready(task)
  ready[tail + 1] = task
  tail = tail + 1
  tell()
end
local make_ready = M.make_ready

--- Coroutines of the host that sleep although what they wait for has come: the host must wake them.
local function rouse(change)
  roused = roused + change
  if host and host.rouse and (roused == 0 or change > 0) then host.rouse(roused > 0 or told) end
end

--- Ends the wait of `waiter` with `why` (default true). False when it had ended already. Want of memory ends it before anything has
--- changed, so that it may be repeated.
function M.wake(waiter, why)
  if waiter.done then return false end
  local task = waiter.task
  if task then ready[tail + 1] = task end
  if waiter.at then timers:remove(waiter) end
  if task then tail = tail + 1 end
  waiter.done, waiter.why = true, why == nil and true or why
  if task then tell() end
  if waiter.foreign and waiter ~= turning then
    waiter.woken_asleep = true
    rouse(1)
  end
  return true
end
local wake = M.wake

local block                         -- defined below: waits without yielding

--- Waits until `waiter` is woken or the monotonic instant `due_us` has come. A waiter is a fresh table, used once; its function
--- `cleanup`, where set, is called with it when an error (an interrupt) ends the wait. Returns what it was woken with, false when the time
--- was over, nil when the task was cancelled.
function M.park(waiter, due_us)
  local me = current
  M.enter()
  if me and me.cancelled then return nil end
  if waiter.done then return waiter.why end
  waiter.done, waiter.why = false, false                           -- the fields are there: see wake
  if due_us then timers:add(waiter, due_us) end
  if me then me.waiting = waiter end
  if me and running() == me.co and isyieldable() then
    waiter.task = me
    yield(PARKED)
  else
    block(waiter)
  end
  if me then me.waiting = nil end
  if waiter.why == "cancelled" then return nil end
  return waiter.why
end

local function resumed(task, previous, ok, ...)
  current = previous
  if not ok or coroutine.status(task.co) == "dead" then return task:finish(ok, ...) end
  if (...) ~= PARKED then make_ready(task) end
end

local function resume(task)
  local previous, args = current, task.args
  task.level = previous and previous.level + 1 or 1                -- how deep its stack sits on those of others
  current = task
  if not args then return resumed(task, previous, resume_co(task.co)) end
  task.args = nil
  return resumed(task, previous, resume_co(task.co, unpack(args, 1, args.n)))
end

--- Ends the waits whose time has come. True when one of them is a wait that blocks: its caller goes on before anything else.
local function fire_due()
  local first = timers[1]
  if not first then return false end
  local now, blocks = mono(), false
  while first and first.due <= now do
    blocks = blocks or not first.task
    wake(first, false)
    first = timers[1]
  end
  return blocks
end

--- Lets every poller step; before that waits for at most `timeout_s` until one has something to do.
local function poll(timeout_s)
  local fds = {}
  for i = 1, #pollers do
    local p = pollers[i]
    local most = p.timeout and p.timeout()
    if most and most < timeout_s then timeout_s = most end
    fds[#fds + 1] = p.fd()
  end
  if #pollers == 1 and #fds == 1 and pollers[1].sleeps then  -- it waits by itself: one system call less
    pollers[1].step(timeout_s)
    return
  end
  if #fds > 0 or timeout_s > 0 then core.poll(fds, timeout_s) end
  for i = #pollers, 1, -1 do pollers[i].step(0) end
end

--- Can anything outside wake us: a descriptor that is watched, or a time that a poller waits for?
local function watched()
  for i = 1, #pollers do
    if pollers[i].fd() or (pollers[i].timeout and pollers[i].timeout()) then return true end
  end
  return false
end

local function busy()
  for i = 1, #pollers do
    if pollers[i].busy and pollers[i].busy() then return true end
  end
  return false
end

--- Nothing can run: passes the time until the next thing happens.
local function pass_time()
  untell()
  local first = timers[1]
  if not first and not watched() and not host then
    error("tcb: nothing can wake the tasks that wait: each waits for another", 0)
  end
  if clock.virtual() then
    if #pollers > 0 then
      poll(busy() and BUSY_STEP_S or 0)
      if tail >= head or busy() then return end
      first = timers[1]
    end
    if not first then return poll(BUSY_STEP_S) end
    if first.due > mono() then clock.advance(first.due - mono()) end
  else
    local left = SLEEP_MAX_S
    if first then left = math.min(left, math.max(0, (first.due - mono()) / 1e6)) end
    if host and not host.may_block() then
      if #pollers > 0 then poll(0) end
      local mine = turning
      if tail < head and not mine.done then
        host.sleep(math.min(left, M.timeout() or left), mine)
        turning = mine                                       -- other coroutines of the host have turned the loop meanwhile
      end
    else
      poll(left)
    end
  end
  return fire_due()
end

--- What can run runs once; when nothing can, the idle functions. False when there was nothing to do.
local function work()
  if fire_due() then return true end
  local n = tail - head + 1
  if n > 0 and (not current or current.level <= LEVEL_MAX) then
    for _ = 1, n do
      if tail < head then break end                          -- a nested turn took them
      local task = ready[head]
      ready[head] = nil
      head = head + 1
      resume(task)
    end
    if tail < head then head, tail = 1, 0 elseif #pollers > 0 then poll(0) end
    return true
  elseif n <= 0 and #idle > 0 then
    local now = idle
    idle = {}
    for i = 1, #now do now[i]() end
    return true
  end
  return false
end

--- One turn: work, or time passes.
local function turn()
  if work() then return end
  if tail >= head and not timers[1] and not watched() and not host then
    error("tcb: too many generators or callbacks wait inside each other", 0)
  end
  pass_time()
end

--- pcall of a piece of the loop. Where memory does not suffice for the loop's own work, what it was about to do is lost, and who waits
--- for that would wait for ever: from then on every wait in this lua_State ends with that error.
local function attempt(fn, waiter)
  if broken then return false, broken end
  local ok, err = pcall(fn, waiter)
  if not ok and errors.memory(err) then broken = err end
  return ok, err
end

local function until_done(waiter)
  while not waiter.done do
    if broken then error(broken, 0) end                      -- by a wait of the task that ran
    turning = waiter
    turn()
  end
end

--- Waits for `waiter` by running turns: for the main thread and for coroutines that are not ours.
function block(waiter)
  local outer = turning
  waiter.foreign = host ~= nil and not host.may_block()
  local ok, err = attempt(until_done, waiter)
  if waiter.foreign then
    if waiter.woken_asleep then rouse(-1) end
  else
    turning = outer
  end
  if ok then return end
  if waiter.at then timers:remove(waiter) end
  waiter.done = true
  if waiter.cleanup then waiter:cleanup() end
  error(err, 0)
end
M.block = block

--- Lets the others run once.
function M.pass()
  local me = current
  if me and running() == me.co and isyieldable() then
    make_ready(me)
    yield(PARKED)
  elseif not work() and #pollers > 0 then
    poll(0)
  end
end

local function work_off()
  if #pollers > 0 then poll(0) end
  local rounds = 0
  while work() and rounds < STEP_ROUNDS_MAX do rounds = rounds + 1 end
end

--- For a foreign loop: does all that can be done now, and returns without waiting.
function M.step()
  if current and not broken then error("tcb.loop.step is for the program's own loop, not for a task", 2) end
  untell()
  stepping = true
  local ok, err = attempt(work_off)
  stepping = false
  if not ok then error(err, 0) end
end

--- `fn(on)` is called when something can run that the program's own loop does not know of yet, and with false at its next step.
function M.watched_by(fn)
  watcher = fn
  if told then fn(true) end
end

--- For a foreign loop: seconds until a step is wanted at the latest; nil when nothing is waited for.
function M.timeout()
  if tail >= head or #idle > 0 then return 0 end
  local least = timers[1] and math.max(0, (timers[1].due - mono()) / 1e6)
  for i = 1, #pollers do
    local most = pollers[i].timeout and pollers[i].timeout()
    if most and (not least or most < least) then least = most end
  end
  return least
end

--- `fn()` runs once, outside any task, when no task can run and before time passes. It must not wait.
function M.on_idle(fn) idle[#idle + 1] = fn end

--- Takes part in the waiting: `fd()` -> descriptor to watch for reading | nil, `timeout()` -> seconds until it wants a step | nil
--- (optional), `step(timeout_s)` does what can be done. `sleeps = true`: step itself waits for up to timeout_s. `busy()` (optional):
--- bytes are on their way, so that a virtual clock must not move. Adding one twice is harmless.
function M.add_poller(poller)
  M.remove_poller(poller)
  pollers[#pollers + 1] = poller
end

--- For hosts with an event loop in which many coroutines of theirs wait here at the same time: `may_block()` tells whether nothing
--- else runs yet; `sleep(seconds, waiter)` lets the host go on, for that long at most, and may return early.
function M.use_host(functions) host = functions end

function M.remove_poller(poller)
  for i = #pollers, 1, -1 do
    if pollers[i] == poller then table.remove(pollers, i) end
  end
end

return M
