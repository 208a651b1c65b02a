--- The prompt's history file: masked, without secrets, readable by its owner alone.
-- @module tcb.host.history
local core = require "tcb.core"
local M = {}

local KEEP = 1000

local function path()
  local dir = require "tcb.config".state_dir()
  return dir and dir .. "/history"
end

--- May this line be kept? Nothing that holds a registered secret, or looks as if it held one.
function M.is_fit(line)
  if core.log.redact(line):find("[secret]", 1, true) then return false end
  local low = line:lower()
  return not (low:find "api_?key" or low:find "secret" or low:find "passw" or low:find "token%s*=" or low:find "bearer")
end

--- Lines of earlier sessions, the oldest first; shortens the file when it has grown. Does nothing where there is no place for it.
function M.load()
  local lines, file = {}, path() and io.open(path(), "r")
  if not file then return lines end
  for line in file:lines() do lines[#lines + 1] = line end
  file:close()
  if #lines > 2 * KEEP then
    table.move(lines, #lines - KEEP + 1, #lines, 1)
    for i = KEEP + 1, #lines do lines[i] = nil end
    core.private_write(path(), table.concat(lines, "\n") .. "\n")
  end
  return lines
end

--- Appends one line, its phone numbers masked.
function M.add(line)
  if not path() or not M.is_fit(line) or not line:match "%S" then return end
  local file = io.open(path(), "r")
  if file then file:close() elseif not core.private_write(path(), "") then return end
  file = io.open(path(), "a")
  if not file then return end
  file:write((core.log.redact(line):gsub("[\r\n]", " ")), "\n")
  file:close()
end

return M
