local child = require "support.child"
local luas = require "support.luas"
local nginx = require "support.nginx"

local SERVER = [[
location = /rewrite { rewrite_by_lua_block { ngx.ctx.told = require("spec_phases").told() } content_by_lua_block { ngx.print(ngx.ctx.told) } }
location = /access { access_by_lua_block { ngx.ctx.told = require("spec_phases").told() } content_by_lua_block { ngx.print(ngx.ctx.told) } }
location = /content { content_by_lua_block { ngx.print(require("spec_phases").told()) } }
location = /timer { content_by_lua_block {
  assert(ngx.timer.at(0, function() in_timer = require("spec_phases").told() end))
  for _ = 1, 500 do if in_timer then break end ngx.sleep(0.01) end
  ngx.print(in_timer) } }
location = /worker { content_by_lua_block { ngx.print(in_worker) } }
location = /set { set_by_lua_block $told { return require("spec_phases").told() } content_by_lua_block { ngx.print(ngx.var.told) } }
location = /header { content_by_lua_block { ngx.print "x" } header_filter_by_lua_block { ngx.header["X-Told"] = require("spec_phases").told() } }
location = /body { content_by_lua_block { ngx.print "x" } body_filter_by_lua_block {
  if ngx.arg[1] ~= "" and not ngx.ctx.done then ngx.ctx.done = true ngx.arg[1] = require("spec_phases").told() end } }
location = /log { content_by_lua_block { ngx.print "x" } log_by_lua_block { in_log = require("spec_phases").told() } }
location = /log-said { content_by_lua_block { ngx.print(tostring(in_log)) } }
location = /refusals { content_by_lua_block { ngx.print(require("spec_phases").refusals()) } }
location = /curl { content_by_lua_block { ngx.print(require("spec_phases").curl()) } }
]]

local HANDLERS = [[
local M = {}
local options = { base_url = "%s", account = "%s", key_id = "%s", api_key = "%s" }
--- Labels, a task and a sleep: all that waits.
function M.told()
  local tcb = require "tcb"
  local ok, value, err = pcall(function()
    local client = assert(tcb.client(options))
    local labels, why = client:labels():all()
    if not labels then return nil, why end
    local results = assert(tcb.all{ function() tcb.sleep(0.01) return "tasks" end })
    return #labels .. " labels, " .. results[1]
  end)
  if not ok then return "raised " .. tostring(value) end
  return value or tostring(err)
end
function M.refusals()
  local tcb, lines = require "tcb", {}
  local function add(name, ok, value, err) lines[#lines + 1] = name .. ": " .. tostring(ok and err or value) end
  add("sandbox", pcall(tcb.sandbox, {}))
  add("listen", pcall(tcb.listen, { port = 0, key = "0123456789abcdef" }))
  add("campaign", pcall(tcb.campaign, { input = "/nowhere.csv" }))
  return table.concat(lines, "\n") .. "\n"
end
function M.curl()
  local rt = require "tcb.runtime.curl"
  local res, err = rt.send{ method = "GET", url = options.base_url .. "/nothing" }
  return res and "HTTP " .. res.status or err.kind .. " " .. tostring(err)
end
return M
]]

-- nginx is LuaJIT by itself: one run tells all.
describe("tcb in the phases of nginx", luas.abi ~= "luajit" and function() end or function()
  local sandbox, server
  local function start(main)
    local s = sandbox.service
    server = nginx.start{ server = SERVER, main = main, http = [[init_worker_by_lua_block { in_worker = require("spec_phases").told() }]],
      prepare = function(dir)
        local file = assert(io.open(dir .. "/lua/spec_phases.lua", "w"))
        file:write(HANDLERS:format(s.TCB_BASE_URL, s.TCB_ACCOUNT, s.TCB_KEY_ID, s.TCB_API_KEY))
        file:close()
      end }
  end
  setup(function()
    sandbox = child.sandbox()
    start()
  end)
  teardown(function()
    if server then server.stop() end
    sandbox.stop()
  end)

  for _, phase in ipairs{ "rewrite", "access", "content", "timer" } do
    it("works in " .. phase, function() assert.equal("4 labels, tasks", (server.get("/" .. phase))) end)
  end

  local function refuses(phase, body)
    assert.matches("tcb cannot wait in nginx' " .. phase .. " phase: ", body)
    assert.matches("ngx.timer.at", body)
    assert.is_nil(body:find "raised")
  end
  it("elsewhere returns an error that names phase and remedy", function()
    refuses("set", (server.get "/set"))
    refuses("header_filter", (server.get("/header", "-i")))
    refuses("body_filter", (server.get "/body"))
    refuses("init_worker", (server.get "/worker"))
    server.get "/log"
    local told
    for _ = 1, 100 do
      told = server.get "/log-said"
      if told ~= "nil" then break end
    end
    refuses("log", told)
  end)

  it("campaign, listener and sandbox refuse to start, and say where they belong", function()
    local text = server.get "/refusals"
    assert.matches("sandbox: a sandbox does not run inside nginx: start `tcb sandbox` beside it", text)
    assert.matches("listen: a listener does not run inside nginx: .*tcb listen %-%-socket", text)
    assert.matches("campaign: a campaign does not run inside nginx: .*tcb push", text)
  end)

  it("the curl runtime refuses, unless it is forced", function()
    assert.matches("^config the curl runtime, which would block the event loop, does not run inside nginx: use the nginx runtime",
      (server.get "/curl"))
    assert.equal("", server.errors())
    server.stop()
    start "env TCB_FORCE_CURL=1;"
    assert.equal("HTTP 404", (server.get "/curl"))
    assert.equal("4 labels, tasks", (server.get "/content"))
  end)

  it("leaves no error in nginx' log", function() assert.equal("", server.errors()) end)
end)
