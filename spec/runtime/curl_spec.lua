local child = require "support.child"
local cjson = require "cjson"
local core = require "tcb.core"
local rt = require "tcb.runtime.curl"
local task = require "tcb.task"

describe("runtime curl", function()
  local server, dir
  setup(function() server, dir = child.raw(), child.directory "curl" end)
  teardown(function() server.stop() rt.close() end)
  after_each(function() rt.close() end)

  local function get(path, more)
    local request = { method = "GET", url = server.url .. path, timeout_s = 5 }
    for k, v in pairs(more or {}) do request[k] = v end
    return rt.send(request)
  end
  local function post(path, body, more)
    local request = { method = "POST", body = body or "{}", headers = { "Content-Type: application/json" } }
    for k, v in pairs(more or {}) do request[k] = v end
    return get(path, request)
  end
  local function seen(path) return cjson.decode(get("/seen").body)[path] or 0 end
  local function fails(kind, sent, text, res, err)
    assert.is_nil(res)
    assert.equal(kind, err.kind)
    assert.equal(sent, err.sent)
    assert.matches(text, err.message, 1, true)
  end

  describe("on the wire", function()
    it("sends the caller's headers in order and none of its own", function()
      local res = assert(post("/echo?a=1&b=%20", '{"x":1}', { headers = { "Accept: application/json", "Content-Type: application/json",
        "Authorization: Bearer t", "User-Agent: tcb/0" } }))
      local got = cjson.decode(res.body)
      assert.equal("POST", got.method)
      assert.equal("/echo?a=1&b=%20", got.target)
      assert.equal('{"x":1}', got.body)
      local lines = {}
      for _, h in ipairs(got.headers) do lines[#lines + 1] = h[1] .. "=" .. h[2] end
      assert.same({ "Host=127.0.0.1:" .. server.port, "Accept-Encoding=gzip", "Accept=application/json",
        "Content-Type=application/json", "Authorization=Bearer t", "User-Agent=tcb/0", "Content-Length=7" }, lines)
    end)

    it("adds no header to a GET, and repeats other methods as they are", function()
      local got = cjson.decode(get("/x").body)
      assert.equal(2, #got.headers)
      got = cjson.decode(get("/x", { method = "DELETE" }).body)
      assert.equal("DELETE", got.method)
      assert.equal("PUT", cjson.decode(post("/x", "abc", { method = "PUT" }).body).method)
      assert.equal(0, cjson.decode(post("/x", "").body).bytes)
    end)

    it("sends a body out of a buffer, which cannot change meanwhile", function()
      local body = core.buf(("x"):rep(140000))
      task.run(function()
        local t = task.spawn(post, "/stall?s=0.2", body)
        task.sleep(0.05)
        assert.has_error(function() body:add "y" end)
        assert.has_error(function() body:close() end)
        assert.equal(200, t:wait().status)
      end)
      body:add "y"
      assert.equal(140001, cjson.decode(post("/echo", body).body).bytes)
    end)

    it("refuses a header with a line break, and malformed requests", function()
      fails("config", nil, "line break", get("/x", { headers = { "A: b\r\nC: d" } }))
      fails("config", nil, "malformed", get("", { url = "http://[::" }))
      fails("config", nil, "is not https", get("", { url = "ftp://127.0.0.1/" }))
      fails("config", nil, "http:// is for loopback only", get("", { url = "http://192.0.2.1/" }))
      assert.has_error(function() get("/x", { headers = "A: b" }) end)
      assert.has_error(function() get("/x", { timeout_s = -1 }) end)
    end)
  end)

  describe("answers", function()
    it("come as string or buffer, with lower-case headers and both instants", function()
      local before = core.clock.mono()
      local res = assert(get("/two-headers"))
      assert.equal("1, 2", res.headers["x-a"])
      assert.equal("7", res.headers["retry-after"])
      assert.is_true(before <= res.sent_us and res.sent_us <= res.done_us and res.done_us <= core.clock.mono())
      local buf = assert(get("/big?n=300000", { want = "buf" })).body
      assert.equal(300000, buf:len())
      assert.equal(buf, get("/big?n=5", { into = buf }).body)
      assert.equal("xxxxx", buf:string())
    end)

    it("of every usual form", function()
      assert.equal('{"a": 1}', get("/chunked").body)
      assert.equal('{"a": 1}', get("/no-length").body)
      assert.equal('{"zipped": true}', get("/gzip").body)
      assert.equal("", get("/empty").body)
      assert.equal(503, get("/status?s=503").status)
      local hints = get("/early-hints")
      assert.equal(200, hints.status)
      assert.is_nil(hints.headers.link)
      assert.equal('{"a": 1}', hints.body)
    end)

    it("redirects are not followed", function()
      local res = assert(get("/redirect", { headers = { "Authorization: Bearer t" } }))
      assert.equal(302, res.status)
      assert.equal(0, seen "/redirected")
    end)

    it("are bounded: body, gzip, header line, header count", function()
      fails("proto", true, "larger than 1000 bytes", get("/big?n=1001", { max_body_bytes = 1000 }))
      assert.equal(1000, #get("/big?n=1000", { max_body_bytes = 1000 }).body)
      fails("proto", true, "larger than", get("/bomb"))
      fails("proto", true, "too long", get("/long-header"))
      fails("proto", true, "too long", get("/many-headers?n=300"))
      assert.equal(200, get("/many-headers?n=200").status)
    end)

    it("that are not whole are no answers", function()
      fails("proto", true, "ended early", get("/half-head"))
      fails("proto", true, "ended early", get("/half-body"))
      fails("proto", true, "", get("/half-chunk"))
      fails("proto", true, "is not HTTP", get("/no-status"))
      fails("proto", true, "badly encoded", get("/bad-gzip"))
    end)
  end)

  describe("never sends twice", function()
    for _, way in ipairs{ "/cut/fin", "/cut/rst", "/unread/fin", "/unread/rst" } do
      for _, size in ipairs{ 300, 140000 } do
        it(("when a kept-alive connection dies: %s with %d bytes"):format(way, size), function()
          assert(post("/first"))
          local before = seen(way)
          fails("net", true, "", post(way, ("x"):rep(size)))
          assert.equal(before + 1, seen(way))
        end)
      end
    end

    it("nor a GET", function()
      assert(get("/first"))
      local before = seen "/cut/fin"
      fails("net", true, "before it answered", get("/cut/fin", { repeatable = true }))
      assert.equal(before + 1, seen "/cut/fin")
    end)

    it("and uses a fresh connection after one that was closed while idle", function()
      assert(post("/close"))
      assert.equal(200, post("/echo").status)
    end)
  end)

  describe("deadlines", function()
    local function timed(fn)
      local t0 = core.clock.mono()
      fn()
      return (core.clock.mono() - t0) / 1e6
    end

    it("bound a stall before and inside the answer, and a slow drip", function()
      for _, path in ipairs{ "/stall?s=3", "/stall-body?s=3", "/drip" } do
        local took = timed(function() fails("timeout", true, "in time", get(path, { timeout_s = 0.3 })) end)
        assert.is_true(took > 0.25 and took < 1, path .. took)
      end
    end)

    it("bound the way to a connection", function()
      local full = child.raw "--full"
      local took = timed(function() fails("timeout", nil, "no connection", get("", { url = full.url, connect_timeout_s = 0.2 })) end)
      full.stop()
      assert.is_true(took < 1, took)
    end)

    it("let a cancelled request end at once, saying whether it had left", function()
      local err
      local took = timed(function()
        task.run(function()
          local t = task.spawn(function() err = select(2, get("/stall?s=3")) end)
          task.sleep(0.1)
          task.cancel(t)
          t:wait()
        end)
      end)
      fails("cancelled", true, "cancelled", nil, err)
      assert.is_true(took < 1, took)
    end)
  end)

  describe("waiting", function()
    it("is shared by many tasks over few connections", function()
      local t0, ok = core.clock.mono(), 0
      task.run(function()
        for _ = 1, 50 do
          task.spawn(function() if get("/stall?s=0.3").status == 200 then ok = ok + 1 end end)
        end
      end)
      assert.equal(50, ok)
      assert.is_true((core.clock.mono() - t0) / 1e6 < 1.5)
    end)

    it("calls on_sent when the bytes leave and on_wait each second", function()
      local at, waits = nil, 0
      local res = assert(get("/stall?s=1.2", { on_sent = function(us) at = us end, on_wait = function() waits = waits + 1 end }))
      assert.equal(res.sent_us, at)
      assert.equal(1, waits)
    end)

    it("works in generators and callbacks", function()
      task.run(function()
        local ticks, stop = 0, false
        task.spawn(function() while not stop do task.sleep(0.02) ticks = ticks + 1 end end)
        for body in coroutine.wrap(function() coroutine.yield(get("/stall?s=0.2").body) end) do assert.equal("{}", body) end
        assert.equal("b", (("a"):gsub("a", function() return get("/echo").status == 200 and "b" end)))
        stop = true
        assert.is_true(ticks >= 3, ticks)
      end)
    end)
  end)

  describe("downloads", function()
    it("a body to a file, complete or not at all", function()
      local path = dir .. "/log.csv"
      local res = assert(get("/big?n=500000", { file = path }))
      assert.equal("", res.body)
      local f = assert(io.open(path))
      assert.equal(500000, #f:read "*a")
      f:close()
      os.remove(path)
      fails("proto", true, "ended early", get("/half-body", { file = path }))
      assert.is_nil(io.open(path))
      assert.is_nil(io.open(path .. ".part"))
      assert.equal("{}", get("/status?s=404", { file = path }).body)
      assert.is_nil(io.open(path))
      fails("store", true, "cannot write", get("/big?n=5", { file = dir .. "/none/log.csv" }))
    end)

    it("leave a private file", function()
      assert(get("/empty", { file = dir .. "/empty" }))
      local p = io.popen("stat -c '%a %s' " .. dir .. "/empty")
      assert.equal("600 0", p:read "*l")
      p:close()
    end)
  end)
end)
