--- What the service's objects look like in Lua: its own field names, instants as epoch ms, numbers as digits.
-- @module tcb.objects
local core = require "tcb.core"
local M = {}

--- Instants of an object from ISO 8601 to epoch ms, in place: every field whose name ends in `_at`. What cannot be read stays
-- as it came.
---@param object table
---@return table object
function M.instants(object)
  for name, value in pairs(object) do
    if type(value) == "string" and type(name) == "string" and name:sub(-3) == "_at" then
      object[name] = core.instant.parse(value) or value
    end
  end
  return object
end

--- A number as the service sends it, without its `+`; what is no number (a masked one, a text) as it came.
function M.digits(number)
  if type(number) ~= "string" then return number end
  return number:match "^%+(%d+)$" or number
end

return M
