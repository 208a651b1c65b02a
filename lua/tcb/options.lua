--- Option tables: unknown names and wrong types are mistakes in the program and raise, at the line of the call.
-- @module tcb.options
local M = {}

--- Checks an option table against its list and returns it, or an empty one. Never changes the caller's table.
---@param who string the function's name for the message
---@param options table?
---@param known table<string, string> option -> type: "string", "number", "integer" (1 and up), "instant" (epoch ms), "seconds" (0 and up), ...
---@param level? integer where the error points to; 1 = the caller
---@return table options
function M.check(who, options, known, level)
  level = (level or 1) + 1
  if options == nil then return {} end
  if type(options) ~= "table" then error(("%s: a table of options is expected, got %s"):format(who, type(options)), level) end
  for name, value in pairs(options) do
    local want, got = known[name], type(value)
    if not want then
      local names = {}
      for key in pairs(known) do names[#names + 1] = key end
      table.sort(names)
      error(("%s: unknown option '%s'; it takes %s"):format(who, tostring(name), table.concat(names, ", ")), level)
    end
    local is_whole = got == "number" and value == math.floor(value)
    if want == "integer" and not (is_whole and value >= 1) then
      error(("%s: option '%s' must be a whole number from 1"):format(who, name), level)
    elseif want == "instant" and not is_whole then
      error(("%s: option '%s' must be epoch milliseconds"):format(who, name), level)
    elseif want == "seconds" and not (got == "number" and value >= 0) then
      error(("%s: option '%s' must be a number of seconds"):format(who, name), level)
    elseif want ~= "integer" and want ~= "instant" and want ~= "seconds" and want ~= got then
      error(("%s: option '%s' must be a %s, not a %s"):format(who, name, want, got), level)
    end
  end
  return options
end

--- Raises unless `value` is of that type: for arguments that are not in a table.
function M.argument(who, name, value, want, level)
  if type(value) ~= want then
    error(("%s: %s must be a %s, not a %s"):format(who, name, want, type(value)), (level or 1) + 1)
  end
  return value
end

return M
