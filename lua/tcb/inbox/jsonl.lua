--- A handler that appends each event to a file, one JSON line each, as it came.
-- @module tcb.inbox.jsonl
local M = {}

--- An event's bytes on one line. A newline inside a JSON string is always escaped, so that any other is only space.
function M.line(body)
  return (body:gsub("[\r\n]+", " ")) .. "\n"
end

--- Opens `path` for appending ("-": standard output). Returns a handler table for tcb.listen's `on`, or nil, text.
---@param path string
---@return table? on { other = handler, close = function }
---@return string? why
function M.open(path)
  local file, why = io.stdout, nil
  if path ~= "-" then file, why = io.open(path, "a") end
  if not file then return nil, why end
  local function append(event)
    local ok, err = file:write(M.line(event.body))
    if ok then ok, err = file:flush() end
    if not ok then error("cannot write to '" .. path .. "': " .. tostring(err), 0) end
  end
  return { other = append, close = function() if path ~= "-" then file:close() end end }
end

return M
