--- TCB_CLOCK: lets the wall clock of this program stand elsewhere, so that dates in examples and tests stay alive.
-- Pace and waits are never shifted: they run on the monotonic clock.
-- @module tcb.timeshift
local core = require "tcb.core"
local errors = require "tcb.errors"
local M = {}

local UNITS = { s = 1000, m = 60 * 1000, h = 3600 * 1000, d = 86400 * 1000 }
local applied                          -- the text that is in force in this program

--- Reads `+30s`, `-2h` (units s, m, h, d) as a shift, or an instant (epoch ms, ISO 8601 with zone) as the distance from now.
---@param text string
---@return integer? shift_ms
---@return tcb.Error? err
function M.parse(text)
  local sign, n, unit = text:match "^([+-])(%d+)([smhd])$"
  local shift
  if n and #n < 10 then
    shift = tonumber(sign .. n) * UNITS[unit]
  elseif not n then
    local at = core.instant.parse(text)
    shift = at and at - core.clock.now()
  end
  if not shift then
    return errors.fail("config", ("TCB_CLOCK is '%s'"):format(text),
      { remedy = "give a shift such as +30s or -2h, or an instant such as 2026-08-02T10:00:00Z" })
  end
  return shift
end

--- Puts TCB_CLOCK's text in force, once: a client made later finds the clock already there. Does not block.
---@param text string
---@return boolean? ok
---@return tcb.Error? err
function M.apply(text)
  if applied == text then return true end
  core.clock.shift(0)
  local shift, err = M.parse(text)
  if not shift then return nil, err end
  core.clock.shift(shift)
  applied = text
  return true
end

return M
