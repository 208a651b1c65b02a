--- The memory store: the account's state lives in this program and ends with it.
--
-- A store is what a governor keeps its account in: `kind`, and either `live = true` (the state stays where it is) or
-- `update(self, fn, durable)`: `fn(bytes | nil) -> bytes to keep | nil, results...`, called under mutual exclusion of all that
-- share the store; update returns the results, or nil and an error of kind store when the state could not be read or kept.
-- @module tcb.store.memory
local M = {}

function M.new()
  return { kind = "memory", live = true, close = function() end }
end

return M
