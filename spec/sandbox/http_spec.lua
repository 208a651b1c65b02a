local core = require "tcb.core"
local json = require "tcb.json"
local luas = require "support.luas"
local tcb = require "tcb"

--- Runs Python beside the sandbox, which answers from its own thread; the script has the helpers of rawclient.py.
local function python(s, code)
  local path = os.tmpname()
  local f = assert(io.open(path, "w"))
  f:write(([==[
import sys, json, time, threading
sys.path.insert(0, %q)
from rawclient import *
PORT, ACCOUNT, KEY_ID, API_KEY = %d, %q, %q, %q
TOKEN = [None]
def call(method, path, body=b"", headers=(), **more):
    head = ["Content-Type: application/json"] + (["Authorization: Bearer " + TOKEN[0]] if TOKEN[0] else []) + list(headers)
    if not isinstance(body, (bytes, str)): body = json.dumps(body)
    return talk(PORT, request(method, path.replace("{c}", ACCOUNT), body, head), **more)
def body_of(answer): return answer[0].split(b"\r\n\r\n", 1)[1]
def mint():
    TOKEN[0] = None
    TOKEN[0] = json.loads(body_of(call("POST", "/clients/{c}/token", {"key_id": KEY_ID, "api_key": API_KEY}, ["X-Public-Access: allow"])))["token"]
def record(**fields):
    now = int(time.time() * 1000)
    r = dict(caller_number="911234567890", receiver_number="919876543210", label_id=LABEL, starts_at=now + 3600000, ends_at=now + 7200000)
    r.update(fields)
    return r
def push(*records): return call("POST", "/v2/clients/{c}/dynamic_call_records", {"call_records": list(records) or [record()]})
mint()
LABEL = json.loads(body_of(call("GET", "/clients/{c}/labels?page=1&limit=1000")))[0]["id"]
]==]):format(luas.root .. "/spec/support", s.port, s.account, s.key_id, s.api_key), (("\n" .. code):gsub("\n      ", "\n")))
  f:close()
  local p = io.popen("timeout 60 python3 " .. path .. " 2>&1")
  local out = p:read "*a"
  p:close()
  os.remove(path)
  return out
end

describe("tcb.sandbox", function()
  local s
  after_each(function() if s then s:close() end end)

  it("serves every call over HTTP, on one connection too", function()
    s = assert(tcb.sandbox{ seed = 1 })
    assert.equal([[
200 application/json
200 application/json
200 application/json
200 application/json
200 application/json
200 application/json
200 application/json
200 application/json
404 application/json
]], python(s, [==[
      import http.client
      c = http.client.HTTPConnection("127.0.0.1", PORT)
      def one(method, path, body=None):
          c.request(method, path.replace("{c}", ACCOUNT), json.dumps(body) if body else None, {"Authorization": "Bearer " + TOKEN[0]})
          r = c.getresponse()
          text = r.read()
          print(r.status, r.getheader("Content-Type"))
          return text
      sets = json.loads(one("GET", "/clients/{c}/number_management/feature_sets"))["feature_sets"]
      one("GET", "/clients/{c}/labels?page=1&limit=1000")
      one("GET", "/clients/{c}/number_management/numbers?limit=5")
      one("POST", "/v2/clients/{c}/dynamic_call_record", record())
      batch = json.loads(one("POST", "/v2/clients/{c}/dynamic_call_records", {"call_records": [record()]}))["batch_id"]
      one("GET", "/v3/clients/{c}/dynamic_call_records?batchId=" + batch)
      path = "/clients/{c}/number_management/feature_sets/" + sets[0]["id"] + "/numbers/"
      one("POST", path + "publish", {"phone_numbers": ["918812345678"]})
      one("POST", path + "delist", {"phone_numbers": ["918812345678"]})
      one("GET", "/nothing")
      ]==]))
    local calls = {}
    for _, event in ipairs(s:ledger()) do calls[#calls + 1] = event.call end
    assert.same({ "token", "labels", "feature_sets", "labels", "numbers", "personalise", "push", "status", "publish", "delist",
      "other" }, calls)
  end)

  it("cuts connections as told, and says in the ledger what was committed", function()
    s = assert(tcb.sandbox{ seed = 1, faults = { "push:1:reset-before", "push:2:reset-after-commit", "push:3:truncate",
      "push:4:empty",
      "push:5:html", "push:6:stall+0.4", "push:7:429+3", "push:8:503" } })
    local out = python(s, [==[
      for i in range(9):
          before = time.time()
          data, end = push()
          head, _, body = data.partition(b"\r\n\r\n")
          length = [line.split(b": ")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
          print(i + 1, status(data), end, int(length[0]) - len(body) if length else "-", len(body) > 0, time.time() - before > 0.39,
                b"Retry-After: 3" in head)
      ]==])
    assert.equal([[
1 0 rst - False False False
2 0 rst - False False False
3 200 eof 26 True False False
4 200 eof 0 False False False
5 200 eof 0 True False False
6 200 eof 0 True True False
7 429 eof 0 True False True
8 503 eof 0 True False False
9 200 eof 0 True False False
]], out)
    local told = {}
    for _, e in ipairs(s:ledger()) do
      if e.call == "push" then told[#told + 1] = ("%s %s %s %s"):format(e.fault, e.status, e.answered, e.keys and #e.keys) end
    end
    assert.same({ "reset-before nil false nil", "reset-after-commit 200 false 1", "truncate 200 false 1", "empty 200 true 1",
      "html 200 true 1",
      "stall+0.4 200 true 1", "429+3 429 true nil", "503 503 true nil", "nil 200 true 1" }, told)
  end)

  it("answers many at once, each after its own latency", function()
    s = assert(tcb.sandbox{ seed = 1, latency = "300-400", count_jitter = "10-20" })
    local out = python(s, [==[
      results, before = [], time.time()
      threads = [threading.Thread(target=lambda: results.append((status(push()), time.time() - before))) for _ in range(30)]
      for t in threads: t.start()
      for t in threads: t.join()
      print(set(r[0] for r in results), min(r[1] for r in results) >= 0.31, max(r[1] for r in results) < 1.5)
      ]==])
    assert.equal("{200} True True\n", out)
  end)

  it("counts a request when its last byte has arrived", function()
    s = assert(tcb.sandbox{ seed = 1 })
    local out = python(s, [==[
      whole = request("POST", "/v2/clients/%s/dynamic_call_records" % ACCOUNT, json.dumps({"call_records": [record()]}),
                      ["Authorization: Bearer " + TOKEN[0]])
      begun = time.time()
      print(status(talk(PORT, whole[:-1], whole[-1:], pause=0.3)), int(begun * 1000))
      ]==])
    local status, begun = out:match "^(%d+) (%d+)\n$"
    assert.equal("200", status)
    local events = s:ledger()
    assert.is_true(events[#events].t - tonumber(begun) >= 290)
  end)

  it("takes chunked bodies, and refuses those over 16 MiB", function()
    s = assert(tcb.sandbox{ seed = 1 })
    assert.equal("200\n413\n", python(s, [==[
      body = json.dumps({"call_records": [record()]}).encode()
      chunks = b"".join(b"%x\r\n%s\r\n" % (len(body[i:i + 50]), body[i:i + 50]) for i in range(0, len(body), 50)) + b"0\r\n\r\n"
      head = request("POST", "/v2/clients/%s/dynamic_call_records" % ACCOUNT, b"", ["Authorization: Bearer " + TOKEN[0], "Transfer-Encoding: chunked"])
      print(status(talk(PORT, head, chunks)))
      print(status(talk(PORT, request("POST", "/v2/clients/%s/dynamic_call_records" % ACCOUNT, b"", ["Content-Length: 16777217"]))))
      ]==]))
  end)

  it("is steered over HTTP as through its object", function()
    s = assert(tcb.sandbox{ seed = 1 })
    assert.equal("200\n503\n200\n401\nTrue\n", python(s, [==[
      print(status(call("POST", "/_sandbox/fault", "labels:1:503")))
      print(status(call("GET", "/clients/{c}/labels")))
      call("POST", "/_sandbox/revoke")
      t, TOKEN[0] = TOKEN[0], None
      print(status(call("GET", "/_sandbox/state")))
      TOKEN[0] = t
      print(status(call("GET", "/clients/{c}/labels")))
      lines = [json.loads(line) for line in body_of(call("GET", "/_sandbox/ledger?since=1")).decode().splitlines()]
      print([e["n"] for e in lines] == list(range(2, len(lines) + 2)))
      ]==]))
  end)

  it("delivers webhooks, and repeats what was not answered as documented", function()
    s = assert(tcb.sandbox{ seed = 1 })
    local out = python(s, [==[
      from http.server import BaseHTTPRequestHandler, HTTPServer
      answers = [(500, "application/json", b"{}"), (200, "text/plain", b"{}"), (200, "application/json", b"no"), (204, "application/json", b""),
                 (200, "application/json", b'{"ok":true}')]
      seen = []
      class Handler(BaseHTTPRequestHandler):
          def do_POST(self):
              body = self.rfile.read(int(self.headers["Content-Length"]))
              code, kind, text = answers[len(seen)]
              seen.append((json.loads(body)["event_id"], self.headers["Content-Type"], self.path))
              self.send_response(code)
              self.send_header("Content-Type", kind)
              self.send_header("Content-Length", str(len(text)))
              self.end_headers()
              self.wfile.write(text)
          def log_message(self, *_): pass
      server = HTTPServer(("127.0.0.1", 0), Handler)
      threading.Thread(target=server.serve_forever, daemon=True).start()
      TOKEN[0] = None
      url = "http://127.0.0.1:%d/hook?key=k" % server.server_port
      ids = json.loads(body_of(call("POST", "/_sandbox/trigger", {"event_type": "cmb", "url": url})))["event_ids"]
      def attempts(n):
          for _ in range(200):
              lines = [json.loads(line) for line in body_of(call("GET", "/_sandbox/ledger")).decode().splitlines()]
              got = [e for e in lines if e["event"] == "webhook"]
              if len(got) >= n: return got
              time.sleep(0.02)
      for n, wait in enumerate([120, 360, 1800, 3600, 18000]):
          got = attempts(n + 1)
          call("POST", "/_sandbox/advance", str(wait - 1))
          time.sleep(0.05)
          assert len(seen) == n + 1, (n, len(seen))
          call("POST", "/_sandbox/advance", "1.5")
      print([e["attempt"] for e in got], [e["status"] for e in got], set(e["event_id"] for e in got) == set(ids))
      print(len(seen), set(seen) == {(ids[0], "application/json", "/hook?key=k")})
      ]==])
    assert.equal("[1, 2, 3, 4, 5] [500, 200, 200, 204, 200] True\n5 True\n", out)
  end)

  it("notes an attempt that nobody answered", function()
    s = assert(tcb.sandbox{ seed = 1, webhook = "http://127.0.0.1:1/" })
    assert.equal(1, #s:trigger{ event_type = "user_feedback" })
    local found
    for _ = 1, 200 do
      for _, e in ipairs(s:ledger()) do if e.event == "webhook" then found = e end end
      if found then break end
      core.poll({}, 0.02)
    end
    assert.equal(1, found.attempt)
    assert.is_nil(found.status)
  end)
end)

describe("the sandbox object", function()
  it("tells its ledger, moves its clock, takes faults, and closes twice", function()
    local s = assert(tcb.sandbox{ seed = 3, settle = 1 })
    assert.matches("^http://127%.0%.0%.1:%d+$", s.base_url)
    assert.equal(s.account, s.accounts[1].account)
    assert.equal("start", s:ledger()[1].event)
    assert.is_true(s:advance(10))
    assert.is_true(s:fault "push:1:503")
    assert.equal(0, s:revoke())
    assert.equal("push:1:503", s:state().faults[1])
    assert.same({ "advance 10", "fault push:1:503", "revoke 0" }, { s:ledger(1)[1].what, s:ledger(1)[2].what,
      s:ledger(1)[3].what })
    assert.has_error(function() s:fault "nonsense" end)
    assert.has_error(function() s:advance "x" end)
    assert.has_error(function() s:trigger{ event_type = "x" } end)
    assert.matches("127%.0%.0%.1", tostring(s))
    s:close()
    s:close()
    assert.equal("tcb.sandbox (closed)", tostring(s))
    assert.has_error(function() s:ledger() end)
  end)

  it("refuses unknown options, and says what a value should be", function()
    for _, options in ipairs { { nonsense = 1 }, { limits = { x = 1 } }, { limits = "push=x" }, { settle = -1 },
      { faults = "x" }, { accounts = 1.5 },
      { port = 70000 }, { latency = "9-1" }, { webhook = "x" }, { ledger = "" } } do
      assert.has_error(function() tcb.sandbox(options) end)
    end
  end)

  it("takes options by the names of the command line too", function()
    local s = assert(tcb.sandbox{ ["number-settle"] = 9, limit = "push=7/1", fault = "push:1:503", settle_s = 4 })
    assert.equal("7/1", s:ledger()[1].limits.push)
    assert.same({ "push:1:503" }, s:state().faults)
    s:close()
  end)

  it("returns what the world causes: a ledger that cannot be made, a port that is taken", function()
    local s, err = tcb.sandbox{ ledger = "/no/such/folder/x" }
    assert.is_nil(s)
    assert.equal("store", err.kind)
    local first = assert(tcb.sandbox{})
    s, err = tcb.sandbox{ port = first.port }
    assert.is_nil(s)
    assert.equal("net", err.kind)
    first:close()
  end)

  it("closes when it is collected", function()
    local s = assert(tcb.sandbox{})
    local port = s.port
    s = nil                                                                    -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    local again = assert(tcb.sandbox{ port = port })
    again:close()
  end)

  it("has several accounts, each with its own credentials", function()
    local s = assert(tcb.sandbox{ seed = 3, accounts = 3 })
    local seen = {}
    for _, a in ipairs(s.accounts) do seen[a.account], seen[a.key_id], seen[a.api_key] = true, true, true end
    local n = 0
    for _ in pairs(seen) do n = n + 1 end
    assert.equal(9, n)
    s:close()
  end)

  it("runs ten at a time", function()
    local list = {}
    for i = 1, 10 do list[i] = assert(tcb.sandbox{}) end
    for i = 1, 10 do assert.equal(1, #list[i]:ledger()) end
    for i = 10, 1, -1 do list[i]:close() end
  end)

  it("writes a ledger that is complete when it is closed", function()
    local path = os.tmpname()
    local s = assert(tcb.sandbox{ ledger = path })
    s:advance(5)
    s:close()
    local last
    for line in io.lines(path) do last = json.decode(line) end
    assert.equal("advance 5", last.what)
    os.remove(path)
  end)
end)
