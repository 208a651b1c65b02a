--- Runs a Python script (spec/support/rawclient.py in its path) beside a server of this process, stepping the server meanwhile.
local luas = require "support.luas"
local M = {}
local count = 0

local function slurp(path)
  local f = io.open(path, "rb")
  if not f then return nil end
  local text = f:read "*a"
  f:close()
  return text
end

--- Starts `code`; the returned function tells its output once it has ended, else nil. PORT is the first argument of the script.
function M.start(port, code)
  count = count + 1
  local base = os.tmpname()
  local f = assert(io.open(base, "w"))
  f:write("import sys\nsys.path.insert(0, ", ("%q"):format(luas.root .. "/spec/support"), ")\nfrom rawclient import *\nWHERE = ",
    type(port) == "number" and ("%d"):format(port) or ("%q"):format(port), "\n", code)
  f:close()
  os.execute(("(timeout 60 python3 %s > %s.out 2>&1; mv %s.out %s.done) &"):format(base, base, base, base))
  return function()
    local text = slurp(base .. ".done")
    if text then os.remove(base) os.remove(base .. ".done") end
    return text
  end
end

--- Runs `code` to its end; `on_request(request)` answers what arrives. Returns the script's output.
function M.run(server, port, code, on_request)
  local ended = M.start(port, code)
  local give_up = os.time() + 60
  while os.time() < give_up do
    assert(server:step(0.02))
    local request = server:take()
    while request do
      on_request(request)
      request = server:take()
    end
    local text = ended()
    if text then return text end
  end
  error "the script did not end"
end

return M
