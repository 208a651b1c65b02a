--- nginx with tcb in it between rough clients and a rough service: clients that go away, a full pool, a dead service, one that cuts and
-- resets, answers over the bound, answers after the deadline. For nginx_rough_spec and the long form, spec/soak/nginx.lua.
local json = require "tcb.json"
local luas = require "support.luas"
local nginx = require "support.nginx"
local M = {}

local SERVICE = [[
location ~ /token$ { return 200 '{"token":"0123456789abcdef0123456789abcdef"}'; }
location /fast/ { return 200 '{"status_info":{"status":"success"}}'; }
location /slow/ { content_by_lua_block { ngx.sleep(0.01) ngx.print '{"status_info":{"status":"success"}}' } }
location /second/ { content_by_lua_block { ngx.sleep(1) ngx.print '{"status_info":{"status":"success"}}' } }
location /hang/ { content_by_lua_block { ngx.sleep(0.1) ngx.print '{"status_info":{"status":"success"}}' } }
location = /big { content_by_lua_block { ngx.print(("x"):rep(200000)) } }
location = /cut { content_by_lua_block { ngx.req.read_body() local s = ngx.req.socket(true) s:send "HTTP/1.1 200 OK\r\nContent-Le" } }
location = /reset { content_by_lua_block { ngx.req.read_body() ngx.req.socket(true) ngx.exit(444) } }
]]

local SERVER = [[
lua_check_client_abort on;
location = /worker { content_by_lua_block { collectgarbage() collectgarbage() ngx.print(ngx.worker.pid()) } }
location / { content_by_lua_block { ngx.print(require("spec_rough").told(ngx.var.uri:sub(2))) } }
]]

local HANDLERS = [[
local tcb = require "tcb"
require("tcb.runtime.nginx_peers").CONNECTIONS = 8
local rt = require("tcb.runtime").current()
local base = "http://127.0.0.1:%d"
local clients = {}
for _, name in ipairs{ "fast", "slow", "second", "hang" } do
  clients[name] = assert(tcb.client{ base_url = base .. "/" .. name, account = "acme", key_id = "k", api_key = "rough-key",
    limits = "mint=0 push=0 personalise=0" })
end
local sends = { big = { url = base .. "/big", max_body_bytes = 1000 }, dead = { url = "http://127.0.0.1:1/" }, cut = { url = base .. "/cut" },
  reset = { url = base .. "/reset" }, late = { url = base .. "/hang/x", timeout_s = 0.03 } }
local M = {}
function M.told(name)
  local client, ok, err = clients[name], nil, nil
  if client then
    local now = tcb.now()
    ok, err = client:personalise{ caller_number = "911234567890", receiver_number = "919876543210",
      label_id = "7b2f3c1e-3f50-4f5e-9f5d-0a1b2c3d4e5f", dynamic_call_reason = "Your parcel arrives today", starts_at = now + 60000,
      ends_at = now + 3600000 }
  else
    local request = sends[name]
    ok, err = rt.send{ method = "GET", url = request.url, max_body_bytes = request.max_body_bytes, timeout_s = request.timeout_s or 10 }
  end
  return ok and "good" or err.kind
end
return M
]]

--- What each path is answered with; /hang's clients do not wait for it.
M.EXPECTED = { ["/fast"] = { ["200 good"] = true }, ["/slow"] = { ["200 good"] = true }, ["/hang"] = { left = true },
  ["/big"] = { ["200 proto"] = true }, ["/dead"] = { ["200 net"] = true }, ["/cut"] = { ["200 proto"] = true },
  ["/reset"] = { ["200 net"] = true }, ["/late"] = { ["200 timeout"] = true } }

function M.start()
  local service = nginx.start{ server = SERVICE }
  local host = nginx.start{ server = SERVER, prepare = function(dir)
    local file = assert(io.open(dir .. "/lua/spec_rough.lua", "w"))
    file:write(HANDLERS:format(service.port))
    file:close()
  end }
  local self = { host = host, service = service }

  --- Makes `n` requests; every answer that was not to be expected, as text.
  function self.mix(n)
    local out = nginx.capture(("timeout 500 python3 '%s/spec/support/rough.py' %d %d"):format(luas.root, host.port, n))
    local wrong, sum = {}, 0
    for path, answers in pairs(assert(json.decode(out))) do
      for answer, count in pairs(answers) do
        sum = sum + count
        if not M.EXPECTED[path][answer] then wrong[#wrong + 1] = ("%s: %d times %s"):format(path, count, answer) end
      end
    end
    if sum ~= n then wrong[#wrong + 1] = ("%d answers to %d requests"):format(sum, n) end
    table.sort(wrong)
    return table.concat(wrong, "\n")
  end

  --- Open descriptors and resident KiB of the worker, after a full collection.
  function self.figures()
    local pid = tonumber((host.get "/worker"))
    local fds = tonumber(nginx.capture(("ls /proc/%d/fd | wc -l"):format(pid)))
    return fds, tonumber(nginx.capture(("awk '/^VmRSS/ {print $2}' /proc/%d/status"):format(pid)))
  end

  function self.stop()
    host.stop()
    service.stop()
  end
  return self
end

return M
