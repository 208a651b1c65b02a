local core = require "tcb.core"
local httpd = require "tcb.httpd"
local luas = require "support.luas"
local wire = require "support.wire"

local JSON = { ["Content-Type"] = "application/json" }

describe("httpd.server", function()
  local server
  local function open(options)
    server = assert(httpd.server(options or {}))
    return server
  end
  local function run(code, on_request)
    return wire.run(server, server:port(), code, on_request or function(r) r:respond(200, JSON, "{}") end)
  end
  after_each(function()
    if server then server:close() end
    server = nil
    collectgarbage()
  end)

  it("hands over a request as it came and sends the answer", function()
    open()
    local seen
    local out = run([[
show(talk(WHERE, request("POST", "/a%20b/c?x=1&y=%2F", b'{"k":1}', ["X-One: 1", "x-one: 2", "Content-Type: application/json"])))
]], function(r)
      seen = { r.method, r.path, r.query, r.headers["x-one"], r.headers["content-type"], r.body, r.id, r.peer:match "^127%.0%.0%.1:%d+$" ~= nil,
        r.nothing, tostring(r) }
      assert.is_true(r:respond(201, { ["Content-Type"] = "application/json", ["X-Two"] = "2" }, '{"ok":true}'))
      local again, err = r:respond(200)
      assert.is_nil(again)
      assert.equal("input", err.kind)
    end)
    assert.same({ "POST", "/a%20b/c", "x=1&y=%2F", "1, 2", "application/json", '{"k":1}', 1, true, nil, "tcb.httpd.request 1 (POST)" }, seen)
    assert.equal('201 eof {"ok":true}\n', out)
  end)

  it("keeps a connection alive, answers out of order on several, and reads chunks", function()
    open()
    local held
    local out = run([[
a, b = connect(WHERE), connect(WHERE)
a.sendall(request("GET", "/first", close=False))
import time
time.sleep(0.1)
b.sendall(request("POST", "/second", b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", ["Transfer-Encoding: chunked"], close=False))
print(b.recv(9999).split(b"\r\n\r\n")[1].decode())
print(a.recv(9999).split(b"\r\n\r\n")[1].decode())
a.sendall(request("GET", "/third"))
show(read_all(a))
]], function(r)
      if r.path == "/first" then held = r return end
      r:respond(200, nil, r.path .. " " .. r.body)
      if held then held:respond(200, nil, held.path) held = nil end
    end)
    assert.equal("/second abcde\n/first\n200 eof /third \n", out)
    assert.equal(3, server:stats().requests)
  end)

  it("moves a large body into a buffer", function()
    open { max_body_bytes = 8 * 1024 * 1024 }
    local len
    local out = run([[show(talk(WHERE, request("POST", "/", b"x" * 5000000)))]], function(r)
      local buf = r:take_body()
      len = buf:len()
      assert.equal("", r.body)
      r:respond(200, nil, core.buf(("%d"):format(buf:len())))
    end)
    assert.equal(5000000, len)
    assert.equal("200 eof 5000000\n", out)
  end)

  it("cuts: empty, truncate, reset, stall", function()
    open()
    local stalled
    local out = run([[
show(talk(WHERE, request("POST", "/empty", b"abc")))
show(talk(WHERE, request("POST", "/truncate", b"abc")))
show(talk(WHERE, request("POST", "/reset", b"abc")))
s = connect(WHERE)
s.sendall(request("GET", "/stall"))
show(read_all(s, 0.4))
show(talk(WHERE, request("GET", "/go")))
show(read_all(s))
]], function(r)
      if r.path == "/empty" then assert.is_true(r:cut "empty")
      elseif r.path == "/truncate" then assert.is_true(r:cut("truncate", 200, JSON, "0123456789"))
      elseif r.path == "/reset" then assert.is_true(r:cut "reset")
      elseif r.path == "/stall" then
        assert.is_true(r:cut "stall")
        stalled = r
      else
        r:respond(200, nil, "go")
        assert.is_true(stalled:cut "empty")
      end
    end)
    assert.equal("0 eof \n200 eof 01234\n0 rst \n0 timeout \n200 eof go\n0 eof \n", out)
  end)

  it("answers 500 for a request that is dropped, and tells when the other side is gone", function()
    open()
    local out = run([[show(talk(WHERE, request("GET", "/")))]], function(r) r:close() end)
    assert.equal('500 eof {"message":"no answer"}\n', out)
    local held
    run([[
s = connect(WHERE)
s.sendall(request("GET", "/", close=False))
s.close()
]], function(r) held = r end)
    held:respond(200, nil, "late")
    server:step(0)
    server:step(0)
    local ok, err = held:respond(200)
    assert.is_nil(ok)
    assert.equal("cancelled", err.kind)
  end)

  describe("routes", function()
    local function routed(more)
      local options = { max_body_bytes = 1000, routes = {
        { path = "/hook", methods = "POST", key_name = "key", key = "s3cr/t key", content_type = "application/json" },
        { path = "/open/*", methods = "GET,HEAD" } } }
      for k, v in pairs(more or {}) do options[k] = v end
      return open(options)
    end
    local seen
    local function note(r)
      seen[#seen + 1] = r.method .. " " .. r.path .. "?" .. r.query
      r:respond(200, JSON, "{}")
    end
    before_each(function() seen = {} end)

    it("take what fits, and cut the key out of the query", function()
      routed()
      local out = run([[
J = ["Content-Type: application/json; charset=utf-8"]
show(talk(WHERE, request("POST", "/hook?a=1&key=s3cr%2Ft%20key&b=2", b"{}", J)))
show(talk(WHERE, request("POST", "/hook?key=s3cr%2ft%20key", b"{}", J)))
show(talk(WHERE, request("GET", "/open/x?key=1")))
]], note)
      assert.equal("200 eof {}\n200 eof {}\n200 eof {}\n", out)
      assert.same({ "POST /hook?a=1&b=2", "POST /hook?", "GET /open/x?key=1" }, seen)
    end)

    it("refuse the rest with the right status, before the body is read", function()
      routed()
      local out = run([[
J = ["Content-Type: application/json"]
K = "?key=s3cr%2Ft%20key"
def go(*a, **k): print(status(talk(WHERE, request(*a, **k))))
go("POST", "/hook?key=wrong", b"{}", J)
go("POST", "/hook?key=s3cr%2Ft%20ke", b"{}", J)
go("POST", "/hook?key=s3cr%2Ft%20keyy", b"{}", J)
go("POST", "/hook?xkey=s3cr%2Ft%20key", b"{}", J)
go("POST", "/hook?key=", b"{}", J)
go("POST", "/hook?key=no&key=s3cr%2Ft%20key", b"{}", J)
go("POST", "/hook", b"{}", J)
go("GET", "/hook" + K)
go("PUT", "/hook" + K, b"{}", J)
go("POST", "/hook" + K, b"{}", ["Content-Type: text/plain"])
go("POST", "/hook" + K, b"{}")
go("POST", "/other" + K, b"{}", J)
go("POST", "/hook/" + K, b"{}", J)
go("POST", "/hook" + K, b"x" * 10000000, J)
go("POST", "/hook" + K, b"186A0\r\n" + b"x" * 100000 + b"\r\n0\r\n\r\n", J + ["Transfer-Encoding: chunked"])
print(talk(WHERE, request("DELETE", "/open/x"))[0].split(b"Allow: ")[1].split(b"\r\n")[0].decode())
go("POST", "/hook" + K, b"zzz\r\nnonsense\r\n", J + ["Transfer-Encoding: chunked"])
]], note)
      assert.equal("403\n403\n403\n403\n403\n403\n403\n405\n405\n415\n415\n404\n404\n413\n413\nGET,HEAD\n400\n", out)
      assert.same({}, seen)
    end)

    it("refuse a slow sender, a long head and an idle connection in time", function()
      routed { read_timeout_s = 0.4, idle_timeout_s = 0.4 }
      local out = run([[
import time
t = time.time()
J = ["Content-Type: application/json", "Content-Length: 100"]
print(status(talk(WHERE, request("POST", "/hook?key=s3cr%2Ft%20key", b"{", J), *[b" "] * 30, pause=0.05)), time.time() - t < 3)
print(status(talk(WHERE, b"POST /hook HTTP/1.1\r\n", *[b"X"] * 30, pause=0.05)))
print(status(talk(WHERE, b"GET /" + b"x" * 200000 + b" HTTP/1.1\r\n\r\n")))
print(status(talk(WHERE, b"GET /open/ HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 200000 + b"\r\n\r\n")))
print(talk(WHERE, b"")[1])
print(status(talk(WHERE, b"\x00\x01garbage\r\n\r\n")))
]], note)
      assert.equal("408 True\n408\n414\n431\neof\n0\n", out)         -- what is no HTTP at all gets no answer
      assert.same({}, seen)
    end)

    it("go on serving while a thousand connections idle", function()
      routed { max_connections = 64 }
      local out = run([[
idle = [connect(WHERE) for _ in range(1000)]
print([status(talk(WHERE, request("GET", "/open/%d" % i))) for i in range(5)])
]], note)
      assert.equal("[200, 200, 200, 200, 200]\n", out)
      assert.is_true(server:stats().connections <= 64)
    end)
  end)

  it("listens on a unix socket with the given permissions, and removes it", function()
    local path = os.tmpname()
    os.remove(path)
    open { unix = path, host = "127.0.0.1" }
    local p = io.popen("stat -c %a " .. path)
    assert.equal("600", p:read "*l")
    p:close()
    local out = wire.run(server, path, [[show(talk(WHERE, request("GET", "/u")))]], function(r) r:respond(200, nil, r.peer) end)
    assert.equal("200 eof unix\n", out)
    local other, err = httpd.server { unix = path }
    assert.is_nil(other)
    assert.equal("net", err.kind)
    server:close()
    assert.is_nil(io.open(path))
  end)

  it("serves TLS, with refusals, and explains a bad certificate", function()
    local dir = os.tmpname()
    os.remove(dir)
    os.execute(("mkdir %s && openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -days 2 -keyout %s/k -out %s/c 2>/dev/null")
      :format(dir, dir, dir))
    local function read(name) local f = io.open(dir .. "/" .. name) local t = f:read "*a" f:close() return t end
    local cert, key = read "c", read "k"
    os.execute("rm -r " .. dir)
    open { cert = cert, key = key, max_body_bytes = 1000, routes = { { path = "/", methods = "POST" } } }
    local out = run([[
show(talk(WHERE, request("POST", "/", b"hello"), tls=True))
print(status(talk(WHERE, request("POST", "/x", b"hello"), tls=True)))
print(status(talk(WHERE, request("POST", "/", b"x" * 5000), tls=True)))
print(status(talk(WHERE, request("POST", "/", b"1000\r\n" + b"x" * 4096 + b"\r\n0\r\n\r\n", ["Transfer-Encoding: chunked"]), tls=True)))
print(status(talk(WHERE, request("POST", "/", b"hello"), timeout=1)))
]], function(r) r:respond(200, nil, r.body) end)
    assert.equal("200 eof hello\n404\n413\n413\n0\n", out)
    local bad, err = httpd.server { cert = "nonsense", key = "nonsense" }
    assert.is_nil(bad)
    assert.equal("config", err.kind)
  end)

  it("says why it cannot listen", function()
    open()
    local other, err = httpd.server { port = server:port() }
    assert.is_nil(other)
    assert.equal("net", err.kind)
    assert.truthy(err.message:find("127.0.0.1:" .. server:port(), 1, true))
    other, err = httpd.server { host = "no such host" }
    assert.is_nil(other)
    assert.equal("config", err.kind)
    assert.has_error(function() httpd.server { prot = 1 } end)
    assert.has_error(function() httpd.server { port = 70000 } end)
    assert.has_error(function() httpd.server { cert = "x" } end)
    assert.has_error(function() httpd.server { routes = { { path = "/", key = "x" } } } end)
  end)

  it("closes with requests in every state, twice, in any order of collection", function()
    for _, state in ipairs { "queued", "taken", "answered", "stalled", "receiving" } do
      local s = assert(httpd.server {})
      local ended = wire.start(s:port(), [[
c = connect(WHERE)
c.sendall(request("POST", "/", b"abc")[:None if sys.argv[1:] == [] else 10])
show(read_all(c))
]])
      local give_up, request = os.time() + 20, nil
      repeat
        s:step(0.05)
        if state ~= "queued" then request = request or s:take() end
      until s:stats().requests > 0 or os.time() > give_up
      if state ~= "queued" then request = request or assert(s:take()) end
      if state == "answered" then request:respond(200) elseif state == "stalled" then request:cut "stall" end
      s:close()
      s:close()
      assert.has_error(function() s:step(0) end)
      assert.truthy(tostring(s):find "closed")
      if request then
        local ok, err = request:respond(200)
        assert.is_nil(ok)
        assert.truthy(err.kind == "cancelled" or err.kind == "input")
        request:close()
        request:close()
      end
      repeat local text = ended() until text or os.time() > give_up
    end
  end)

  it("is woken from elsewhere and tells when it wants a step", function()
    open()
    assert.is_nil(server:timeout())
    assert.is_true(server:fd() > 0)
    local before = core.clock.mono()
    server:wake()
    server:step(5)
    httpd.wake(server:wake_fd())
    server:step(5)
    assert.is_true(core.clock.mono() - before < 2000000)
    server:step(0.05)
    assert.is_true(core.clock.mono() - before >= 50000)
  end)
end)

it("a state closes with a server and requests open", function()
  local script = os.tmpname()
  local f = io.open(script, "w")
  f:write [[
local httpd = require "tcb.httpd"
s = httpd.server {}
os.execute(("(timeout 5 curl -s http://127.0.0.1:%d/ >/dev/null) &"):format(s:port()))
local n = 0
repeat s:step(0.1) r = s:take() n = n + 1 until r or n > 100
assert(r)
io.write "closing"
]]
  f:close()
  local p = io.popen(("build/%s%s/lua -e \"package.path='lua/?.lua;'..package.path package.cpath='build/%s%s/?.so;'..package.cpath\" %s 2>&1")
    :format(luas.abi, luas.suffix, luas.abi, luas.suffix, script))
  local out = p:read "*a"
  p:close()
  os.remove(script)
  assert.equal("closing", out)
end)
