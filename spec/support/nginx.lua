--- A real nginx for specs: from a prefix directory of its own, unprivileged, on a free loopback port; stopped by its pid.
local luas = require "support.luas"
local M = {}

local function capture(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read "*a"
  pipe:close()
  return (text:gsub("%s+$", ""))
end
M.capture = capture

--- A free loopback port.
function M.port()
  return tonumber(capture [[python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])']])
end

local CONF = [[
load_module /usr/lib/nginx/modules/ndk_http_module.so;
load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;
daemon on; worker_processes $WORKERS; pid $DIR/nginx.pid; error_log $DIR/error.log notice;
$MAIN
events { worker_connections 2048; }
http {
  client_body_temp_path $DIR/tmp/body; proxy_temp_path $DIR/tmp/proxy; fastcgi_temp_path $DIR/tmp/fcgi;
  uwsgi_temp_path $DIR/tmp/uwsgi; scgi_temp_path $DIR/tmp/scgi;
  access_log off; default_type text/plain; lua_socket_log_errors off; keepalive_requests 1000000;
  lua_package_path "$DIR/lua/?.lua;$DIR/lua/?/init.lua;;"; lua_package_cpath "$DIR/so/?.so;;";
  lua_shared_dict tcb 1m;
  $HTTP
  server { listen 127.0.0.1:$PORT reuseport; $SERVER }
}
]]

--- Starts nginx. `options`: server (locations), http, main, workers = 1, prepare(dir): called before. The text may use $DIR and $PORT.
--- Returns { url, dir, port, log(), reload(), stop(), get(path) -> body, status }.
function M.start(options)
  local dir = capture "mktemp -d /tmp/tcb-nginx-XXXXXX"
  local port = M.port()
  local values = { DIR = dir, PORT = port, WORKERS = options.workers or 1, MAIN = options.main or "", HTTP = options.http or "",
    SERVER = options.server }
  local conf = CONF
  for _ = 1, 2 do conf = conf:gsub("%$(%u+)", values) end
  assert(os.execute(("mkdir -p '%s'/tmp '%s'/so/tcb && cp '%s'/build/luajit/tcb/*.so '%s'/so/tcb/ && cp -r '%s'/lua '%s'/lua")
    :format(dir, dir, luas.root, dir, luas.root, dir)))
  if options.prepare then options.prepare(dir) end
  local file = assert(io.open(dir .. "/nginx.conf", "w"))
  file:write(conf)
  file:close()
  local as_nobody = capture "id -u" == "0" and ("chmod -R a+rX '%s' && chown -R nobody '%s' && runuser -u nobody -- "):format(dir, dir) or ""
  local out = capture(("{ %senv XDG_CONFIG_HOME='%s' nginx -p '%s' -c '%s/nginx.conf'; } 2>&1; echo $?"):format(as_nobody, dir, dir, dir))
  local self = { url = "http://127.0.0.1:" .. port, dir = dir, port = port }
  function self.log()
    local log = io.open(dir .. "/error.log")
    if not log then return "" end
    local text = log:read "*a"
    log:close()
    return text
  end
  --- Lines of level error or worse, each with its traceback.
  function self.errors()
    local list = {}
    for line in self.log():gmatch "[^\n]+" do
      local is_bad = line:find "%[error%]" or line:find "%[crit%]" or line:find "%[alert%]" or line:find "%[emerg%]"
      if is_bad then list[#list + 1] = line end
      if not line:find "^%d%d%d%d/" and #list > 0 then list[#list] = list[#list] .. "\n" .. line end     -- its traceback
    end
    return table.concat(list, "\n")
  end
  function self.pid() return capture(("cat '%s/nginx.pid' 2>/dev/null"):format(dir)) end
  --- The workers' process ids, in one string.
  function self.workers() return capture(("cat /proc/%s/task/*/children"):format(self.pid())) end
  function self.get(path, more)
    local text = capture(("curl -s --noproxy '*' -m 20 %s -w '\\n%%{http_code}' '%s%s'"):format(more or "", self.url, path))
    local body, status = text:match "^(.*)\n(%d+)$"
    return body or text, tonumber(status)
  end
  --- Reads the configuration again, and waits until no worker of the old one is left.
  function self.reload()
    local old = self.workers()
    os.execute("kill -HUP " .. self.pid())
    for _ = 1, 200 do
      local is_left = false
      for pid in old:gmatch "%d+" do is_left = is_left or (" " .. self.workers() .. " "):find(" " .. pid .. " ", 1, true) end
      if not is_left then return end
      capture "sleep 0.05"
    end
    error("workers " .. old .. " do not go")
  end
  function self.stop()
    local pid = self.pid()
    if pid ~= "" then
      os.execute(("kill -TERM %s; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do kill -0 %s 2>/dev/null || break; sleep 0.1; done"):format(pid, pid))
    end
    os.execute(("rm -rf '%s'"):format(dir))
  end
  if not out:match "0$" then
    local log = self.log()
    self.stop()
    error("nginx did not start: " .. out .. "\n" .. log .. "\n" .. conf)
  end
  return self
end

return M
