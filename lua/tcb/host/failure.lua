--- How an uncaught error ends the program: what is written to stderr, and the exit code of docs/reference.md.
-- @module tcb.host.failure
local native = require "tcb.host.native"
local M = {}

--- Exit codes of error kinds that reach the top; all others are 1.
local CODES = { auth = 3, forbidden = 3, config = 3, net = 5, timeout = 5, server = 5, rate = 5 }

--- Exit code for an error object; 1 for anything else. Does not block.
function M.code(err)
  return require "tcb.errors".is(err) and CODES[err.kind] or 1
end

--- Text for stderr: secrets and whole phone numbers replaced, whatever a script put into its error.
function M.clean(text)
  local log = require "tcb.core".log
  for _, name in ipairs { "TCB_API_KEY" } do
    local secret = os.getenv(name)
    if secret then log.secret(secret) end
  end
  return (log.redact(text))
end

--- An error value as text. Raises nothing, whatever the value's own __tostring does.
function M.describe(value)
  if type(value) == "string" then return value end
  local meta = getmetatable(value)
  if type(meta) == "table" and meta.__tostring then
    local ok, text = pcall(tostring, value)
    return ok and text or "(error object whose __tostring failed)"
  end
  if value == nil then return "(error object is nil)" end
  return ("(error object is a %s value)"):format(type(value))
end

--- Only the script's own part of a traceback: the last lines are the host's.
local function own_part(trace)
  local lines = {}
  for line in trace:gmatch "[^\n]+" do
    if not line:find("lua/tcb/host/main.lua", 1, true) and line ~= "\t[C]: in ?" and not line:find "in function 'xpcall'"
      and not (#lines <= 1 and line:find "%[C%]: in function 'error'") then
      lines[#lines + 1] = line:gsub("in local 'chunk'$", "in main chunk")
    end
  end
  while lines[#lines] == "\t(...tail calls...)" do lines[#lines] = nil end
  return lines
end

--- Writes an uncaught error, made by the handler of tcb.host.main, to stderr. Returns the exit code.
---@param failure { value: any, traceback: string }
---@return integer
function M.report(failure)
  local caught = native.caught()
  local value, trace = failure, nil
  if type(failure) == "table" and failure.traceback then value, trace = failure.value, failure.traceback end
  if caught == 141 then return caught end                -- nobody reads: nothing to say
  local code = M.code(value)
  if type(value) == "table" and value.syntax and getmetatable(value) == nil then
    io.stderr:write("tcb: ", M.clean(value.syntax), "\n")
    return 1
  end
  if caught then
    io.stderr:write("tcb: interrupted\n")
    return caught
  end
  local text = M.describe(value)
  local out = { "tcb: ", text, "\n" }
  local inner_value, inner = native.inner()
  if inner and rawequal(inner_value, value) or (type(value) == "string" and type(inner_value) == "string"
    and value:sub(-#inner_value) == inner_value) then trace = inner .. "\n" .. (trace or ""):gsub("^stack traceback:", "called from:") end
  local lines = trace and own_part(trace) or {}
  if #lines > 1 then out[#out + 1] = table.concat(lines, "\n") .. "\n" end
  io.stderr:write(M.clean(table.concat(out)))
  return code
end

return M
