local core = require "tcb.core"
local httpd = require "tcb.httpd"

describe("httpd.thread", function()
  local threads = {}
  local function thread(name, args)
    local t = assert(httpd.thread("support.threaded", name, args))
    threads[#threads + 1] = t
    return t
  end
  after_each(function()
    for _, t in ipairs(threads) do t:close() end
    threads = {}
    core.clock.shift(0)
  end)

  it("runs a function of a module in a state of its own, and exchanges texts", function()
    local t = thread("echo", { text = "hello", flag = true, number = 42 })
    assert.equal("hello true 42", t:receive(5))
    assert.is_nil(t:receive(0))
    t:send "abc"
    t:send(("x"):rep(100000))
    assert.equal("ABC", t:receive(5))
    assert.equal(("X"):rep(100000), t:receive(5))
    assert.is_false(t:ended())
    assert.truthy(tostring(t):find "running")
    assert.is_true(t:close())
    assert.is_true(t:close())
    assert.truthy(tostring(t):find "closed")
    assert.has_error(function() t:send "x" end)
  end)

  it("tells an error with its traceback", function()
    local t = thread "fail"
    local text = t:receive(5)
    assert.truthy(text:find "it broke")
    assert.truthy(text:find "traceback")
    assert.is_nil(t:receive(5))
    assert.is_true(t:ended())
    assert.is_false(t:close())
    t = thread "no_such_function"
    assert.truthy(t:receive(5))
    assert.has_error(function() httpd.thread("support.threaded", "echo", { bad = {} }) end)
  end)

  it("has the owner's clock and secrets", function()
    core.clock.shift(5000)
    core.log.secret "thread-secret-1"
    assert.equal("5000 key [secret]", thread("clock"):receive(5))
  end)

  it("serves while its owner is blocked, and ends when it is collected", function()
    local t = thread "serve"
    local port = t:receive(5)
    local p = io.popen("curl -s http://127.0.0.1:" .. port .. "/")
    assert.equal("from a thread", p:read "*a")
    p:close()
    threads, t = {}, nil
    collectgarbage()
    collectgarbage()
    p = io.popen("curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:" .. port .. "/")
    assert.equal("000", p:read "*a")
    p:close()
  end)

  it("many at once", function()
    for _ = 1, 20 do thread("echo", { text = "a", flag = false, number = 1 }) end
    for _, t in ipairs(threads) do
      assert.equal("a false 1", t:receive(20))
      t:send "b"
    end
    for _, t in ipairs(threads) do assert.equal("B", t:receive(20)) end
  end)
end)
