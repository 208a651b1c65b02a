-- examples/haproxy as it stands, in a real HAProxy; judged by the sandbox's ledger.
local haproxy = require "support.haproxy"
local json = require "tcb.json"
local luas = require "support.luas"
local nginx = require "support.nginx"

if luas.is_jit then return end                             -- HAProxy has a Lua of its own: one run is enough

describe("examples/haproxy", function()
  local tcb = require "tcb"
  local sandbox, server

  local function start(options, env)
    sandbox = assert(tcb.sandbox(options or {}))
    local all = { TCB_BASE_URL = sandbox.base_url, TCB_ACCOUNT = sandbox.account, TCB_KEY_ID = sandbox.key_id, TCB_API_KEY = sandbox.api_key }
    for name, value in pairs(env or {}) do all[name] = value end
    server = assert(haproxy.start{ folder = "examples/haproxy", env = all })
  end
  after_each(function()
    if server then server.stop() end
    if sandbox then sandbox:close() end
    server, sandbox = nil, nil
  end)

  local function requests(call)
    local list = {}
    for _, event in ipairs(sandbox:ledger()) do
      if event.event == "request" and event.call == call then list[#list + 1] = event end
    end
    return list
  end
  local function record(more)
    local r = { caller_number = "911204567801", receiver_number = "919876543210", dynamic_call_reason = "Your parcel arrives today" }
    for name, value in pairs(more or {}) do r[name] = value end
    return json.encode(r)
  end
  local function post(path, body, more)
    local text, status = server.get(path, ("--data-binary '%s' %s"):format(body, more or ""))
    return text, status
  end
  local function error_of(text) return assert(json.decode(text)).error end
  --- Waits for the example's own first call: its token is made, its label known.
  local function warm()
    for _ = 1, 100 do
      if #requests "labels" > 0 then return end
      os.execute "sleep 0.05"
    end
    error("no label was asked for: " .. server.log())
  end

  it("commits one record a request, with its label and the coming hour, by one token", function()
    start()
    warm()
    local text, status = post("/personalise", record())
    assert.equal(200, status, text)
    assert.equal('{"status":"success"}', text)
    assert.equal(200, select(2, post("/personalise", record{ receiver_number = "+91 98765-43211" })))
    local done = requests "personalise"
    assert.equal(2, #done)
    assert.equal("3210", done[1].keys[1].receiver)
    assert.equal("3211", done[2].keys[1].receiver)
    assert.equal(3600000, done[1].keys[1].ends_at - done[1].keys[1].starts_at)
    assert.equal(1, #requests "token")
    text, status = server.get "/health"
    assert.equal(200, status)
    assert.equal(1, json.decode(text).tokens)
  end)

  it("names the caller of an order on its way to the dialer, which gets it whatever comes of that", function()
    start()
    warm()
    local text, status = post("/calls", '{"from": "911204567801", "to": "919876543210", "reason": "Your parcel arrives today"}')
    assert.equal(202, status)
    assert.same({ queued = true, caller_shown = "success" }, json.decode(text))
    assert.equal("3210", requests "personalise"[1].keys[1].receiver)
    for body, outcome in pairs{ ['{"from": 1, "to": "919876543210"}'] = "input", ["no json"] = "input", ["[1]"] = "input" } do
      text, status = post("/calls", body)
      assert.equal(202, status)
      assert.equal(outcome, json.decode(text).caller_shown)
    end
    assert.equal(405, select(2, server.get "/calls"))
    assert.equal(1, #requests "personalise")
  end)

  it("refuses what is no record, with the field and the right status, and sends nothing", function()
    start()
    warm()
    local function refused(status, body, field)
      local text, got = post("/personalise", body)
      assert.equal(status, got, body:sub(1, 80) .. text)
      assert.equal("input", error_of(text).kind)
      assert.equal(field, error_of(text).field)
    end
    refused(400, record{ dynamic_call_reason = "short" }, "dynamic_call_reason")
    refused(400, record{ receiver_number = "12" }, "receiver_number")
    refused(400, record{ starts_at = 1 }, "starts_at")
    refused(400, record{ starts_at = "now" }, "starts_at")
    refused(400, record{ caller_number = 911204567801 }, "caller_number")
    for _, body in ipairs{ "", "no json", "[]", "17", '{"caller_number": ' } do refused(400, body) end
    refused(413, record{ more = ("x"):rep(20000) })
    local text, status = server.get("/personalise", "-i")
    assert.equal(405, status)
    assert.truthy(text:lower():find("\nallow: post\r", 1, true), text)
    text, status = server.get "/elsewhere"
    assert.equal(404, status)
    assert.equal("not_found", error_of(text).kind)
    assert.equal(0, #requests "personalise")
  end)

  it("answers 429 with Retry-After when the quota and the mints are spent, and when the service says so", function()
    start({ limits = { "mint=1/1800", "personalise=1/60" } }, { TCB_LIMITS = "mint=1/1800 personalise=1/60" })
    warm()
    local function limited(at_least)
      local text, status = post("/personalise", record(), "-i")
      assert.equal(429, status, text)
      local head, body = text:match "^(.-)\r\n\r\n(.*)$"
      local seconds = tonumber(head:lower():match "retry%-after: (%d+)")
      assert.truthy(seconds and seconds >= at_least and seconds <= 1800, head)
      assert.equal("rate", error_of(body).kind)
    end
    assert.equal(200, select(2, post("/personalise", record())))
    limited(50)
    assert.equal(1, #requests "personalise")
    server.stop()
    sandbox:close()
    start({ faults = { "personalise:1-9:429+30" } })
    warm()
    limited(25)
  end)

  it("answers 502 and 504 for the service's failures, and sends nothing twice that may have been processed", function()
    start()
    warm()
    for _, case in ipairs{ { "500", 504, "in_doubt" }, { "reset-after-commit", 504, "in_doubt" }, { "403", 502, "forbidden" }, { "404", 502, "not_found" } } do
      local before = #requests "personalise"
      sandbox:fault("personalise:1:" .. case[1])
      local text, status = post("/personalise", record())
      assert.equal(case[2], status, case[1] .. text)
      assert.equal(case[3], error_of(text).kind)
      assert.equal(before + 1, #requests "personalise", case[1])
    end
  end)

  it("lets other requests through while the service stalls", function()
    start({ faults = { "personalise:1-30:stall+4" } })
    warm()
    local done = os.tmpname()
    os.execute(("for i in $(seq 30); do curl -s --noproxy '*' -m 30 -o /dev/null -w '%%{http_code}\\n' -d '%s' '%s/personalise' >>%s & done")
      :format(record(), server.url, done))
    for _ = 1, 100 do
      if #requests "personalise" == 30 then break end
      os.execute "sleep 0.02"
    end
    assert.equal(30, #requests "personalise")              -- all of them are on their way
    for _ = 1, 20 do
      assert.equal("pong", (server.get "/ping"))
      assert.equal(200, select(2, server.get "/health"))
    end
    local text = post("/personalise", record())            -- another call of the same account
    assert.equal('{"status":"success"}', text)
    assert.equal("", nginx.capture("cat " .. done), "none of the stalled has ended")
    local ended
    for _ = 1, 200 do
      ended = nginx.capture(("sort %s | uniq -c | sed 's,^ *,,'"):format(done))
      if ended == "30 200" then break end
      os.execute "sleep 0.05"
    end
    assert.equal("30 200", ended)
    os.remove(done)
    assert.equal(31, #requests "personalise")
    assert.equal(1, #requests "token")
  end)

  it("does not start without an account, and says what to set", function()
    local running, log = haproxy.start{ folder = "examples/haproxy", env = { HOME = "/nonexistent", XDG_CONFIG_HOME = "/nonexistent" } }
    assert.is_nil(running)
    assert.truthy(log:find("no account to work with", 1, true), log)
    assert.truthy(log:find("TCB_BASE_URL", 1, true), log)
  end)
end)
