--- Tasks: many things at once in one Lua state.
--
-- A task is a coroutine that our scheduler resumes. Waiting inside a task lets the others run. Waiting anywhere else (the main
-- thread, a generator of the user's, a gsub callback) never yields: it blocks its caller and runs turns of the scheduler meanwhile.
-- On the real clock an idle scheduler sleeps in poll(2); on a virtual clock it jumps to the earliest due time, ties by creation order.
-- @module tcb.task
local core = require "tcb.core"
local errors = require "tcb.errors"
local ngx = rawget(_G, "ngx")
local host = require "tcb.hosts".name()
local loop = require(host == "lua" and "tcb.task.loop" or "tcb.task." .. host)

local mono = core.clock.mono
local unpack = table.unpack or unpack                              -- luacheck: ignore
local M = { wake = loop.wake, on_idle = loop.on_idle, add_poller = loop.add_poller, remove_poller = loop.remove_poller,
  current = loop.current, enter = loop.enter or function() end }

---@class tcb.Task
local Task = {}
Task.__index = Task
Task.__name = "tcb.task"

local made = 0
local last = {}                     -- error value and traceback of the newest failure

local function new_group()
  return { pending = 0, live = {}, failed = {} }
end

--- A group holds the tasks of one outermost `run`; tasks spawned outside of any belong to `root`, for which nobody waits.
local root = new_group()

local function due_in(seconds)
  if not seconds then return nil end
  return mono() + math.floor(math.min(seconds, 1e9) * 1e6 + 0.5)
end

local function cancelled()
  return errors.new{ kind = "cancelled", message = "the task was cancelled" }
end

local function is_cancelled(err)
  return errors.is(err) and err.kind == "cancelled"
end

--- Called by the loop when the coroutine has ended. Who spawned it may have set `on_done(task)`, which runs in the loop whatever ended the
--- task, must not wait, and returns true when it has taken care of its error.
function Task:finish(ok, ...)
  local group, waiters = self.group, self.waiters
  self.done, self.waiters = true, nil
  if ok then
    self.n, self.results = select("#", ...), { ... }
  else
    self.failed, self.err = true, (...)
    if not is_cancelled(self.err) then
      self.trace = self.co and debug.traceback(self.co) or "(no traceback: a light thread of nginx)"
      last.err, last.trace = self.err, self.trace
    end
    if coroutine.close and self.co then coroutine.close(self.co) end     -- 5.4: runs pending <close> variables
  end
  self.co = nil
  for i = 1, waiters and #waiters or 0 do loop.wake(waiters[i]) end
  local is_told = self.on_done and self.on_done(self) or waiters
  if self.trace and not is_told then
    if group == root then
      core.log.write("error", "a spawned task failed: " .. tostring(self.err) .. "\n" .. self.trace)
    else
      group.failed[#group.failed + 1] = self
    end
  end
  group.pending, group.live[self] = group.pending - 1, nil
  if group.waiter and group.pending == 0 then loop.wake(group.waiter) end
end

function Task:__tostring()
  local state = not self.done and "running" or self.failed and "failed" or "done"
  return ("tcb.task %d (%s)"):format(self.id, state)
end

local function new_task(group, fn, ...)
  made = made + 1
  local n = select("#", ...)
  local task = setmetatable({ id = made, group = group, fn = fn, co = not ngx and coroutine.create(fn) or nil,
    args = n > 0 and { n = n, ... } or nil }, Task)
  group.live[task] = true
  loop.make_ready(task)
  group.pending = group.pending + 1
  if loop.outlives then loop.outlives() end
  return task
end

--- Waits for the end of `task` without touching its results. nil when the waiting task was cancelled.
local function join(task)
  if task.done then return true end
  local waiter = {}
  task.waiters = task.waiters or {}
  table.insert(task.waiters, waiter)
  return loop.park(waiter)
end

--- Waits until the task has ended; returns its results or raises its error. Blocks the calling task only.
---@return any ... its results
function Task:wait()
  if self == loop.current() then error("tcb: a task cannot wait for itself", 2) end
  self.observed = true
  if join(self) == nil then error(cancelled(), 0) end
  if self.failed then error(self.err, 0) end
  return unpack(self.results, 1, self.n)
end

local function check_function(fn, name)
  if type(fn) ~= "function" then error("tcb." .. name .. ": a function is expected, got " .. type(fn), 3) end
end

--- Runs `fn(...)` so that it comes to its end even when the caller vanishes (nginx drops a request's threads); elsewhere a plain call.
M.detached = loop.detached or function(fn, ...) return fn(...) end
M.detaches = loop.detached ~= nil
--- true, or nil and an error where the host lets nothing wait (some phases of nginx).
M.may_wait = loop.may_wait or function() return true end

--- Runs `fn(...)` as a task of its own, and waits for it, where the host may drop the caller in the middle of a wait but tasks live
--- on (HAProxy); elsewhere a plain call.
function M.outliving(fn, ...)
  if not loop.outlives or loop.current() then return fn(...) end
  return new_task(root, fn, ...):wait()
end

--- Starts `fn(...)` as a task and returns it at once. Inside `run` the task belongs to that run, which waits for it and raises its
--- error unless somebody waited for the task. Outside, it runs whenever something blocks, and its error goes to the log.
---@param fn function
---@param ... any its arguments
---@return tcb.Task
function M.spawn(fn, ...)
  check_function(fn, "spawn")
  M.enter()
  local me = loop.current()
  return new_task(me and me.group or root, fn, ...)
end

--- Starts `fn()` beside whatever runs; nobody waits for it, inside nginx not even the request that started it. Its errors are logged.
M.background = loop.background or function(fn) return new_task(root, fn) end

--- Cancels a task: what it waits for ends at once, as does all that it will wait for, with an error of kind `cancelled`.
function M.cancel(task)
  if task.done or task.cancelled then return end
  task.cancelled = true
  if task.waiting then loop.wake(task.waiting, "cancelled") end
end

local function cancel_all(group)
  local tasks = {}
  for task in pairs(group.live) do tasks[#tasks + 1] = task end
  table.sort(tasks, function(a, b) return a.id < b.id end)
  for _, task in ipairs(tasks) do M.cancel(task) end
end

local function drain(group)
  if group.pending == 0 then return end
  group.waiter = {}
  loop.block(group.waiter)
end

--- The first error among the tasks of a finished group that nobody has waited for; the others go to the log.
local function unobserved(group)
  local first
  for _, task in ipairs(group.failed) do
    if not task.observed and not first then
      first = task
    elseif not task.observed then
      core.log.write("error", "another spawned task failed: " .. tostring(task.err) .. "\n" .. task.trace)
    end
  end
  return first
end

--- Runs `fn(...)` and all that it spawns to the end; returns fn's results, or raises its error after cancelling what it spawned.
--- Inside a task: calls fn directly.
---@param fn function
---@param ... any its arguments
---@return any ... its results
function M.run(fn, ...)
  check_function(fn, "run")
  M.enter()
  if loop.current() then return fn(...) end
  local group, done = new_group(), {}
  local main = new_task(group, fn, ...)
  main.waiters = { done }
  local ok, interrupt = pcall(loop.block, done)
  if not ok or main.failed then cancel_all(group) end
  drain(group)
  if not ok then error(interrupt, 0) end
  local failed = main.failed and main or unobserved(group)
  if not failed then return unpack(main.results, 1, main.n) end
  last.err, last.trace = failed.err, failed.trace
  error(failed.err, 0)
end

--- Runs the functions of `list` at the same time and waits for all. Returns the list of their first results in order (with `n`).
--- The first that raises, or returns nil and an error object, cancels the others and is returned as nil, err.
---@param list (fun(): any)[]
---@return table? results
---@return any err an error object, or what was raised
function M.all(list)
  if type(list) ~= "table" then error("tcb.all: a list of functions is expected, got " .. type(list), 2) end
  for i = 1, #list do check_function(list[i], "all") end
  local me = loop.current()
  local tasks, finished, left, failed = {}, {}, #list, nil
  local function cancel_others(of)
    for _, task in ipairs(tasks) do
      if task ~= of then M.cancel(task) end
    end
  end
  local function on_done(task)
    left = left - 1
    local first, second = unpack(task.results or {}, 1, 2)
    if not failed and (task.failed or (first == nil and errors.is(second))) then
      failed = { err = task.failed and task.err or second }
      cancel_others(task)
    end
    if left == 0 then loop.wake(finished) end
    return true
  end
  for i = 1, #list do
    tasks[i] = new_task(me and me.group or root, list[i])
    tasks[i].on_done = on_done
  end
  function finished.cleanup() cancel_others() end
  if left > 0 and loop.park(finished) == nil then
    cancel_others()
    error(cancelled(), 0)
  end
  if failed then return nil, failed.err end
  local results = { n = #list }
  for i = 1, #list do results[i] = tasks[i].results[1] end
  return results
end

--- Waits for `seconds` (a fraction is fine). 0 lets the other tasks run once.
---@param seconds number
function M.sleep(seconds)
  if type(seconds) ~= "number" or not (seconds >= 0) then error("tcb.sleep: a number of seconds is expected", 2) end
  local me = loop.current()
  if seconds > 0 then
    if loop.park({}, due_in(seconds)) == nil then error(cancelled(), 0) end
  else
    loop.pass()
    if me and me.cancelled then error(cancelled(), 0) end
  end
end

--- Like the loop's park, with a timeout in seconds (nil: none): true or what `wake` was given, false after the timeout, nil when
--- this task was cancelled.
function M.park(waiter, timeout_s)
  return loop.park(waiter, due_in(timeout_s))
end

---@class tcb.Event
local Event = {}
Event.__index = Event

--- A thing that happens. `set` is remembered: later waits return at once, until `clear`. `pulse` wakes those who wait now and is
--- not remembered.
function M.event()
  return setmetatable({ is_set = false, waiters = {}, over = 0 }, Event)
end

--- Drops the waiters whose time was over, once they are the most.
local function tidy(event)
  event.over = event.over + 1
  if event.over < 16 or event.over * 2 < #event.waiters then return end
  local waiting = {}
  for _, waiter in ipairs(event.waiters) do
    if not waiter.done then waiting[#waiting + 1] = waiter end
  end
  event.waiters, event.over = waiting, 0
end

--- Waits until the event is set or pulsed: true; false after `timeout_s`. Raises an error of kind `cancelled` in a cancelled task.
function Event:wait(timeout_s)
  if self.is_set then return true end
  local waiter = {}
  self.waiters[#self.waiters + 1] = waiter
  local why = M.park(waiter, timeout_s)
  if not why then tidy(self) end
  if why == nil then error(cancelled(), 0) end
  return why
end

function Event:pulse()
  local waiters = self.waiters
  if #waiters == 0 then return end
  for i = 1, #waiters do loop.wake(waiters[i]) end
  self.waiters, self.over = {}, 0
end

function Event:set()
  self.is_set = true
  self:pulse()
end

function Event:clear() self.is_set = false end

--- The traceback of the task that failed with `err`, when that was the newest failure; else nil.
function M.traceback(err)
  if err ~= nil and rawequal(last.err, err) then return last.trace end
end

return M
