local json = require "tcb.json"
local luas = require "support.luas"
local nginx = require "support.nginx"

-- The code under test runs inside nginx, on its own LuaJIT.
describe("examples/openresty", luas.abi ~= "luajit" and function() end or function()
  local tcb = require "tcb"
  local dir, sandbox, pipe, pid, url

  --- run.sh as it stands, unprivileged, on another port: this one may be taken.
  setup(function()
    sandbox = assert(tcb.sandbox{ settle = 0.2 })
    dir = nginx.capture "mktemp -d /tmp/tcb-openresty-XXXXXX"
    local port = nginx.port()
    url = "http://127.0.0.1:" .. port
    nginx.capture(("cd '%s' && mkdir '%s'/build && cp -r lua examples '%s'/ && cp -r build/luajit '%s'/build/ && chmod -R a+rX '%s'"):format(luas.root, dir, dir, dir, dir))
    nginx.capture(("cd '%s' && sed 's/127.0.0.1:8088/127.0.0.1:%d/' examples/openresty/nginx.conf > nginx.conf"):format(dir, port))
    local user = nginx.capture "id -u" == "0" and "runuser -u nobody -- " or ""
    pipe = io.popen(("cd / && echo $$ && exec %senv TCB_BASE_URL=%s TCB_ACCOUNT=%s TCB_KEY_ID=%s TCB_API_KEY=%s CONF='%s/nginx.conf' sh '%s/examples/openresty/run.sh' 2>&1")
      :format(user, sandbox.base_url, sandbox.account, sandbox.key_id, sandbox.api_key, dir, dir))
    pid = pipe:read "*l"
    assert.matches("^http://127.0.0.1:8088 %(prefix ", pipe:read "*l")
    for _ = 1, 100 do
      if nginx.capture(("curl -s --noproxy '*' -m 5 '%s/ping'"):format(url)) ~= "" then break end
      nginx.capture "sleep 0.05"
    end
  end)
  teardown(function()
    if pid then os.execute("kill " .. pid) end
    if pipe then pipe:close() end
    if sandbox then sandbox:close() end
    os.execute(("rm -rf '%s'"):format(dir))
  end)

  local function call(path, body)
    local data = body and ("--data '%s'"):format(body) or ""
    local text = nginx.capture(("curl -s --noproxy '*' -m 20 %s -w '\n%%{http_code}' '%s%s'"):format(data, url, path))
    local answer, status = text:match "^(.*)\n(%d+)$"
    return tonumber(status), answer
  end
  local function committed(receiver)
    local n = 0
    for _, event in ipairs(sandbox:ledger()) do
      for _, key in ipairs(event.event == "request" and event.call ~= "token" and event.keys or {}) do
        if key.receiver == receiver then n = n + 1 end
      end
    end
    return n
  end

  it("announces a parcel, and says what is wrong with one", function()
    assert.equal(200, (call("/parcel", '{"phone": "919876540101", "order": "A-1001"}')))
    assert.equal(1, committed "0101")
    assert.equal(400, (call("/parcel", '{"phone": "919876540101"}')))
    local status, answer = call("/parcel", '{"phone": "12", "order": "A-1001"}')
    assert.equal(400, status)
    assert.equal("receiver_number", json.decode(answer).field)
    assert.equal(1, committed "0101")
  end)

  it("lists labels, and personalises a whole record", function()
    local _, answer = call "/labels"
    local labels = json.decode(answer)
    assert.equal(4, #labels)
    local id
    for _, label in ipairs(labels) do if label.label_type == "dynamic" then id = label.id end end
    local now = tcb.now()
    assert.equal(200, (call("/personalise", json.encode{ caller_number = "911204567801", receiver_number = "919876540102", label_id = id,
      dynamic_call_reason = "Your parcel arrives today", starts_at = now + 60000, ends_at = now + 3600000 })))
    assert.equal(1, committed "0102")
  end)

  it("pushes a batch and tells its status", function()
    local status, answer = call("/batch", '{"phones": ["919876540103", "919876549002"]}')
    assert.equal(202, status)
    local counts
    for _ = 1, 50 do
      status, counts = call("/batch/status?id=" .. json.decode(answer).batch)
      assert.equal(200, status)
      if counts:find "success" and counts:find "Not a" then break end
      nginx.capture "sleep 0.1"
    end
    assert.same({ success = 1, ["Not a Truecaller user"] = 1 }, json.decode(counts))
    assert.equal(1, committed "0103")
    assert.equal(502, (call "/batch/status?id=none"))
  end)

  it("announces a call on its way, and lets it go on when the service does not answer", function()
    local _, answer = call "/call/919876540104"
    assert.same({ dialled = true, announced = true }, json.decode(answer))
    assert.equal(1, committed "0104")
    sandbox:fault "personalise:1-99:stall+10"
    local from = os.time()
    _, answer = call "/call/919876540105"
    assert.same({ dialled = true, announced = false }, json.decode(answer))
    assert.is_true(os.time() - from < 8)
  end)

  it("has made one token for both workers, and is healthy", function()
    local mints = 0
    for _, event in ipairs(sandbox:ledger()) do if event.call == "token" then mints = mints + 1 end end
    assert.equal(1, mints)
    assert.equal(200, (call "/health"))
    local _, metrics = call "/metrics"
    assert.matches('tcb_personalise_total{outcome="success"} 1\n', metrics)
  end)
end)
