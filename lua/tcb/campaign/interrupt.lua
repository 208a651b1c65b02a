--- Ctrl-C and SIGTERM during a campaign: no new request starts, those under way get their answer, the journal is complete.
-- The host binary tells; in other programs `campaign:stop()` does the same.
-- @module tcb.campaign.interrupt
local M = {}

--- Calls `fn(...)`; while it runs, a signal calls `stop(name)` with "INT" or "TERM" instead of raising. A second one ends the process.
function M.guard(stop, fn, ...)
  local ok, native = pcall(require, "tcb.host.native")
  if not ok or not native.on_interrupt then return fn(...) end
  local previous = native.on_interrupt(stop)
  local function restore(good, ...)
    native.on_interrupt(previous)
    if not good then error((...), 0) end
    return ...
  end
  return restore(pcall(fn, ...))
end

return M
