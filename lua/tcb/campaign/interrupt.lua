--- Ctrl-C and SIGTERM during a campaign: no new request starts, those under way get their answer, the journal is complete.
-- The host binary tells; in other programs `campaign:stop()` does the same.
-- @module tcb.campaign.interrupt
local program = require "tcb.program"

local M = {}

--- Calls `fn(...)`; while it runs, a signal calls `stop(name)` with "INT" or "TERM" instead of raising. A second one ends the process.
function M.guard(stop, fn, ...)
  local on_interrupt = program.on_interrupt
  if not on_interrupt then return fn(...) end
  local previous = on_interrupt(stop)
  local function restore(good, ...)
    on_interrupt(previous)
    if not good then error((...), 0) end
    return ...
  end
  return restore(pcall(fn, ...))
end

return M
