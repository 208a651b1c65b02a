--- A real HAProxy for specs: its own configuration, a free loopback port, two threads; stopped by its pid.
local nginx = require "support.nginx"
local M = {}

local CONF = [[
global
  nbthread 2
  $GLOBAL
  lua-prepend-path $ROOT/lua/?.lua
  lua-prepend-path $ROOT/lua/?/init.lua
  lua-prepend-path $ROOT/spec/?.lua
  lua-prepend-path $ROOT/build/lua5.3/?.so cpath
  lua-load $DIR/script.lua
defaults
  mode http
  timeout connect 5s
  timeout client 120s
  timeout server 120s
frontend front
  bind 127.0.0.1:$PORT
  $FRONT
]]

--- Starts HAProxy with `script` and the lines `front` of its frontend. Returns { url, dir, port, log(), stop() }.
function M.start(script, front, global)
  local dir, port = nginx.capture "mktemp -d /tmp/tcb-haproxy-XXXXXX", nginx.port()
  local values = { ROOT = os.getenv "SPEC_ROOT", DIR = dir, PORT = tostring(port), FRONT = front, GLOBAL = global or "" }
  for name, text in pairs{ ["script.lua"] = script, ["haproxy.cfg"] = (CONF:gsub("%$(%u+)", values)) } do
    local file = assert(io.open(dir .. "/" .. name, "w"))
    file:write(text)
    file:close()
  end
  local pipe = io.popen(("echo $$; exec haproxy -db -f '%s/haproxy.cfg' >'%s/log' 2>&1"):format(dir, dir), "r")
  local self = { url = "http://127.0.0.1:" .. port .. "/", dir = dir, port = port, pid = pipe:read "*l" }
  function self.log()
    return nginx.capture(("cat '%s/log'"):format(dir))
  end
  function self.stop()
    os.execute("kill " .. self.pid .. " 2>/dev/null")
    pipe:close()
    os.execute(("rm -rf '%s'"):format(dir))
  end
  for _ = 1, 100 do
    if nginx.capture(("curl -s --noproxy '*' -m 1 -o /dev/null 'http://127.0.0.1:%d/' ; echo $?"):format(port)) ~= "7" then return self end
    os.execute "sleep 0.05"
  end
  local log = self.log()
  self.stop()
  error("HAProxy did not start: " .. log)
end

return M
