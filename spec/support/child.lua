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

--- A sandbox in a process of its own; `service` is the object that it prints. `options`: more words of the command line.
function M.sandbox(options)
  local binary = ("%s/build/tcb%s"):format(os.getenv "SPEC_ROOT" or ".", os.getenv "SPEC_SUFFIX" or "")
  local pipe = io.popen(("echo $$; exec '%s' sandbox --json %s"):format(binary, options or ""), "r")
  local pid, line = pipe:read "*l", pipe:read "*l"
  local child = { pid = tonumber(pid), pipe = pipe }
  function child.stop()
    if not child.pipe then return end
    os.execute("kill " .. child.pid .. " 2>/dev/null")
    child.pipe:close()
    child.pipe = nil
  end
  if not line then
    child.stop()
    error "the sandbox did not start"
  end
  child.json, child.service = line, require "cjson".decode(line)
  return child
end

--- A directory for one spec file, emptied first.
function M.directory(name)
  local path = ("build/spec-%s-%s"):format(os.getenv "SPEC_ABI", name)
  os.execute(("rm -rf '%s' && mkdir -p '%s'"):format(path, path))
  return path
end

local root = os.getenv "SPEC_ROOT" or "."
local abi = (os.getenv "SPEC_ABI" or "lua5.4") .. (os.getenv "SPEC_SUFFIX" or "")

--- The command of an interpreter of this ABI that finds tcb, for `code` in a file.
function M.lua(file)
  return ([[%s/build/%s/lua -e "package.path='%s/lua/?.lua;%s/lua/?/init.lua;%s/spec/?.lua;'..package.path ]] ..
    [[package.cpath='%s/build/%s/?.so;'..package.cpath" %s]]):format(root, abi, root, root, root, root, abi, file)
end

--- Runs `code` in an interpreter of its own, with `environment` ("A=b C=d") and arguments; returns its output (both streams).
function M.run(code, environment, ...)
  local file = os.tmpname()
  local f = assert(io.open(file, "w"))
  f:write(code)
  f:close()
  local words = { "env", environment or "", M.lua(file) }
  for _, word in ipairs{ ... } do words[#words + 1] = "'" .. word .. "'" end
  local pipe = assert(io.popen(table.concat(words, " ") .. " 2>&1; echo \"exit $?\"", "r"))
  local text = pipe:read "*a"
  pipe:close()
  os.remove(file)
  return text
end

return M
