local child = require "support.child"
local core = require "tcb.core"
local rt = require "tcb.runtime.curl"
local tls = require "support.tls"

describe("runtime curl over TLS", function()
  local dir, servers = nil, {}
  setup(function()
    dir = child.directory "tls"
    tls.make(dir)
    for _, name in ipairs{ "good", "wronghost", "expired" } do
      servers[name] = child.raw(("--tls %s/%s.pem %s/%s.key"):format(dir, name, dir, name))
    end
    servers.plain = child.raw()
    servers.proxy = child.raw("--proxy " .. servers.good.port)
  end)
  teardown(function()
    for _, server in pairs(servers) do server.stop() end
  end)
  after_each(function() rt.close() end)

  local function get(server, ca, more)
    local request = { method = "GET", url = "https://localhost:" .. servers[server].port .. "/echo", timeout_s = 5,
      ca = ca and dir .. "/" .. ca }
    for k, v in pairs(more or {}) do request[k] = v end
    return rt.send(request)
  end
  local function fails(kind, text, res, err)
    assert.is_nil(res)
    assert.equal(kind, err.kind)
    assert.is_nil(err.sent)
    assert.matches(text, err.message)
  end

  it("trusts the right CA, as a file or a hashed directory, by name and by address", function()
    for _, ca in ipairs{ "ca.pem", "hashed" } do
      for _ = 1, 2 do assert.equal(200, assert(get("good", ca)).status) end
      assert.equal(200, assert(get("good", ca, { url = "https://127.0.0.1:" .. servers.good.port .. "/" })).status)
    end
  end)

  it("refuses an unknown CA, also while a connection of the right one is open", function()
    assert(get("good", "ca.pem"))
    fails("net", "certificate of localhost:%d+ is not good", get("good", "other-ca.pem"))
    fails("net", "certificate of localhost:%d+ is not good", get("good"))
    assert(get("good", "ca.pem"))
  end)

  it("refuses a wrong host and an expired certificate", function()
    fails("net", "certificate of localhost:%d+ is not good", get("wronghost", "ca.pem"))
    fails("net", "certificate has expired", get("expired", "ca.pem"))
  end)

  it("says so when the other side speaks no TLS", function()
    fails("net", "no TLS connection to localhost:%d+: .", get("plain", "ca.pem"))
  end)

  it("names a CA that cannot be used", function()
    fails("config", "cannot read the CA file .*none.pem", get("good", "none.pem"))
    local f = assert(io.open(dir .. "/garbage.pem", "w"))
    f:write "garbage"
    f:close()
    fails("config", "CA file", get("good", "garbage.pem"))
  end)

  local CHILD = [[
    local rt = require "tcb.runtime.curl"
    local res, err = rt.send{ method = "GET", url = arg[1], ca = arg[2], proxy = arg[3] ~= "" and arg[3] or nil, timeout_s = 5 }
    print(res and res.status or err.kind .. ": " .. err.message)
  ]]
  local function proxied(environment, url, proxy)
    return child.run(CHILD, environment, url, dir .. "/ca.pem", proxy or "")
  end

  it("reaches a host through the proxy of option or environment, never loopback", function()
    local proxy = "http://127.0.0.1:" .. servers.proxy.port
    local env = ("https_proxy=%s http_proxy=%s all_proxy=%s"):format(proxy, proxy, proxy)
    assert.equal("200\nexit 0\n", proxied("", "https://api.spec.invalid/", proxy))
    assert.equal("200\nexit 0\n", proxied(env, "https://api.spec.invalid/"))
    local dead = "https_proxy=http://127.0.0.1:1 http_proxy=http://127.0.0.1:1 ALL_PROXY=http://127.0.0.1:1"
    assert.equal("200\nexit 0\n", proxied(dead, "https://localhost:" .. servers.good.port .. "/", "http://127.0.0.1:1"))
    assert.equal("200\nexit 0\n", proxied(dead, "http://127.0.0.1:" .. servers.plain.port .. "/"))
    assert.matches("^net: cannot connect to .*refused", proxied(dead, "https://api.spec.invalid/"))
    assert.matches("^net: .*407", proxied(env, "https://refused.spec.invalid/"))
  end)

  it("takes its CA from SSL_CERT_FILE and SSL_CERT_DIR too", function()
    local code = CHILD:gsub("arg%[2%]", "nil")
    local url = "https://localhost:" .. servers.good.port .. "/"
    assert.equal("200\nexit 0\n", child.run(code, "SSL_CERT_FILE=" .. dir .. "/ca.pem", url, "", ""))
    assert.equal("200\nexit 0\n", child.run(code, "SSL_CERT_DIR=" .. dir .. "/hashed", url, "", ""))
    assert.matches("not good", child.run(code, "", url, "", ""))
  end)

  it("holds its deadlines while a name lookup hangs", function()
    local so = dir .. "/slow_dns.so"
    local built = os.execute("cc -shared -fPIC -o " .. so .. " spec/support/slow_dns.c")
    assert.is_true(built == true or built == 0)
    local before = core.clock.mono()
    local out = child.run([[
      local core = require "tcb.core"
      local rt = require "tcb.runtime.curl"
      local t0 = core.clock.mono()
      local res, err = rt.send{ method = "GET", url = "https://api.spec.invalid/", timeout_s = 0.3 }
      print(err.kind, err.sent, (core.clock.mono() - t0) / 1e6 < 1)
      t0 = core.clock.mono()
      rt.close()
      print((core.clock.mono() - t0) / 1e6 < 1)
      os.exit(0)
    ]], "ASAN_OPTIONS=detect_leaks=0:verify_asan_link_order=0 LD_PRELOAD=" .. so)
    assert.equal("timeout\tnil\ttrue\ntrue\nexit 0\n", out)
    assert.is_true((core.clock.mono() - before) / 1e6 < 2.5)
  end)
end)
