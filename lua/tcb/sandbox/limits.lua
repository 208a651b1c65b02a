--- Sliding limits: a request is kept while `t > now - window`, in the milliseconds that the ledger shows.
-- @module tcb.sandbox.limits
local M = {}

---@param limit table|false { count, seconds }; false: everything passes
function M.window(limit)
  local self = { first = 1, last = 0 }
  if not limit then
    function self.take() return true end
    function self.used() return 0 end
    return self
  end
  local count, window_ms = limit[1], limit[2] * 1000

  local function drop(now)
    while self.first <= self.last and self[self.first] <= now - window_ms do
      self[self.first] = nil
      self.first = self.first + 1
    end
  end

  --- Counts a request at `now`: true, or false when the limit is reached; then it is not counted.
  function self.take(now)
    drop(now)
    if self.last - self.first + 1 >= count then return false end
    self.last = self.last + 1
    self[self.last] = now
    return true
  end

  --- Requests that count at `now`.
  function self.used(now)
    drop(now)
    return self.last - self.first + 1
  end

  return self
end

return M
