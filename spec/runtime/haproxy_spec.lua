-- What tcb does in HAProxy's event loop beside the conformance cases: where it cannot wait or start, and whom HAProxy drops.
local haproxy = require "support.haproxy"
local luas = require "support.luas"
local nginx = require "support.nginx"

if luas.is_jit then return end                             -- HAProxy has a Lua of its own: one run is enough

local SCRIPT = [[
local tcb = require "tcb"
local client, wrong = tcb.client{ deadline_s = 20 }
if not client then error(tostring(wrong), 0) end
local function answer(applet, text)
  applet:set_status(200)
  applet:add_header("content-length", tostring(#text))
  applet:start_response()
  applet:send(text)
end
local function labels()
  local list, err = client:labels():all()
  return list and tostring(#list) or tostring(err)
end
core.register_service("labels", "http", function(applet) answer(applet, labels()) end)
core.register_action("labels", { "http-req" }, function(txn) txn:set_var("txn.labels", labels()) end)
core.register_converters("labels", function() return labels() end)
core.register_fetches("labels", function() return labels() end)
core.register_service("refused", "http", function(applet)
  local lines = {}
  for name, options in pairs{ campaign = { client = client, source = "x.csv" }, sandbox = {}, listen = { port = 0, key = "0123456789abcdef" } } do
    local it, err = tcb[name](options)
    lines[#lines + 1] = name .. ": " .. (it == nil and err.kind or "started") .. ": " .. tostring(err)
  end
  answer(applet, table.concat(lines, "\n") .. "\n")
end)
core.register_service("more", "http", function(applet)
  local set = assert(client:feature_sets():first())
  local label = assert(client:labels():find(function(l) return l.label_type == "dynamic" end))
  local record = { caller_number = "911204567801", receiver_number = "919876543210", label_id = label.id, starts_at = tcb.now(),
    ends_at = tcb.now() + 3600000 }
  assert(client:personalise(record))
  assert(client.v1:personalise(record))
  assert(assert(client:push{ record }):poll())
  assert(assert(client:publish(set.id, { "918800077001" })):poll())
  assert(client:limits())
  assert(#assert(tcb.all{ function() return 1 end, function() return tcb.spawn(function() return 2 end):wait() end }) == 2)
  answer(applet, "batch and job")
end)
core.register_service("generator", "http", function(applet)
  answer(applet, tostring(select(2, pcall(coroutine.wrap(function() tcb.sleep(0.01) end)))))
end)
]]

local FRONT = [[
  option abortonclose
  http-request use-service lua.labels if { path /service }
  http-request use-service lua.refused if { path /refused }
  http-request use-service lua.more if { path /more }
  http-request use-service lua.generator if { path /generator }
  http-request lua.labels if { path /action }
  http-request return status 200 content-type text/plain lf-string %[var(txn.labels)] if { path /action }
  http-request return status 200 content-type text/plain lf-string %[str(x),lua.labels] if { path /converter }
  http-request return status 200 content-type text/plain lf-string %[lua.labels] if { path /fetch }
]]

describe("tcb.runtime.haproxy", function()
  local tcb = require "tcb"
  local sandbox, server

  local function start(options, more)
    sandbox = assert(tcb.sandbox(options or {}))
    server = assert(haproxy.start{ script = SCRIPT .. (more or ""), front = FRONT, env = { TCB_BASE_URL = sandbox.base_url, TCB_ACCOUNT = sandbox.account,
      TCB_KEY_ID = sandbox.key_id, TCB_API_KEY = sandbox.api_key } })
  end
  after_each(function()
    if server then server.stop() end
    if sandbox then sandbox:close() end
    server, sandbox = nil, nil
  end)
  local function count(call)
    local n = 0
    for _, event in ipairs(sandbox:ledger()) do
      if event.event == "request" and event.call == call then n = n + 1 end
    end
    return n
  end

  it("waits in services and actions; where it cannot, HAProxy or an error says so, and both go on", function()
    start({ faults = { "labels:1-2:stall+0.5" } })
    for _, path in ipairs{ "/converter", "/fetch" } do     -- HAProxy ends the Lua of one that waits
      assert.equal("", (server.get(path)))
    end
    local _, told = server.log():gsub("not allowed", "")
    assert.equal(2, told, server.log())
    local text = server.get "/generator"
    assert.truthy(text:find("tcb cannot wait here inside HAProxy: call it from an action, a service or a task", 1, true), text)
    assert.equal("4", (server.get "/service"))
    assert.equal("4", (server.get "/action"))
    assert.equal(1, count "token")
  end)

  it("needs no file once the configuration is read: a chroot may follow", function()
    start({}, "os.execute 'rm -rf lua so'")
    assert.equal("4", (server.get "/service"), server.log())
    assert.equal("4", (server.get "/action"))
    assert.equal("batch and job", (server.get "/more"), server.log())
  end)

  it("refuses a campaign, a listener and a sandbox, with what to do instead", function()
    start()
    local text = server.get "/refused"
    assert.truthy(text:find("campaign: config: a campaign does not run inside HAProxy: run it with `tcb push`", 1, true), text)
    assert.truthy(text:find("listen: config: a listener does not run inside HAProxy: run `tcb listen` beside it, as a server", 1, true), text)
    assert.truthy(text:find("sandbox: config: a sandbox does not run inside HAProxy: start `tcb sandbox` beside it", 1, true), text)
  end)

  it("finishes what a dropped request has begun: others wait for its token, and make no second one", function()
    start({ faults = { "token:1:stall+1.5" } })
    assert.equal("28", nginx.capture(("curl -s --noproxy '*' -m 0.4 '%s/action' >/dev/null; echo $?"):format(server.url)))
    assert.equal("4", (server.get "/action"))
    assert.equal(1, count "token")
  end)

  it("takes the answer of a dropped request when nobody waits any more", function()
    start({ faults = { "token:1:stall+0.8" } })
    assert.equal("28", nginx.capture(("curl -s --noproxy '*' -m 0.4 '%s/action' >/dev/null; echo $?"):format(server.url)))
    for _ = 1, 100 do
      if count "labels" == 1 then break end
      os.execute "sleep 0.05"
    end
    assert.equal(1, count "token")
    assert.equal(1, count "labels")
  end)

  it("keeps one account for all requests and threads, side by side", function()
    start({ faults = { "labels:1-40:stall+1" } })
    local text = nginx.capture(("for i in $(seq 40); do curl -s --noproxy '*' -m 20 '%s/service' && echo & done; wait"):format(server.url))
    assert.equal(("4"):rep(40), (text:gsub("%s", "")))
    assert.equal(40, count "labels")
    assert.equal(1, count "token")
    local first, last
    for _, event in ipairs(sandbox:ledger()) do
      if event.call == "labels" then first, last = first or event.t, event.t end
    end
    assert.is_true(last - first < 20000, "not one after the other, a second each: " .. last - first)
  end)
end)
