--- Runs the host binary as a user does: `tcb{ "labels", "--json", stdin = "...", env = { NO_COLOR = "1" } }` -> { out, err, code }.
local luas = require "support.luas"
local M = {}

local function quote(text)
  return "'" .. tostring(text):gsub("'", "'\\''") .. "'"
end
M.quote = quote

local function slurp(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end
M.slurp = slurp

M.binary = luas.root .. "/build/tcb" .. luas.suffix

--- Writes a file and gives its path back.
function M.file(text, path)
  path = path or os.tmpname()
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  return path
end

--- Runs a shell line; code is that of the shell, 128 + N when a signal ended the command.
function M.shell(line)
  local out, err, code = os.tmpname(), os.tmpname(), os.tmpname()
  os.execute(("{ %s\n} >%s 2>%s; echo $? >%s"):format(line, out, err, code))
  local result = { out = slurp(out), err = slurp(err), code = tonumber(slurp(code)) }
  for _, path in ipairs { out, err, code } do os.remove(path) end
  return result
end

--- The command line of a call, for use inside a larger shell line.
function M.line(call)
  local words = { "env", "-u", "TCB_BASE_URL", "-u", "TCB_ACCOUNT", "-u", "TCB_KEY_ID", "-u", "TCB_API_KEY", "COLUMNS=80" }
  for name, value in pairs(call.env or {}) do words[#words + 1] = name .. "=" .. quote(value) end
  if call.timeout ~= false then
    words[#words + 1] = "timeout"
    words[#words + 1] = tostring(call.timeout or 60)
  end
  words[#words + 1] = M.binary
  for _, word in ipairs(call) do words[#words + 1] = quote(word) end
  return table.concat(words, " ")
end

setmetatable(M, { __call = function(_, call)
  local input = "</dev/null"
  local path = call.stdin and M.file(call.stdin)
  if path then input = "<" .. path end
  local result = M.shell((call.cd and "cd " .. quote(call.cd) .. " && " or "") .. M.line(call) .. " " .. input)
  if path then os.remove(path) end
  return result
end })
return M
