--- Everything random in a sandbox: drawn from its seed by name, so that the same seed gives the same ids, tokens and delays
-- whatever the order of questions.
-- @module tcb.sandbox.ids
local core = require "tcb.core"
local M = {}

--- 64 hex digits -> a version 4 UUID.
local function uuid_of(hex)
  local variant = ("89ab"):sub(tonumber(hex:sub(17, 17), 16) % 4 + 1, tonumber(hex:sub(17, 17), 16) % 4 + 1)
  return ("%s-%s-4%s-%s%s-%s"):format(hex:sub(1, 8), hex:sub(9, 12), hex:sub(14, 16), variant, hex:sub(18, 20), hex:sub(21, 32))
end

--- A seed that no other start has.
function M.fresh_seed()
  local file = io.open("/dev/urandom", "rb")
  local bytes = file and file:read(7) or tostring(core.clock.mono()) .. tostring({})
  if file then file:close() end
  return ("%.0f"):format(tonumber(core.sha256(bytes):sub(1, 12), 16))
end

function M.new(seed)
  local self = {}
  local function hex(name) return core.sha256("tcb sandbox\n" .. seed .. "\n" .. name) end
  --- 64 characters.
  self.hex = hex
  function self.uuid(name) return uuid_of(hex(name)) end
  --- 0 <= number < 1.
  function self.draw(name) return tonumber(hex(name):sub(1, 12), 16) / 0x1000000000000 end
  return self
end

return M
