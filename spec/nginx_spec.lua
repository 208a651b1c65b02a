local json = require "tcb.json"
local luas = require "support.luas"
local nginx = require "support.nginx"

local SERVER = [[
location = /personalise { content_by_lua_block { require("tcb.nginx").personalise{ max_bytes = 65536, deadline_s = 10 } } }
location = /health { content_by_lua_block { require("tcb.nginx").health() } }
location = /metrics { content_by_lua_block { require("tcb.nginx").metrics() } }
location = /worker { content_by_lua_block { ngx.print(ngx.worker.pid()) } }
]]

local function http_block(sandbox, more)
  return ([[init_by_lua_block { require("tcb.nginx").setup{ base_url = "%s", account = "%s", key_id = "%s", api_key = "%s" %s } }]]):format(
    sandbox.base_url, sandbox.account, sandbox.key_id, sandbox.api_key, more or "")
end

local function count(sandbox, call, status)
  local n = 0
  for _, event in ipairs(sandbox:ledger()) do
    if event.event == "request" and event.call == call and (not status or event.status == status) then n = n + 1 end
  end
  return n
end

-- The code under test runs inside nginx, on its own LuaJIT.
describe("tcb.nginx", luas.abi ~= "luajit" and function() end or function()
  local tcb = require "tcb"
  local sandbox, server, client

  local function record(receiver)
    local now = tcb.now()
    return json.encode{ caller_number = "911234567890", receiver_number = receiver or "919876543210", label_id = client.label,
      dynamic_call_reason = "Your parcel arrives today", starts_at = now + 60000, ends_at = now + 3600000 }
  end
  local function post(body, more)
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write(body)
    file:close()
    local text, status = server.get("/personalise", ("-i --data-binary @%s %s"):format(path, more or ""))
    os.remove(path)
    return text, status
  end
  --- The same record `n` times at once: "N STATUS", one line a status.
  local function burst(n)
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write(record())
    file:close()
    local text = nginx.capture(("seq %d | xargs -P %d -I{} curl -s --noproxy '*' -m 30 -o /dev/null -w '%%{http_code}\\n' --data-binary @%s '%s/personalise' | sort | uniq -c | sed 's,^ *,,'")
      :format(n, n, path, server.url))
    os.remove(path)
    return text
  end
  local function start(options, client_options)
    sandbox = assert(tcb.sandbox(options or {}))
    client = assert(tcb.client{ base_url = sandbox.base_url, account = sandbox.account, key_id = sandbox.key_id, api_key = sandbox.api_key,
      store = "memory" })
    client.label = assert(client:labels():find(function(l) return l.label_type == "dynamic" end)).id
    server = nginx.start{ server = SERVER, http = http_block(sandbox, client_options), workers = 2 }
  end
  after_each(function()
    if server then server.stop() end
    if sandbox then sandbox:close() end
    server, sandbox = nil, nil
  end)

  it("personalises by POST, once in the ledger", function()
    start()
    local text, status = post(record())
    assert.equal(200, status)
    assert.is_truthy(text:find('{"status":"success"}', 1, true), text)
    assert.equal(1, count(sandbox, "personalise", 200))
    assert.equal("", server.errors())
  end)

  it("answers 400 with the field for a record that breaks a rule, and sends nothing", function()
    start()
    local text, status = post((record():gsub("Your parcel arrives today", "short")))
    assert.equal(400, status)
    assert.is_truthy(text:find('"field":"dynamic_call_reason"', 1, true), text)
    for _, bad in ipairs{ "", "no json", "[1]", "[]", '{"caller_number":{}}' } do
      local _, code = post(bad)
      assert.equal(400, code, bad)
    end
    local _, large = post(("x"):rep(70000))
    assert.equal(413, large)
    local _, code = server.get "/personalise"
    assert.equal(405, code)
    assert.equal(0, count(sandbox, "personalise"))
  end)

  it("answers 429 with Retry-After when the mints are spent", function()
    start({ limits = { "mint=1/1800" } }, ', limits = "mint=1/1800"')
    local text, status = post(record())                             -- the spec's own client has minted
    assert.equal(429, status, text)
    assert.is_truthy(text:lower():find "retry%-after: %d+", text)
  end)

  it("mints one token for 60 cold requests in two workers, keeps it over a reload, and one more for a revoked one", function()
    start({})
    local own = count(sandbox, "token")
    assert.equal("60 200", burst(60))
    assert.equal(own + 1, count(sandbox, "token"))
    server.reload()
    assert.equal("5 200", burst(5))
    assert.equal(own + 1, count(sandbox, "token"))
    nginx.capture(("curl -s --noproxy '*' -X POST '%s/_sandbox/revoke'"):format(sandbox.base_url))
    assert.equal("30 200", burst(30))
    assert.equal(own + 2, count(sandbox, "token"))
    assert.equal(0, count(sandbox, "personalise", 429))
  end)

  it("keeps a token's limit over all workers: they wait, and the service never says 429", function()
    -- A fifth of a second for a busy machine, on which the sandbox counts late: two workers apart would send 20 in it all the same.
    start({ limits = { "personalise=10/1" } }, ', limits = "personalise=10/1.2", tokens = 1')
    local workers = {}
    for _ = 1, 40 do workers[server.get "/worker"] = true end
    local _, other = next(workers, next(workers))
    assert.is_true(other, "two workers answer")
    assert.equal("45 200", burst(45))
    assert.equal(45, count(sandbox, "personalise", 200))
    assert.equal(0, count(sandbox, "personalise", 429))
    assert.equal(45, count(sandbox, "personalise"))
    local at = {}
    for _, event in ipairs(sandbox:ledger()) do
      if event.call == "personalise" then at[#at + 1] = event.t end
    end
    for i = 11, #at do assert.is_true(at[i] - at[i - 10] >= 1000, i) end
  end)

  it("reads its settings once, in init_by_lua: the workers need neither the key's command nor the environment", function()
    start()
    server.stop()
    local key = os.tmpname()
    server = nginx.start{ server = SERVER, http = ([[init_by_lua_block { local m = require("tcb.nginx")
      local set, err = m.setup{ base_url = "%s", account = "%s", key_id = "%s", api_key_command = "echo x >> %s; echo %s" }
      assert(set, tostring(err))
      local ok, why = pcall(m.setup, { nonsense = 1 })
      assert(not ok and why:find("unknown option 'nonsense'", 1, true), why) }]]):format(sandbox.base_url, sandbox.account, sandbox.key_id, key, sandbox.api_key),
      prepare = function(dir) os.execute("chmod 666 " .. key) assert(dir) end }
    for _ = 1, 3 do assert.equal(200, (select(2, post(record())))) end
    local file = assert(io.open(key))
    assert.equal("x\n", file:read "*a")
    file:close()
    os.remove(key)
  end)

  it("holds a request's deadline", function()
    start{ faults = { "personalise:1-9:stall+5" } }
    server.stop()
    server = nginx.start{ server = SERVER:gsub("deadline_s = 10", "deadline_s = 0.3"), http = http_block(sandbox) }
    local from = os.time()
    assert.equal(504, (select(2, post(record()))))
    assert.is_true(os.time() - from < 4)
  end)

  it("tells its health and its metrics", function()
    start()
    post(record())
    post "{}"
    local text, status = server.get "/health"
    assert.equal(200, status)
    assert.equal("ok", json.decode(text).status)
    local metrics = server.get "/metrics"
    assert.is_truthy(metrics:find('tcb_personalise_total{outcome="success"} 1', 1, true), metrics)
    assert.is_truthy(metrics:find('tcb_personalise_total{outcome="input"} 1', 1, true), metrics)
    assert.is_truthy(metrics:find("\ntcb_tokens 1\n", 1, true), metrics)
  end)
end)
