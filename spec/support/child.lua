--- Programs that specs start: servers that print "PORT PID" when they listen, ended by their pid.
local M = {}

--- Starts `command` (its first word is exec'ed, so that it is our child) and reads its first line.
---@return table { port, pid, line, stop() }
function M.start(command)
  local pipe = assert(io.popen("exec " .. command, "r"))
  local line = pipe:read "*l" or ""
  local port, pid = line:match "^(%d+) (%d+)$"
  local child = { port = tonumber(port), pid = tonumber(pid), line = line, pipe = pipe }
  function child.stop()
    if not child.pipe then return end
    if child.pid then os.execute("kill " .. child.pid .. " 2>/dev/null") end
    child.pipe:close()
    child.pipe = nil
  end
  if not child.pid then
    child.stop()
    error("did not start: " .. command .. ": " .. line)
  end
  return child
end

--- The misbehaving server of spec/support/raw.py.
function M.raw(arguments)
  local server = M.start("python3 spec/support/raw.py " .. (arguments or ""))
  server.url = "http://127.0.0.1:" .. server.port
  return server
end

--- A directory for one spec file, emptied first.
function M.directory(name)
  local path = ("build/spec-%s-%s"):format(os.getenv "SPEC_ABI", name)
  os.execute(("rm -rf '%s' && mkdir -p '%s'"):format(path, path))
  return path
end

return M
