--- The loop of tcb.task inside HAProxy: many coroutines of HAProxy's wait at the same time, each lets HAProxy go on with core.msleep
--- and turns our loop when it wakes. Nothing is polled while nothing is waited for.
-- @module tcb.task.haproxy
local core = require "tcb.core"
local errors = require "tcb.errors"
local loop = require "tcb.task.loop"

local haproxy = rawget(_G, "core")       -- HAProxy's own
local msleep = haproxy.msleep

--- How long HAProxy is left alone between two looks of one that waits: what an answer may come late. 1 ms at first, 10 ms in a long
--- wait, so that many requests to a service that stalls cost next to nothing.
local LOOKS, STEP_MAX_MS = 50, 10
--- The same when no coroutine of HAProxy's waits any more.
local LEFT_ALONE_MS = 20

--- HAProxy interrupts Lua after some thousand instructions and lets another coroutine of the same state run. Inside our own
--- bookkeeping that must not happen: the interrupt is off from here until the next sleep.
function loop.enter()
  if not loop.current() then debug.sethook() end
end

local function cannot_wait()
  error(errors.new{ kind = "config", message = "tcb cannot wait here inside HAProxy",
    remedy = "call it from an action, a service or a task of HAProxy, not inside a converter, a fetch, a generator or a callback" }, 0)
end

loop.use_host{
  --- While HAProxy reads its configuration nothing else runs.
  may_block = function()
    local _, is_main = coroutine.running()
    return is_main
  end,
  sleep = function(seconds, waiter)
    waiter.looks = (waiter.looks or 0) + 1
    if loop.current() or not coroutine.isyieldable() or not core.is_marked() then cannot_wait() end
    local ok = pcall(msleep, math.max(1, math.floor(math.min(waiter.looks / LOOKS, STEP_MAX_MS, seconds * 1000))))
    if not ok then cannot_wait() end
    debug.sethook()
  end,
}

local driven = false

local function drive()
  debug.sethook()
  while loop.timeout() do
    local ok, err = pcall(loop.step)
    if not ok then core.log.write("error", "tcb inside HAProxy: " .. tostring(err)) end
    msleep(LEFT_ALONE_MS)
    debug.sethook()
  end
  driven = false
end

--- Goes on with tasks whatever becomes of the requests that wait for them: HAProxy drops the coroutine of one whose client has gone
--- (`option abortonclose`), in the middle of its wait.
function loop.outlives()
  if driven then return end
  driven = true
  haproxy.register_task(drive)
end

return loop
