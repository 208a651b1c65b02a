--- The account at its documented limits, in a size for every day; bench/ceiling.sh has the full one. Judged by the ledger.
local accounts = require "support.account"
local core = require "tcb.core"
local json = require "tcb.json"
local task = require "tcb.task"

--- `count` requests of `call` by `workers` tasks. Returns how many failed, the time until the last was answered, the longest time
-- between two sends, and the instants of the sends (us) by token.
local function drive(a, call, count, workers)
  local left, last, gap, sends, failed = count, nil, 0, {}, 0
  local body = call == "push" and "{}" or json.encode(a:record(1230000))
  task.run(function()
    for _ = 1, workers do
      task.spawn(function()
        while left > 0 do
          left = left - 1
          local res = a.caller:request(call, { body = body, count = call == "push" and 500 or 1,
            demand = call == "push" and left + 1 or nil, after = function(x)
              if last then gap = math.max(gap, x.sent_us - last) end
              last = math.max(last or 0, x.sent_us)
              sends[x.token8] = sends[x.token8] or {}
              table.insert(sends[x.token8], x.sent_us)
            end })
          if not res then failed = failed + 1 end
        end
      end)
    end
  end)
  return { failed = failed, took_s = (core.clock.now() - accounts.T0) / 1000, gap_s = gap / 1e6, sends = sends }
end

local function densest(list, window)
  local most, first = 0, 1
  table.sort(list)
  for i, t in ipairs(list) do
    while list[first] <= t - window do first = first + 1 end
    most = math.max(most, i - first + 1)
  end
  return most
end

local function instants(a, call, status)
  local list = {}
  for _, e in ipairs(a:requests(call)) do
    if e.status == status then list[#list + 1] = e.t end
  end
  return list
end

describe("an account with 10 tokens", function()
  local a
  before_each(function() core.log.level "error" end)
  after_each(function()
    a:close()
    core.log.level "warn"
  end)

  local function start(more)
    local o = { latency = "300-1000", count_jitter = "0-500", keys = false, empty_bodies = true }
    for k, v in pairs(more or {}) do o[k] = v end
    a = accounts.start(o, { tokens = 10 })
  end

  it("pushes at 98.5 % of its ceiling and more, without a 429, with 10 mints", function()
    start()
    local run = drive(a, "push", 6000, 20)
    assert.equal(0, run.failed)
    assert.equal(6000, a:count("push", 200))
    assert.equal(0, a:count(nil, 429))
    assert.equal(10, a:count "token")
    assert.is_true(6000 * 500 / run.took_s * 60 >= 0.985 * 300000, run.took_s .. " s")
    for _, list in pairs(run.sends) do assert.is_true(densest(list, 1000000) <= 3) end
  end)

  it("goes on over the renewals without a pause, and with at most 10 mints in 30 minutes", function()
    start()
    local run = drive(a, "push", 36000, 20)
    assert.equal(0, run.failed)
    assert.equal(0, a:count(nil, 429))
    assert.equal(20, a:count("token", 200))
    assert.is_true(densest(instants(a, "token", 200), 1800000) <= 10)
    assert.is_true(run.gap_s <= 2, run.gap_s .. " s")
    assert.is_true(36000 * 500 / run.took_s * 60 >= 0.985 * 300000, run.took_s .. " s")
  end)

  it("pushes at 97 % when 5 % of the answers are an injected 429", function()
    start{ faults = { "*:5%:429" } }
    local run = drive(a, "push", 6000, 20)
    assert.equal(0, run.failed)
    assert.equal(6000, a:count("push", 200))
    assert.is_true(a:count("push", 429) > 200)
    assert.is_true(6000 * 500 / run.took_s * 60 >= 0.97 * 300000, run.took_s .. " s")
  end)

  it("makes 98 % of 1,000 real-time calls a second, without a 429", function()
    start{ count_jitter = "0-10" }
    local run = drive(a, "personalise", 30000, 1500)
    assert.equal(0, run.failed)
    assert.equal(0, a:count(nil, 429))
    local at = instants(a, "personalise", 200)
    local from, n = accounts.T0 + 5000, 0                   -- the first seconds mint
    table.sort(at)
    for _, t in ipairs(at) do if t > from then n = n + 1 end end
    assert.is_true(n * 1000 / (at[#at] - from) >= 980, n * 1000 / (at[#at] - from) .. " a second")
  end)
end)
