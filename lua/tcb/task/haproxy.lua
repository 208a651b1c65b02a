--- The loop of tcb.task inside HAProxy: many coroutines of HAProxy's wait at the same time, each lets HAProxy go on with core.msleep
--- and turns our loop when it wakes. Nothing is polled while nobody waits.
-- @module tcb.task.haproxy
local errors = require "tcb.errors"
local loop = require "tcb.task.loop"

local msleep = rawget(_G, "core").msleep

--- How long HAProxy is left alone between two looks at our sockets: what an answer may come late.
local STEP_MS = 1

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
  sleep = function(seconds)
    if loop.current() or not coroutine.isyieldable() then cannot_wait() end
    local ok = pcall(msleep, math.max(1, math.min(STEP_MS, math.floor(seconds * 1000))))
    if not ok then cannot_wait() end
    debug.sethook()
  end,
}

return loop
