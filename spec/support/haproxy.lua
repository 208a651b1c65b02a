--- A real HAProxy for specs: unprivileged, with a copy of tcb in a folder of its own, on free loopback ports; stopped by its pid.
local nginx = require "support.nginx"
local capture, root = nginx.capture, os.getenv "SPEC_ROOT"
local M = {}

local CONF = [[
global
  nbthread 2
  default-path config
  lua-load script.lua
defaults
  mode http
  timeout connect 5s
  timeout client 120s
  timeout server 120s
frontend front
  bind "$BIND"
  $FRONT
]]

local function write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

--- Starts HAProxy with `options.script` and the lines `options.front` of its frontend, or with the haproxy.cfg and all other files of
--- `options.folder`, which finds its ports in BIND and DIALER. `options.env`: more of its environment, name -> value.
--- Returns { url, dir, get(path, more) -> body, status, log(), stop() }; nil and the log when it does not start.
function M.start(options)
  local dir, port = capture "mktemp -d /tmp/tcb-haproxy-XXXXXX", nginx.port()
  local env = { BIND = "127.0.0.1:" .. port, DIALER = "127.0.0.1:" .. nginx.port(), LUA_CPATH = dir .. "/so/?.so;;",
    LUA_PATH = ("%s/lua/?.lua;%s/lua/?/init.lua;;"):format(dir, dir) }
  local words = { "env" }
  for name, value in pairs(options.env or {}) do env[name] = value end
  for name, value in pairs(env) do words[#words + 1] = ("%s='%s'"):format(name, value) end
  assert(os.execute(("mkdir -p '%s/so/tcb' && cp '%s'/build/lua5.3/tcb/*.so '%s/so/tcb/' && cp -r '%s/lua' '%s/lua' && cp -r '%s/spec/conformance' '%s/lua/'")
    :format(dir, root, dir, root, dir, root, dir)))
  if options.folder then
    assert(os.execute(("cp '%s/%s'/* '%s/'"):format(root, options.folder, dir)))
  else
    write(dir .. "/script.lua", options.script)
    write(dir .. "/haproxy.cfg", (CONF:gsub("%$FRONT", { ["$FRONT"] = options.front })))
  end
  local as_nobody = capture "id -u" == "0"
  if as_nobody then os.execute(("chmod -R a+rX '%s' && chown -R nobody '%s'"):format(dir, dir)) end
  local pipe = io.popen(("echo $$; cd '%s' && exec %s %s haproxy -db -f haproxy.cfg >'%s.log' 2>&1")
    :format(dir, as_nobody and "setpriv --reuid=nobody --clear-groups" or "", table.concat(words, " "), dir), "r")
  local pid = pipe:read "*l"
  local self = { url = "http://127.0.0.1:" .. port, dir = dir }
  function self.log() return capture(("cat '%s.log'"):format(dir)) end
  function self.get(path, more)
    local text = capture(("curl -s --noproxy '*' -m 120 -H Expect: %s -w '\\n%%{http_code}' '%s%s'"):format(more or "", self.url, path))
    local body, status = text:match "^(.*)\n(%d+)$"
    return body or text, tonumber(status)
  end
  function self.stop()
    os.execute("kill " .. pid .. " 2>/dev/null")
    pipe:close()
    os.execute(("rm -rf '%s' '%s.log'"):format(dir, dir))
  end
  for _ = 1, 200 do
    if capture(("curl -s --noproxy '*' -m 1 -o /dev/null '%s/' ; echo $?"):format(self.url)) ~= "7" then return self end
    if self.log():find("[ALERT]", 1, true) then break end
    os.execute "sleep 0.05"
  end
  local log = self.log()
  self.stop()
  return nil, log
end

return M
