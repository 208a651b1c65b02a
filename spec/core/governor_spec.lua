local core = require "tcb.core"

local function new(options)
  local o = { mint = { count = 10, window_us = 1800000000 }, push = { count = 60, window_us = 60000000 },
    personalise = { count = 100, window_us = 1000000 }, key = "00000000" }
  for k, v in pairs(options or {}) do o[k] = v or nil end
  return core.governor(o)
end

local function mint(g, token)
  local n = g:mint_begin(40000000, false, 10, false)
  if not n then return nil end
  local now = core.clock.mono()
  g:mint_done(n, now, now, 10, token or ("t%d"):format(n), ("%08d"):format(n))
  return n
end

local function take(g, lane, demand, declared, waited)
  return g:take(lane, demand or 1, declared or false, waited or 0, 10, true, nil, 15000000)
end

local function ahead(seconds) core.clock.advance(math.floor(seconds * 1e6)) end

--- Sends one request that leaves at once and is answered after `s`.
local function send(g, lane, status, s)
  local action, _, _, _, n, slot = take(g, lane)
  assert.equal("grant", action)
  local at = core.clock.mono()
  slot = g:sent(n, lane, slot, at)
  ahead(s or 0.3)
  g:answered(n, lane, slot, at, core.clock.mono(), status or 200)
  return n
end

before_each(function() core.clock.virtual(1893456000000) end)
after_each(function() core.clock.virtual(false) end)

describe("governor slots", function()
  it("are free again a window after the answer, or after the slack when the answer is slow", function()
    local g = new{ push = { count = 1, window_us = 60000000 } }
    mint(g)
    send(g, "push", 200, 0.3)
    local action, _, us, why = take(g, "push")
    assert.same({ "wait", 60001000, "slot" }, { action, us, why })
    ahead(60.002)
    send(g, "push", 200, 5)
    action, _, us = take(g, "push")
    assert.same({ "wait", 60501000 - 5000000 }, { action, us })
  end)

  it("stay taken for as long as the request may still leave, when its process dies", function()
    local g = new{ push = { count = 1, window_us = 60000000 } }
    mint(g)
    assert.equal("grant", (take(g, "push")))
    local action, _, us = take(g, "push")
    assert.same({ "wait", 15000000 + 500000 + 60000000 + 1000 }, { action, us })
  end)

  it("are free at once when nothing left", function()
    local g = new{ push = { count = 1, window_us = 60000000 } }
    mint(g)
    local _, _, _, _, n, slot = take(g, "push")
    g:answered(n, "push", slot, nil, core.clock.mono(), nil)
    ahead(31)
    assert.equal("grant", (take(g, "push")))
  end)

  it("are spread evenly over the window when many wait, three a second at most when few do", function()
    local g = new()
    mint(g)
    local at = {}
    for i = 1, 61 do
      local action, _, us, _, n, slot = take(g, "push", 1000, true)
      while action == "wait" do
        core.clock.advance(us)
        action, _, us, _, n, slot = take(g, "push", 1000, true)
      end
      at[i] = core.clock.mono()
      g:sent(n, "push", slot, at[i])
      if i > 2 then assert.is_true(at[i] - at[i - 1] > 900000 and at[i] - at[i - 1] < 1200000) end
    end
    assert.is_true(at[61] - at[1] >= 60501000)
    local h = new()
    mint(h)
    take(h, "push", 8, true)
    local _, _, us = take(h, "push", 7, true)
    assert.equal(504175, us)
  end)

  it("come back after a first 429, and are kept after a second in a row", function()
    local g = new{ push = { count = 2, window_us = 60000000 } }
    mint(g)
    send(g, "push", 429)
    assert.equal(0, g:status().tokens[1].push_used)
    ahead(31)
    send(g, "push", 429)
    assert.equal(1, g:status().tokens[1].push_used)
    ahead(31)
    send(g, "push", 200)
    ahead(61)
    send(g, "push", 429)
    assert.equal(0, g:status().tokens[1].push_used)
  end)
end)

describe("governor pauses", function()
  it("double for a token from 250 ms to 8 s, or last as long as the service says", function()
    local g = new{ push = false }
    mint(g)
    for _, expected in ipairs{ 0.25, 0.5, 1, 2, 4, 8, 8 } do
      send(g, "push", 429, 0)
      local action, _, us, why = take(g, "push")
      assert.same({ "wait", expected * 1e6, "pause" }, { action, us, why })
      core.clock.advance(us)
    end
    local _, _, _, _, n, slot = take(g, "push")
    g:answered(n, "push", slot, core.clock.mono(), core.clock.mono(), 429, 20)
    assert.equal(20000000, (select(3, take(g, "push"))))
  end)

  it("double the slack up to 2 s, which halves after each calm minute", function()
    local g = new()
    mint(g)
    local function slack() return g:status().tokens[1].push_slack_us end
    for _, expected in ipairs{ 1000000, 2000000, 2000000 } do
      send(g, "push", 429)
      assert.equal(expected, slack())
      ahead(10)
    end
    ahead(50)
    take(g, "push")
    assert.equal(1000000, slack())
    ahead(200)
    take(g, "push")
    assert.equal(500000, slack())
  end)

  it("hold for the account after three in a row on different tokens within a second", function()
    local g = new{ push = false }
    for _ = 1, 3 do mint(g) end
    local hit = {}
    for _ = 1, 3 do hit[send(g, "push", 429, 0.1)] = true end
    assert.is_true(hit[1] and hit[2] and hit[3])
    assert.is_true(g:status().pause_us - core.clock.mono() == 1000000)
    ahead(0.6)
    local action, _, us, why = take(g, "push")
    assert.same({ "wait", 400000, "pause" }, { action, us, why })
    assert.equal("grant", (take(g, nil)))
  end)

  it("do not hold for the account when answers came between", function()
    local g = new{ push = false }
    for _ = 1, 4 do mint(g) end
    send(g, "push", 429, 0.01)
    send(g, "push", 429, 0.01)
    send(g, "push", 200, 0.01)
    send(g, "push", 429, 0.01)
    assert.equal(0, g:status().pause_us)
  end)

  it("stop the sends of the account, and nothing else, while it is stopped", function()
    local g = new()
    mint(g)
    g:stop(core.clock.now())
    assert.same({ "wait", "stopped" }, { (take(g, "push")), (select(4, take(g, "push"))) })
    assert.equal("grant", (take(g, nil)))
    g:stop(nil)
    assert.equal("grant", (take(g, "push")))
  end)
end)

describe("governor mints", function()
  it("count over a sliding window from the answer, and say when the next is possible", function()
    local g = new()
    for _ = 1, 10 do
      assert(mint(g))
      ahead(60)
    end
    assert.is_nil(mint(g))
    local s = g:status()
    assert.equal(0, s.mints_left)
    assert.equal(1800001000 - 600000000, s.next_mint_us - s.now_us)
    ahead(1200.001)
    assert(mint(g))
    assert.is_nil(mint(g))
  end)

  it("are spent from the moment the request starts, and never two at a time for one need", function()
    local g = new()
    assert.equal("mint", (take(g, "push")))
    assert(g:mint_begin(40000000, false, 10, false))
    assert.equal(9, g:status().mints_left)
    assert.is_nil(g:mint_begin(40000000, false, 10, false))
    assert.same({ "wait", 5000000, "mint" }, { (take(g, "push")), (select(3, take(g, "push"))), (select(4, take(g, "push"))) })
    ahead(5.1)
    assert.equal("mint", (take(g, "push")))                 -- its minter is dead
    assert.equal(9, g:status().mints_left)
  end)

  it("are not lost when nothing left, and given back after a first 429 alone, which pauses mints alone", function()
    local g = new()
    mint(g)
    local function refused(status, sent)
      local n = assert(g:mint_begin(40000000, true, 10, false))
      g:mint_failed(n, nil, nil, sent and core.clock.mono() or nil, core.clock.mono(), status)
      ahead(100)
    end
    refused(nil, false)
    assert.equal(9, g:status().mints_left)
    refused(429, true)
    assert.equal(9, g:status().mints_left)
    refused(429, true)
    assert.equal(8, g:status().mints_left)
    refused(503, true)
    assert.equal(7, g:status().mints_left)
    local n = assert(g:mint_begin(40000000, true, 10, false))
    g:mint_failed(n, nil, nil, core.clock.mono(), core.clock.mono(), 429, 30)
    assert.is_nil(g:mint_begin(40000000, true, 10, false))
    assert.equal("grant", (take(g, "push")))
    ahead(31)
    assert(g:mint_begin(40000000, true, 10, false))
  end)

  it("grow the pool as throughput asks for it, and keep one in reserve", function()
    local g = new()
    mint(g)
    local function grow(demand, declared, keep, deadline)
      return (select(2, g:take("push", demand, declared, 0, 10, keep, deadline, 15000000)))
    end
    assert.equal(0, grow(8, true, true))
    assert.equal(1, grow(20, true, true))
    assert.equal(0, grow(6000, false, true))                -- only waiting, and not for long
    assert.equal(8, grow(6000, true, true))
    assert.equal(9, grow(6000, true, false))
    assert.equal(9, grow(6000, true, true, core.clock.mono() + 600000000))
  end)

  it("renew busy tokens one after the other before they end, and the newcomer takes the old one's place", function()
    local g = new()
    for _ = 1, 10 do mint(g) end
    local renewed = {}
    for s = 1, 3600 do
      for _ = 1, 10 do
        local now = core.clock.mono()
        local action, grow, _, _, n, slot = g:take("push", 5000, true, 0, 10, false, nil, 15000000)
        if action == "grant" then g:answered(n, "push", g:sent(n, "push", slot, now), now, now, 200) end
        if grow > 0 then
          assert.equal(1, grow)
          local m = assert(g:mint_begin(40000000, true, 10, false))
          g:mint_done(m, core.clock.mono(), core.clock.mono(), 10, "new" .. m, ("%08d"):format(m))
          renewed[#renewed + 1] = s
        end
      end
      ahead(1)
    end
    assert.equal(10, #renewed)
    assert.is_true(renewed[1] >= 3000 and renewed[10] <= 3540)
    for i = 2, 10 do assert.is_true(renewed[i] - renewed[i - 1] >= 30) end
    assert.equal(10, #g:status().tokens)
  end)

  it("go one at a time while the history is unknown", function()
    local g = new()
    g:cautious()
    mint(g)
    local grow = (select(2, take(g, "push", 6000, true)))
    assert.equal(1, grow)
    assert(g:mint_begin(40000000, true, 10, true))
    assert.equal(0, (select(2, take(g, "push", 6000, true))))
    assert.is_nil(g:mint_begin(40000000, true, 10, true))
    ahead(1801)
    assert.is_true((select(2, take(g, "push", 6000, true))) > 1)
  end)
end)

describe("governor tokens", function()
  it("leave the pool when revoked and before their hour is over", function()
    local g = new()
    local n = mint(g)
    assert.equal("grant", (take(g, nil)))
    g:revoked(n)
    assert.equal("mint", (take(g, nil)))
    g:revoked(n)
    mint(g)
    ahead(3539)
    assert.equal("grant", (take(g, nil)))
    ahead(2)
    assert.equal("mint", (take(g, nil)))
    assert.equal(1, #g:status().tokens)
    ahead(60)
    take(g, nil)
    assert.equal(0, #g:status().tokens)
  end)

  it("are used by the API key that minted them alone", function()
    local a, buf = new(), core.buf()
    mint(a)
    local b = new{ key = "11111111" }
    assert(b:load(a:dump(buf)))
    assert.equal("mint", (take(b, "push")))
    assert.equal(9, b:status().mints_left)
    mint(b)
    assert(a:load(b:dump(buf)))
    assert.equal("grant", (take(a, "push")))
    assert.equal(2, #a:status().tokens)
  end)
end)

describe("governor state", function()
  local function patched(bytes, at, with) return bytes:sub(1, at - 1) .. with .. bytes:sub(at + #with) end

  it("is the same after dump and load", function()
    local g, buf = new(), core.buf()
    for _ = 1, 3 do mint(g) end
    for _ = 1, 5 do send(g, "push", 200, 1) end
    send(g, "personalise", 429, 0.1)
    local before, bytes = g:status(), g:dump(buf):string()
    local h = new()
    assert(h:load(bytes))
    assert.same(before, h:status())
    assert.equal(bytes, h:dump(buf):string())
    assert.same({ take(g, "push") }, { take(h, "push") })
    assert(h:load(nil))
    assert.equal(0, #h:status().tokens)
  end)

  it("tells damage and a newer form", function()
    local g, buf = new(), core.buf()
    mint(g)
    local bytes = g:dump(buf):string()
    for _, bad in ipairs{ "", "x", bytes:sub(1, -2), bytes .. "x", patched(bytes, 40, "\255\255"),
      patched(bytes, #bytes - 3, "zz"), patched(bytes, 1, "X") } do
      local ok, err = g:load(bad)
      assert.is_nil(ok)
      assert.equal("store", err.kind)
      assert.equal("damaged", err.slug)
      assert.equal(0, #g:status().tokens)
    end
    local ok, err = g:load(patched(bytes, 5, "\2"))
    assert.is_nil(ok)
    assert.equal("newer", err.slug)
  end)

  it("recognises a reboot: time goes on by the wall clock", function()
    local g, buf = new(), core.buf()
    mint(g)
    local rebooted = patched(g:dump(buf):string(), 9, ("\7"):rep(16))
    ahead(600)
    assert(g:load(rebooted))
    local s = g:status()
    assert.equal(s.now_us - 600000000, s.tokens[1].minted_us)
    assert.equal(9, s.mints_left)
    core.clock.virtual(1893456000000 - 3600000)             -- the wall clock went back: nothing is believed to have aged
    assert(g:load(rebooted))
    s = g:status()
    assert.equal(s.now_us, s.tokens[1].minted_us)
    assert.equal(9, s.mints_left)
    assert.equal("grant", (take(g, "push")))
  end)

  it("of a process with larger limits leaves no more than one's own", function()
    local a, b, buf = new(), new{ push = { count = 5, window_us = 60000000 } }, core.buf()
    mint(a)
    for _ = 1, 10 do send(a, "push", 200, 1) end
    assert(b:load(a:dump(buf)))
    assert.equal(5, b:status().tokens[1].push_used)
    assert.equal("wait", (take(b, "push")))
  end)
end)
