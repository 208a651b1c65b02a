--- The prompt.
-- @module tcb.host.repl
local M = {}

local function evaluate(text)
  local chunk, message = load("return " .. text, "=stdin", "t")
  if not chunk then chunk, message = load(text, "=stdin", "t") end
  if not chunk then return nil, message end
  return chunk
end

function M.run()
  setmetatable(_G, { __index = function(globals, name)
    if name ~= "tcb" then return nil end
    rawset(globals, "tcb", require "tcb")
    return globals.tcb
  end })
  while true do
    io.stderr:write "> "
    local line = io.read()
    if not line then return 0 end
    local chunk, message = evaluate(line)
    local results = chunk and table.pack(pcall(chunk)) or { false, message, n = 2 }
    for i = results[1] and 2 or 2, results.n do
      (results[1] and io.stdout or io.stderr):write(tostring(results[i]), i < results.n and "\t" or "\n")
    end
  end
end

return M
