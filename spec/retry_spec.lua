local retry = require "tcb.retry"

local function decide(fields)
  local f = { call = "push", repeatable = false, kind = "server", attempts = 1, sent = true, random = 1 }
  for k, v in pairs(fields) do f[k] = v end
  return retry.decide(f)
end

describe("retry.decide", function()
  it("repeats a push that was certainly not processed", function()
    assert.equal("repeat", (decide{ kind = "net", sent = false }))
    assert.equal("repeat", (decide{ kind = "timeout", sent = false }))
    assert.equal("repeat", (decide{ kind = "server", status = 503 }))
    assert.equal("repeat", (decide{ kind = "rate", status = 429 }))
    assert.equal("token", (decide{ kind = "auth", status = 401 }))
    assert.equal("token", (decide{ kind = "auth", status = 500 }))
  end)

  it("holds a push that may have been processed in doubt", function()
    for _, f in ipairs{ { kind = "server", status = 500 }, { kind = "server", status = 502 }, { kind = "server", status = 504 },
      { kind = "proto", status = 200 }, { kind = "timeout" }, { kind = "net" }, { kind = "cancelled" }, { kind = "memory" } } do
      local action, wait_s, kind = decide(f)
      assert.equal("stop", action)
      assert.equal(0, wait_s)
      assert.equal("in_doubt", kind)
    end
  end)

  it("gives up at once where repeating is of no use", function()
    for _, kind in ipairs{ "input", "forbidden", "not_found", "config", "cancelled", "memory", "store" } do
      for _, repeatable in ipairs{ true, false } do
        local action, _, other = decide{ kind = kind, repeatable = repeatable, sent = false }
        assert.equal("stop", action)
        assert.is_nil(other)
      end
    end
    local action, _, other = decide{ kind = "input", status = 400 }
    assert.equal("stop", action)
    assert.is_nil(other)
  end)

  it("repeats every other call whatever became of it, a bounded number of times", function()
    for _, kind in ipairs{ "server", "net", "timeout", "proto" } do
      assert.equal("repeat", (decide{ call = "status", repeatable = true, kind = kind, attempts = 4 }))
      assert.equal("stop", (decide{ call = "status", repeatable = true, kind = kind, attempts = 5 }))
    end
    assert.equal("repeat", (decide{ call = "status", repeatable = true, kind = "rate", status = 429, attempts = 9 }))
    assert.equal("stop", (decide{ call = "status", repeatable = true, kind = "rate", status = 429, attempts = 10 }))
    assert.equal("repeat", (decide{ call = "token", repeatable = true, kind = "timeout", attempts = 1 }))
  end)

  it("takes another token for a refused one, but a fresh one's refusal is final", function()
    assert.equal("token", (decide{ call = "labels", repeatable = true, kind = "auth", status = 401, is_fresh = false }))
    assert.equal("stop", (decide{ call = "labels", repeatable = true, kind = "auth", status = 401, is_fresh = true }))
    assert.equal("stop", (decide{ call = "token", repeatable = true, kind = "auth", status = 401 }))
  end)

  it("doubles the wait, jitters all of it, and caps it", function()
    local function wait(attempts, random)
      return (select(2, decide{ repeatable = true, attempts = attempts, random = random, kind = "rate", status = 429 }))
    end
    assert.equal(0.5, wait(1, 1))
    assert.equal(1, wait(2, 1))
    assert.equal(4, wait(4, 1))
    assert.equal(8, wait(9, 1))
    assert.equal(0, wait(3, 0))
    assert.equal(1, wait(3, 0.5))
  end)

  it("waits as long as the service asks, within reason", function()
    assert.equal(7, (select(2, decide{ status = 503, retry_after_s = 7 })))
    assert.equal(300, (select(2, decide{ status = 503, retry_after_s = 86400 })))
    assert.equal(0.5, (select(2, decide{ status = 503, retry_after_s = 0 })))
  end)

  it("stops when the wait would pass the deadline", function()
    assert.equal("repeat", (decide{ status = 503, left_s = 0.6 }))
    assert.equal("stop", (decide{ status = 503, left_s = 0.4 }))
    assert.equal("stop", (decide{ status = 503, retry_after_s = 10, left_s = 9 }))
  end)
end)

describe("outage", function()
  local outage = require "tcb.outage"

  it("lets first attempts pass, and repeats as long as they are paid for", function()
    local o = outage.new()
    for _ = 1, 50 do assert.equal(0, o:ask(0, false)) end
    for _ = 1, 10 do assert.equal(0, o:ask(0, true)) end
    assert.equal(2000000, o:ask(0, true))
    assert.equal(0, o:ask(2000000, true))
    for _ = 1, 5 do o:succeeded(2000000) end
    assert.equal(0, o:ask(2000000, true))
    assert.is_true(o:ask(2000000, true) > 0)
  end)

  it("probes every two seconds once nothing succeeds, and ends with the first success", function()
    local o = outage.new()
    for _ = 1, 4 do assert.is_false(o:failed(0)) end
    assert.is_true(o:failed(0))
    assert.equal(2000000, o:ask(0, false))
    assert.equal(0, o:ask(2000000, false))
    assert.equal(2000000, o:ask(2000000, true))
    assert.equal(1500000, o:ask(2500000, false))
    assert.is_true(o:succeeded(2600000))
    assert.equal(0, o:ask(2600000, false))
    assert.is_false(o:succeeded(2600000))
  end)
end)
