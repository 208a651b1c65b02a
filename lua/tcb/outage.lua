--- The retry budget of an account: repeats are paid for, so that a service in trouble is not answered by a storm; and while
-- nothing succeeds at all, first attempts are too: one probe now and then, and full speed again with the first success.
-- Does not wait and reads no clock: it is told the time.
-- @module tcb.outage
local M = {}

local Outage = {}
Outage.__index = Outage

local CREDIT_MAX = 10                  -- repeats at once
local PER_SECOND, PER_SUCCESS = 0.5, 0.2
local FAILURES = 5                     -- in a row, without an answer that shows a service in order: an outage
local PROBE_US = 2000000

---@return table outage
function M.new()
  return setmetatable({ credit = CREDIT_MAX, at_us = 0, failures = 0, probe_us = 0, is_out = false }, Outage)
end

local function refill(self, now_us)
  self.credit = math.min(CREDIT_MAX, self.credit + math.max(0, now_us - self.at_us) / 1e6 * PER_SECOND)
  self.at_us = now_us
end

--- May a request be sent now? 0, or the microseconds after which to ask again. `is_repeat`: it has failed before.
function Outage:ask(now_us, is_repeat)
  refill(self, now_us)
  if self.is_out then
    if now_us < self.probe_us then return self.probe_us - now_us end
    self.probe_us = now_us + PROBE_US
    return 0
  end
  if not is_repeat then return 0 end
  if self.credit < 1 then return math.ceil((1 - self.credit) / PER_SECOND * 1e6) end
  self.credit = self.credit - 1
  return 0
end

--- The service answered in an orderly way. True when that ends an outage.
function Outage:succeeded(now_us)
  refill(self, now_us)
  self.credit = math.min(CREDIT_MAX, self.credit + PER_SUCCESS)
  local was_out = self.is_out
  self.failures, self.is_out = 0, false
  return was_out
end

--- The network or the service failed. True when that begins an outage.
function Outage:failed(now_us)
  self.failures = self.failures + 1
  if self.is_out or self.failures < FAILURES then return false end
  self.is_out, self.probe_us = true, now_us + PROBE_US
  return true
end

return M
