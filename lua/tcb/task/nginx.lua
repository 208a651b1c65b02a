--- The loop of tcb.task inside nginx: tasks are nginx' own light threads, waiting is a semaphore. Nothing here blocks the worker.
-- Same functions as tcb.task.loop; waiting works in the phases where nginx lets a request sleep.
-- @module tcb.task.nginx
local errors = require "tcb.errors"

local M = {}
local ngx = rawget(_G, "ngx")
local semaphore                     -- ngx.semaphore, loaded when something first waits
local tasks = setmetatable({}, { __mode = "k" })                   -- [coroutine] = task
local unpack = table.unpack or unpack                              -- luacheck: ignore
local core = require "tcb.core"
local mono = core.clock.mono

--- A wait without an end still looks up now and then, so that a lost wake-up shows as a slow call, not a hung one.
local WAIT_MAX_S = 60
--- Lets the others run: this nginx has no cheap sleep(0).
local PASS_S = 0.001
local WAITS = { rewrite = true, access = true, content = true, timer = true, preread = true, ssl_cert = true }

--- nil and the error that names the phase, where nginx does not let anything wait.
function M.may_not_wait()
  return errors.fail("config", ("tcb cannot wait in nginx' %s phase"):format(ngx.get_phase()),
    { remedy = "call it in rewrite, access or content, or hand the work to ngx.timer.at(0, fn)" })
end

--- true where nginx lets something wait; else nil and that error.
function M.may_wait()
  if WAITS[ngx.get_phase()] then return true end
  return M.may_not_wait()
end

local function check_phase()
  local ok, err = M.may_wait()
  if not ok then error(err, 0) end
end

function M.current()
  local co = coroutine.running()
  return co and tasks[co]
end

local function body(task)
  tasks[coroutine.running()] = task
  ngx.sleep(PASS_S)                 -- whoever spawned it goes on first, as on every other host
  if task.cancelled then return task:finish(false, errors.new{ kind = "cancelled", message = "the task was cancelled" }) end
  local args = task.args
  return task:finish(pcall(task.fn, unpack(args or {}, 1, args and args.n or 0)))
end

--- Starts a task that is new; one that waited goes on by its semaphore.
function M.make_ready(task)
  if task.thread then return end
  check_phase()
  task.thread = true
  task.thread = ngx.thread.spawn(body, task)
end

function M.wake(waiter, why)
  if waiter.done then return false end
  waiter.done, waiter.why = true, why == nil and true or why
  if waiter.semaphore then waiter.semaphore:post(1) end
  return true
end

--- As in tcb.task.loop.
function M.park(waiter, due_us)
  local me = M.current()
  if me and me.cancelled then return nil end
  if waiter.done then return waiter.why end
  check_phase()
  semaphore = semaphore or require "ngx.semaphore"
  waiter.semaphore = semaphore.new(0)
  if me then me.waiting = waiter end
  while not waiter.done do
    local left = due_us and (due_us - mono()) / 1e6 or WAIT_MAX_S
    if left <= 0 then
      waiter.done, waiter.why = true, false
    else
      waiter.semaphore:wait(math.min(left, WAIT_MAX_S))
    end
  end
  if me then me.waiting = nil end
  if waiter.why == "cancelled" then return nil end
  return waiter.why
end

function M.block(waiter) return M.park(waiter) end

function M.pass()
  check_phase()
  ngx.sleep(PASS_S)
end

--- Runs when the light threads of this turn have had their say: at once, from a timer.
function M.on_idle(fn)
  local ok = ngx.timer.at(0, function() fn() end)
  if not ok then fn() end                                          -- the worker is going, or has no timer left
end

local waits_elsewhere = "inside nginx only nginx waits: tcb.sandbox, tcb.listen and tcb.campaign run in a process of their own"
function M.add_poller() error(errors.new{ kind = "config", message = waits_elsewhere }, 0) end
function M.remove_poller() end

--- Starts fn() in a timer's light thread: no request waits for it.
function M.background(fn)
  local ok, why = ngx.timer.at(0, function(premature)
    if premature then return end
    local good, err = pcall(fn)
    if not good then core.log.write("error", "a background task failed: " .. tostring(err)) end
  end)
  if not ok then core.log.write("warn", "nginx gives no timer: " .. tostring(why)) end
end

--- Runs fn(...) to its end even when the request that asked for it goes away: in a timer's light thread. Returns its results.
function M.detached(fn, ...)
  if ngx.get_phase() == "timer" then return fn(...) end
  local waiter, results, n = {}, nil, select("#", ...)
  local args = { ... }
  local ok, why = ngx.timer.at(0, function()
    results = { n = 0, pcall(fn, unpack(args, 1, n)) }
    M.wake(waiter)
  end)
  if not ok then
    return errors.fail("net", "nginx gives no timer: " .. tostring(why), { remedy = "raise lua_max_running_timers and lua_max_pending_timers" })
  end
  if M.park(waiter) == nil then error(errors.new{ kind = "cancelled", message = "the task was cancelled" }, 0) end
  if not results[1] then error(results[2], 0) end
  return unpack(results, 2, 12)
end

return M
