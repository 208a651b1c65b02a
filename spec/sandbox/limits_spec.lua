local core = require "tcb.core"
local limits = require "tcb.sandbox.limits"
local support = require "sandbox.support"

describe("sandbox limits", function()
  local s
  after_each(function() s:close() end)

  local function burst(n, call)
    local statuses = {}
    for i = 1, n do
      local status = call(i).status
      statuses[status] = (statuses[status] or 0) + 1
    end
    return statuses
  end

  it("mint 10 tokens in 1,800 s, sliding to the millisecond", function()
    s = support.start()
    for _ = 1, 10 do
      assert.equal(200, s:mint().status)
      s:pass(60)
    end
    s:pass(1800 - 600 - 0.001)
    assert.equal(429, s:mint().status)
    s:pass(0.001)
    assert.equal(200, s:mint().status)
    assert.equal(429, s:mint().status)
    s:pass(59.999)
    assert.equal(429, s:mint().status)
    s:pass(0.001)
    assert.equal(200, s:mint().status)
  end)

  it("count mints per account, and only those that made a token", function()
    s = support.start{ accounts = 2, limits = { mint = "2/1800" } }
    s:send("POST", "/clients/" .. s.account.id .. "/token", { key_id = "x", api_key = "y" }, { ["x-public-access"] = "allow" })
    assert.same({ [200] = 2, [429] = 1 }, burst(3, function() return s:mint() end))
    assert.equal(200, s:mint(s.rules.accounts[2]).status)
  end)

  it("push 60 in 60 s per token", function()
    s = support.start()
    s:mint()
    local first = s.token
    assert.same({ [200] = 60, [429] = 5 }, burst(65, function() return s:push(s:record()) end))
    s:mint()
    assert.equal(200, s:push(s:record()).status)
    s.token = first
    s:pass(59.999)
    assert.equal(429, s:push(s:record()).status)
    s:pass(0.001)
    assert.same({ [200] = 60, [429] = 1 }, burst(61, function() return s:push(s:record()) end))
  end)

  it("slide: a window is no calendar", function()
    s = support.start{ limits = { push = "3/10" } }
    s:mint()
    local function push() return s:push(s:record()).status end
    assert.equal(200, push())                -- 0 s
    s:pass(4)
    assert.equal(200, push())                -- 4 s
    s:pass(5)
    assert.equal(200, push())                -- 9 s
    assert.equal(429, push())
    s:pass(1)
    assert.equal(200, push())                -- 10 s: the first has left
    assert.equal(429, push())
    s:pass(3.999)
    assert.equal(429, push())
    s:pass(0.001)
    assert.equal(200, push())                -- 14 s: the second
    assert.equal(429, push())
  end)

  it("count what is refused for its content, not what is refused for its token, a limit or a fault", function()
    s = support.start{ limits = { push = "2/60" } }
    s:mint()
    s.rules.faults:add "push:1-5:429"
    assert.same({ [429] = 5 }, burst(5, function() return s:push(s:record()) end))
    local token = s.token
    s.token = "wrong"
    assert.equal(401, s:push(s:record()).status)
    s.token = token
    assert.equal(400, s:call("push", "{").status)
    assert.equal(200, s:push(s:record()).status)
    assert.equal(429, s:push(s:record()).status)
    s:pass(60)
    assert.equal(200, s:push(s:record()).status)
  end)

  it("take 100 real-time requests in 1 s, v1 ones among them", function()
    s = support.start()
    s:mint()
    assert.same({ [200] = 60 }, burst(60, function() return s:call("personalise", s:record()) end))
    s:pass(0.5)
    local v1 = { caller = "911234567890", receiver = "919876543210", label_id = s.account.labels[1].id,
      starts_at = support.T0 + 1,
      ends_at = support.T0 + 3600000 }
    assert.same({ [200] = 40, [429] = 10 }, burst(50, function() return s:call("v1_personalise", v1) end))
    s:pass(0.499)
    assert.equal(429, s:call("personalise", s:record()).status)
    s:pass(0.001)
    assert.same({ [200] = 60, [429] = 1 }, burst(61, function() return s:call("personalise", s:record()) end))
  end)

  it("can be lifted", function()
    s = support.start{ limits = "push=0 personalise=0 mint=0" }
    assert.same({ [200] = 30 }, burst(30, function() return s:mint() end))
    assert.same({ [200] = 200 }, burst(200, function() return s:call("personalise", s:record()) end))
  end)

  it("answer without Retry-After, which nobody documents", function()
    s = support.start{ limits = { mint = "1/10" } }
    s:mint()
    local refused = s:mint()
    assert.equal(429, refused.status)
    assert.is_nil(refused.headers["Retry-After"])
  end)

  it("hold for any order of times against a count by hand", function()
    s = support.start()
    local window, kept, t = limits.window{ 7, 3 }, {}, 0
    for i = 1, 5000 do
      t = t + math.floor(s.rules.ids.draw("step " .. i) * 1200)
      local n = 0
      for _, at in ipairs(kept) do if at > t - 3000 then n = n + 1 end end
      local taken = window.take(t)
      assert.equal(n < 7, taken)
      if taken then kept[#kept + 1] = t end
      assert.equal(math.min(7, n + 1), window.used(t))
      if #kept > 50 then table.remove(kept, 1) end
    end
  end)
end)

describe("sandbox delays", function()
  it("lie in the ranges, come from the seed, and spare control", function()
    local s = support.start{ latency = "300-1000", count_jitter = { 0, 500 } }
    local again = support.start{ latency = "300-1000", count_jitter = { 0, 500 } }
    local low, high = math.huge, 0
    for _ = 1, 300 do
      local count_ms, answer_ms = s.rules:delays{ path = "/x" }
      local count2, answer2 = again.rules:delays{ path = "/x" }
      assert.is_true(count_ms >= 0 and count_ms <= 500 and answer_ms >= 300 and answer_ms <= 1000)
      assert.same({ count_ms, answer_ms }, { count2, answer2 })
      low, high = math.min(low, answer_ms), math.max(high, answer_ms)
    end
    assert.is_true(low < 330 and high > 970)
    assert.same({ 0, 0 }, { s.rules:delays{ path = "/_sandbox/state" } })
    again:close()
    s:close()
    assert.is_false(core.clock.virtual())
  end)
end)
