local accounts = require "support.account"
local core = require "tcb.core"
local task = require "tcb.task"

local account
local function start(...)
  account = accounts.start(...)
  return account
end
before_each(function() core.log.level "error" end)
after_each(function()
  core.log.level "warn"
  if account then account:close() end
  account = nil
end)

local function elapsed_s() return (core.clock.now() - accounts.T0) / 1000 end

describe("call", function()
  it("mints one token for 8 concurrent calls with a cold store, whatever they are", function()
    for _, name in ipairs{ "labels", "push" } do
      local a = start{ latency = "300-1000" }
      local good, bad = a:at_once(8, name, name == "push" and function(i) return { body = a:push_body(i), count = 1 } end or nil)
      assert.equal(8, #good)
      assert.equal(0, #bad)
      assert.equal(1, a:count "token")
      assert.equal(0, a:count(nil, 429))
      a:close()
    end
    account = nil
  end)

  it("replaces a token revoked under 8 concurrent calls by one more, and no call fails", function()
    local a = start{ latency = "300-1000" }
    assert(a.caller:request "labels")
    a.rules.tokens.list[1].is_revoked = true
    local good, bad = a:at_once(8, "labels")
    assert.equal(8, #good)
    assert.equal(0, #bad)
    assert.equal(2, a:count "token")
    assert.equal(8, a:count("labels", 401))
  end)

  it("takes one new token and repeats once: a fresh token's refusal is final", function()
    local a = start{ faults = { "labels:1:401" } }
    assert(a.caller:request "labels")
    assert.equal(2, a:count "token")
    a:close()
    a = start{ faults = { "push:1-9:parse-token" } }
    local res, err = a.caller:request("push", { body = a:push_body() })
    assert.is_nil(res)
    assert.equal("auth", err.kind)
    assert.equal(2, err.attempts)
    assert.equal(2, a:count "token")
  end)

  it("tells all who wait when the key is refused, and asks the service once", function()
    local a = start({ latency = "100-100" }, { api_key = "00000000-0000-4000-8000-000000000000" })
    local good, bad = a:at_once(8, "labels")
    assert.equal(0, #good)
    assert.equal(8, #bad)
    for _, err in ipairs(bad) do assert.equal("auth", err.kind) end
    assert.equal(1, a:count "token")
  end)

  it("goes on when the one who mints for all is cancelled", function()
    local a, good, bad = start{ latency = "1000-1000" }, 0, {}
    task.run(function()
      local tasks = {}
      for i = 1, 4 do
        tasks[i] = task.spawn(function()
          local ok, res, err = pcall(a.caller.request, a.caller, "labels")
          if ok and res then good = good + 1 else bad[#bad + 1] = ok and err or res end
        end)
      end
      task.sleep(0.5)
      task.cancel(tasks[1])
    end)
    assert.equal(3, good)
    assert.equal(1, #bad)
    assert.equal("cancelled", bad[1].kind)
    assert.equal(2, a:count "token")
  end)

  it("gives an error of kind rate that says when the next mint is possible", function()
    local a = start(nil, { tokens = 10 })
    for _ = 1, 10 do
      assert(a.caller:request "labels")
      for _, token in ipairs(a.rules.tokens.list) do token.is_revoked = true end
      core.clock.advance(60 * 1000000)
    end
    local res, err = a.caller:request "labels"
    assert.is_nil(res)
    assert.equal("rate", err.kind)
    assert.is_true(err.retry_after_s > 1199 and err.retry_after_s < 1202)
    assert.truthy(err.message:find("2030-01-01T00:30:0", 1, true), err.message)
    assert.equal(10, a:count("token", 200))
    assert.equal(0, a:count(nil, 429))
  end)

  it("waits for the mint with wait = true, past its deadline", function()
    local a, waits = start(nil, { wait = true, limits = "mint=1/1800" }), {}
    assert(a.caller:request "labels")
    a.rules.tokens.list[1].is_revoked = true
    assert(a.caller:request("labels", { on_wait = function(s, why) waits[#waits + 1] = why .. " " .. math.floor(s) end }))
    assert.same({ "budget 1800" }, waits)
    assert.equal(2, a:count "token")
    assert.is_true(elapsed_s() > 1800 and elapsed_s() < 1801)
  end)

  local doubtful = { "500", "502", "504", "html", "empty", "truncate", "reset-before", "reset-after-commit", "stall+60" }
  for _, what in ipairs(doubtful) do
    it("holds push and personalise in doubt after " .. what .. ", and sends them once", function()
      for _, name in ipairs{ "push", "personalise" } do
        local a = start{ faults = { name .. ":1:" .. what } }
        local body = name == "push" and a:push_body() or require("tcb.json").encode(a:record())
        local res, err = a.caller:request(name, { body = body, count = 1 })
        if what == "empty" and res then err = { kind = "in_doubt", call = name } end   -- seen by who reads the body
        assert.equal("in_doubt", err.kind)
        assert.equal(name, err.call)
        assert.equal(1, a:count(name))
        a:close()
      end
      account = nil
    end)
  end

  for _, what in ipairs{ "401", "429", "429+2", "503", "parse-token" } do
    it("repeats a push after " .. what .. ", which did nothing", function()
      local a, seen = start{ faults = { "push:1-2:" .. what } }, {}
      if what == "401" or what == "parse-token" then
        a.rules.faults:clear()
        a.rules.faults:add("push:1:" .. what)
      end
      assert(a.caller:request("push", { body = a:push_body(), count = 1, after = function(x) seen[#seen + 1] = x.status end }))
      assert.equal(1, a:count("push", 200))
      assert.equal(#seen, a:count "push")
      assert.equal(200, seen[#seen])
      if what == "429+2" then assert.is_true(elapsed_s() >= 4) end
    end)
  end

  it("repeats everything else, and gives up after five", function()
    local a = start{ faults = { "labels:1-4:502" } }
    assert(a.caller:request "labels")
    assert.equal(5, a:count "labels")
    a:close()
    a = start{ faults = { "labels:1-99:reset-before" } }
    local res, err = a.caller:request "labels"
    assert.is_nil(res)
    assert.equal("net", err.kind)
    assert.equal(5, err.attempts)
    assert.equal(5, a:count "labels")
  end)

  it("does not repeat what is wrong or forbidden", function()
    for _, status in ipairs{ "403", "404" } do
      local a = start{ faults = { "numbers:1:" .. status } }
      local res, err = a.caller:request "numbers"
      assert.is_nil(res)
      assert.equal(status == "403" and "forbidden" or "not_found", err.kind)
      assert.equal(1, a:count "numbers")
      a:close()
    end
    account = nil
  end)

  it("repeats a mint that failed, each one spent", function()
    local a = start{ faults = { "token:1-2:503" } }
    assert(a.caller:request "labels")
    assert.equal(3, a:count "token")
    assert.equal(7, a.caller.governor:status().mints_left)
    a:close()
    a = start{ faults = { "token:1-99:503" } }
    local res, err = a.caller:request "labels"
    assert.is_nil(res)
    assert.equal("server", err.kind)
    assert.equal(5, a:count "token")
  end)

  it("asks an older edition of the service after a 404 of batch status, and remembers", function()
    local a = start{ faults = { "status:1:404" } }
    local res = assert(a.caller:request("push", { body = a:push_body(), count = 1 }))
    local id = res.body:match '"batch_id":"([^"]+)"'
    assert(a.caller:request("status", { query = { batchId = id } }))
    assert(a.caller:request("status", { query = { batchId = id } }))
    local paths = {}
    for _, event in ipairs(a:requests "status") do paths[#paths + 1] = event.path:match "^/(v%d)/" end
    assert.same({ "v3", "v2", "v2" }, paths)
    a:close()
    a = start()
    local _, err = a.caller:request("status", { query = { batchId = "none" } })
    assert.equal("not_found", err.kind)
    assert.is_nil(a.caller.fallback.status)
  end)

  it("asks `before` with permission in hand and before the first byte; its refusal gives the slot back", function()
    local a = start()
    local res, err = a.caller:request("push", { body = a:push_body(), before = function(attempt)
      assert.equal(1, attempt.n)
      assert.equal(8, #attempt.token8)
      assert.is_false(attempt.sent)
      return nil, require("tcb.errors").new{ kind = "store", message = "the journal is full" }
    end })
    assert.is_nil(res)
    assert.equal("store", err.kind)
    assert.equal(0, a:count "push")
    assert.equal(0, a.caller.governor:status().tokens[1].push_used)
    local order = {}
    assert(a.caller:request("push", { body = a:push_body(), count = 1,
      before = function() order[#order + 1] = "before " .. a:count "push" return true end,
      after = function(x) order[#order + 1] = ("after %d %s"):format(x.status, tostring(x.sent)) end }))
    assert.same({ "before 0", "after 200 true" }, order)
  end)

  it("does not ask the state for each call that nothing limits, and sees within 0.2 s what others did to it", function()
    local a = start(nil, { limits = "push=0" })
    local asked, update = 0, a.caller.governor.update
    a.caller.governor.update = function(...) asked = asked + 1 return update(...) end
    assert(a.caller:request "labels")
    local cold = asked
    for _ = 1, 50 do
      assert(a.caller:request "labels")
      assert(a.caller:request("push", { body = a:push_body(), count = 1 }))
    end
    assert.equal(cold + 1, asked)
    a.caller.governor.state:stop(core.clock.now())         -- as another process would
    core.clock.advance(200001)
    local _, err = a.caller:request("push", { body = a:push_body(), deadline_s = 1 })
    assert.equal("rate", err.kind)
    a.caller.governor.state:stop(nil)
    a.rules.faults:add "labels:1:429"
    assert(a.caller:request "labels")
    assert.equal(1, a:count("labels", 429))
    assert(a.caller.governor.state:status().tokens[1].paused_us > 0)
  end)

  it("stops at its deadline, and says what it waited for", function()
    local a = start(nil, { limits = "push=1/60" })
    assert(a.caller:request("push", { body = a:push_body(1), count = 1 }))
    local res, err = a.caller:request("push", { body = a:push_body(2), deadline_s = 5 })
    assert.is_nil(res)
    assert.equal("rate", err.kind)
    assert.is_true(err.retry_after_s > 59)
    assert.is_true(elapsed_s() < 1)
    assert(a.caller:request("push", { body = a:push_body(2), count = 1 }))
  end)

  it("pauses the sends of every caller of the account, and goes on when resumed", function()
    local a = start()
    assert(a.caller:request "labels")
    assert(a.caller.governor:pause(true))
    local _, err = a.caller:request("push", { body = a:push_body(), deadline_s = 3 })
    assert.equal("rate", err.kind)
    assert.truthy(tostring(err):find("tcb resume", 1, true))
    assert(a.caller:request "labels")
    task.run(function()
      task.spawn(function()
        task.sleep(10)
        a.caller.governor:pause(false)
      end)
      assert(a.caller:request("push", { body = a:push_body(), count = 1 }))
    end)
    assert.is_true(elapsed_s() >= 13 and elapsed_s() < 13.5)
  end)
end)

describe("an outage", function()
  it("is answered by few requests, and full speed is back within 5 s after it", function()
    local a = start({ latency = "300-1000", keys = false, empty_bodies = true }, { tokens = 10 })
    local ends_at, done = nil, false
    task.run(function()
      local left = 3000
      for _ = 1, 40 do
        task.spawn(function()
          while left > 0 do
            local demand = left
            left = left - 1
            local res, err = a.caller:request("push", { body = "{}", count = 500, demand = demand })
            if not res then
              assert.equal("server", err.kind)
              left = left + 1
            end
          end
          done = true
        end)
      end
      task.sleep(60)
      assert.is_false(done)
      a.rules.faults:add "*:100%:503"
      task.sleep(60)
      a.rules.faults:clear()
      ends_at = core.clock.now()
    end)
    local during, after, last_second = 0, {}, nil
    for _, event in ipairs(a:requests()) do
      if event.status == 503 then during = during + 1 end
      if event.status == 200 and event.t > ends_at then
        local second = math.floor((event.t - ends_at) / 1000)
        after[second] = (after[second] or 0) + 1
        last_second = second
      end
    end
    assert.is_true(during >= 20 and during <= 75, during .. " requests during the outage")
    assert.is_true(last_second > 30)
    local sum = 0
    for second = 5, 14 do sum = sum + (after[second] or 0) end
    assert.is_true(sum >= 98, sum .. " pushes in 10 s after it")
    assert.equal(0, a:count(nil, 429))
  end)
end)
