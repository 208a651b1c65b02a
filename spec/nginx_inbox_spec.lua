local events = require "support.events"
local inbox = require "tcb.inbox"
local listen = require "tcb.listen"
local luas = require "support.luas"
local nginx = require "support.nginx"

local KEY = "nginx-key/0123456789"

local SERVER = [[
location = /hook { client_body_buffer_size 512k; content_by_lua_block {
  require("tcb.nginx_inbox").handle { socket = "$SOCKET", key = "]] .. KEY .. [[" } } }
location = /mine { client_body_buffer_size 512k; content_by_lua_block {
  require("tcb.nginx_inbox").handle { key = false, deliver = function(event)
    if event.id == "bad" then error "no" end
    if event.id == "full" then return nil, "full" end
    kept = (kept or "") .. event.id .. ":" .. event.number .. " "
    return true
  end } } }
location = /kept { content_by_lua_block { ngx.print(kept or "") } }
location = /listen { content_by_lua_block {
  local _, err = require("tcb.listen").new { port = 0, key = "0123456789abcdef" }
  ngx.print(tostring(err)) } }
]]

-- The code under test runs inside nginx, on its own LuaJIT.
describe("tcb.nginx_inbox", luas.abi ~= "luajit" and function() end or function()
  local dir, server, listener
  local function start_listener()
    listener = assert(listen.new { socket = dir .. "/s", socket_mode = 438, inbox = dir .. "/inbox.db" })
  end
  before_each(function()
    dir = nginx.capture "mktemp -d /tmp/tcb-hook-XXXXXX"
    os.execute("chmod 755 " .. dir)
    server = nginx.start { server = SERVER:gsub("%$SOCKET", dir .. "/s"), workers = 2 }
    start_listener()
  end)
  after_each(function()
    if listener then listener:close() end
    server.stop()
    os.execute("rm -rf " .. dir)
  end)
  local function post(path, body, more)
    local file = assert(io.open(dir .. "/body", "wb"))
    file:write(body)
    file:close()
    local kind = (more or ""):find "Content%-Type" and "" or "-H 'Content-Type: application/json'"
    return server.get(path, ("%s --data-binary @%s/body %s"):format(kind, dir, more or ""))
  end
  local GOOD = "/hook?key=nginx-key%2F0123456789"

  it("answers 200 with JSON once the event is durable", function()
    local text, status = post(GOOD, events.cmb "a", "-i")
    assert.equal(200, status)
    assert.truthy(text:find "\r\nContent%-Type: application/json\r\n")
    assert.truthy(text:find('{"status":"received"}', 1, true))
    assert.equal(events.cmb "a", listener.inbox:get "a".body)
    for i = 1, 50 do assert.equal(200, select(2, post(GOOD, events.cmb("n" .. i % 40)))) end
    assert.equal(41, listener:stats().waiting)
    assert.equal(10, listener:stats().duplicates)
    assert.equal("", server.errors())
  end)

  it("refuses what is no delivery, and hands none of it over", function()
    local function status(...) return (select(2, post(...))) end
    assert.equal(403, status("/hook", events.cmb "a"))
    assert.equal(403, status("/hook?key=nginx-key", events.cmb "a"))
    assert.equal(403, status(GOOD .. "x", events.cmb "a"))
    assert.equal(405, status(GOOD, events.cmb "a", "-X PUT"))
    assert.equal(405, (select(2, server.get(GOOD))))
    assert.equal(415, status(GOOD, events.cmb "a", "-H 'Content-Type: text/plain'"))
    assert.equal(413, status(GOOD, ("x"):rep(300000)))
    assert.equal(400, status(GOOD, ""))
    assert.equal(400, status(GOOD, "nonsense"))
    assert.equal(400, status(GOOD, '{"event_id":"\255"}'))
    assert.equal(0, listener:stats().requests)
    assert.is_nil(server.log():find("nginx-key", 1, true))
  end)

  it("answers 503 while nobody owns the inbox, and 200 again afterwards", function()
    assert.equal(200, (select(2, post(GOOD, events.cmb "a"))))
    listener:close()
    assert.equal(503, (select(2, post(GOOD, events.cmb "b"))))
    start_listener()
    assert.equal(200, (select(2, post(GOOD, events.cmb "b"))))
    assert.equal(2, listener:stats().waiting)
    assert.truthy(server.errors():find("tcb listen --socket", 1, true))
  end)

  it("answers 503 within 2 s when the inbox is stuck", function()
    local blocker = assert(inbox.open(dir .. "/inbox.db"))
    assert(blocker.db:begin())
    local begun = os.time()
    assert.equal(503, (select(2, post(GOOD, events.cmb "a"))))
    assert.is_true(os.time() - begun <= 2)
    blocker.db:rollback()
    blocker:close()
  end)

  it("hands events to a function", function()
    server.stop()
    server = nginx.start { server = SERVER }
    assert.equal(200, (select(2, post("/mine", events.cmb "a"))))
    assert.equal(503, (select(2, post("/mine", events.cmb "bad"))))
    assert.equal(503, (select(2, post("/mine", events.cmb "full"))))
    assert.equal(400, (select(2, post("/mine", "{}"))))
    assert.equal("a:919000000001 ", (server.get "/kept"))
  end)

  it("tcb.listen refuses to start inside nginx and says what to do", function()
    local text = server.get "/listen"
    assert.truthy(text:find("does not run inside nginx", 1, true), text)
    assert.truthy(text:find("tcb listen --socket", 1, true))
  end)
end)
