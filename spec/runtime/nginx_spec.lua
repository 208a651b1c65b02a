local luas = require "support.luas"
local nginx = require "support.nginx"

-- One nginx serves both sides: /up/... is the upstream, /t/... the handlers under test. nginx is LuaJIT by itself, so one run tells all.
local SERVER = [[
location /up/echo { content_by_lua_block { ngx.req.read_body() ngx.header.x_seen = "yes"
  ngx.print(ngx.req.get_method(), " ", ngx.var.request_uri, " ", ngx.req.get_body_data() or "", " ", ngx.var.http_accept_encoding or "") } }
location /up/slow { content_by_lua_block { ngx.sleep(0.3) ngx.print "slow" } }
location /up/hang { content_by_lua_block { ngx.sleep(30) } }
location /up/big { content_by_lua_block { ngx.print(("x"):rep(200000)) } }
location /up/conn { content_by_lua_block { ngx.print(ngx.var.connection) } }
location /up/cut { content_by_lua_block { ngx.req.read_body() local s = ngx.req.socket(true) s:send "HTTP/1.1 200 OK\r\nContent-Le" } }
location /up/none { content_by_lua_block { ngx.req.read_body() ngx.req.socket(true) ngx.exit(444) } }
location /t/ { content_by_lua_block {
  local what = ngx.var.uri:sub(4)
  local ok, why = pcall(require("spec_handlers")[what], "http://127.0.0.1:$PORT")
  ngx.print(tostring(why)) } }
location = /log-phase { content_by_lua_block { ngx.print "x" } log_by_lua_block {
  local rt = require "tcb.runtime.nginx"
  local ok, err = rt.send{ method = "GET", url = "http://127.0.0.1:$PORT/up/echo" }
  ngx.log(ngx.NOTICE, "log phase said: ", tostring(err)) } }
]]

local HANDLERS = [[
local rt = require("tcb.runtime").current()
local task = require "tcb.task"
local M = {}
local function get(base, path, more)
  local r = { method = "GET", url = base .. path, headers = { "Accept: application/json" }, repeatable = true }
  for k, v in pairs(more or {}) do r[k] = v end
  return rt.send(r)
end
local function told(err) return err.kind .. "|" .. tostring(err.sent) .. "|" .. err.message end
function M.name() return rt.name end
function M.echo(base)
  local a = assert(rt.send{ method = "POST", url = base .. "/up/echo?a=1", headers = { "Content-Type: application/json" }, body = require("tcb.core").buf "{}" })
  return a.status .. " " .. a.headers["x-seen"] .. " " .. a.body
end
function M.parallel(base)
  local fns = {}
  for i = 1, 50 do fns[i] = function() return (assert(get(base, "/up/slow"))).body end end
  local from = ngx.now()
  local results = assert(task.all(fns))
  ngx.update_time()
  return #results .. " " .. results[50] .. " " .. tostring(ngx.now() - from < 2)
end
function M.all_fails(base)
  local ok, err = task.all{ function() return get(base, "/up/hang") end, function() return get("http://127.0.0.1:1", "/") end }
  return tostring(ok) .. " " .. err.kind
end
function M.timeout(base) local _, err = get(base, "/up/hang", { timeout_s = 0.2 }) return told(err) end
function M.refused() local _, err = get("http://127.0.0.1:1", "/") return told(err) end
function M.big(base) local _, err = get(base, "/up/big", { max_body_bytes = 1000 }) return told(err) end
function M.cut(base) local _, err = get(base, "/up/cut") return told(err) end
function M.none(base) local _, err = get(base, "/up/none") return told(err) end
function M.reuse(base) local a, b = assert(get(base, "/up/conn")), assert(get(base, "/up/conn")) return tostring(a.body == b.body) end
function M.resolver() local _, err = get("http://nowhere.example", "/") return told(err) end
function M.ca(base) local _, err = get(base, "/up/echo", { ca = "/x.pem" }) return told(err) end
function M.sleep() local from = ngx.now() task.sleep(0.05) ngx.update_time() return tostring(ngx.now() - from >= 0.049) end
function M.spawn(base)
  local t = task.spawn(function() return "spawned", 2 end)
  local a, b = t:wait()
  return a .. b
end
function M.cancel(base)
  local t = task.spawn(function() task.sleep(20) end)
  task.sleep(0)
  task.cancel(t)
  local ok, err = pcall(t.wait, t)
  return err.kind
end
function M.detached() return task.detached(function(a, b) task.sleep(0.01) return ngx.get_phase() .. a .. b end, 1, 2) end
function M.listen() local ok, err = pcall(require("tcb.task").add_poller, {}) return err.kind end
return M
]]

-- The handlers run inside nginx; this half is the same on every Lua, so one of them is enough.
describe("runtime nginx", luas.abi ~= "luajit" and function() end or function()
  local server

  setup(function()
    server = nginx.start{ server = SERVER, http = "lua_ssl_verify_depth 2;" }
    local file = assert(io.open(server.dir .. "/lua/spec_handlers.lua", "w"))
    file:write(HANDLERS)
    file:close()
  end)
  teardown(function() server.stop() end)

  local function says(what, expected)
    it(what .. " says " .. expected, function()
      local body = server.get("/t/" .. what)
      assert.is_truthy(body:find(expected, 1, true), body)
    end)
  end

  says("name", "nginx")
  says("echo", "200 yes POST /up/echo?a=1 {} identity")
  says("parallel", "50 slow true")
  says("all_fails", "nil net")
  says("timeout", "timeout|true|")
  says("refused", "net|nil|cannot connect to 127.0.0.1:1: connection refused")
  says("big", "proto|true|")
  says("cut", "proto|true|the connection was closed inside the answer's head")
  says("none", "net|true|the connection was closed before an answer")
  says("reuse", "true")
  says("resolver", "config|nil|nginx cannot resolve 'nowhere.example'")
  says("ca", "config|nil|")
  says("sleep", "true")
  says("spawn", "spawned2")
  says("cancel", "cancelled")
  says("detached", "timer12")
  says("listen", "config")

  it("names the phase in which nothing can wait", function()
    server.get "/log-phase"
    local log
    for _ = 1, 50 do
      log = server.log():match "log phase said: ([^\n]*)"
      if log then break end
      server.get "/up/echo"
    end
    assert.is_truthy(log and log:find("nginx' log phase", 1, true), log)
    assert.is_truthy(log:find("ngx.timer.at", 1, true))
  end)

  it("leaves no error and no warning of ours in nginx' log", function()
    assert.equal("", server.errors())
    assert.is_nil(server.log():find("sleep(0)", 1, true))
  end)
end)
