local core = require "tcb.core"
local json = require "tcb.json"
local rehearsal = require "tcb.rehearsal"
local tcb = require "support.tcb"
local luas = require "support.luas"

local function events(path)
  local list = {}
  for line in io.lines(path) do list[#list + 1] = assert(json.decode(line)) end
  return list
end

describe("rehearsal.run", function()
  it("runs a program against the rules, counts what it cost, and puts the world back", function()
    local time, random_seed = os.time, math.randomseed
    local inside = {}
    local tally = assert(rehearsal.run({ seed = 7, latency = "500-500", count_jitter = "0-0" }, function(x)
      inside.arg, inside.time, inside.date, inside.now = x, os.time(), os.date "!%Y-%m-%d", core.clock.now()
      local client = assert(require("tcb").client{})
      local label = assert(client:labels():first())
      local from = os.clock()
      require("tcb").sleep(3600)
      inside.slept = os.clock() - from
      local batch = assert(client:push{ { caller_number = "911234567890", receiver_number = "919876543210", label_id = label.id,
        starts_at = core.clock.now() + 3600000, ends_at = core.clock.now() + 7200000 },
        { caller_number = "911234567890", receiver_number = "919876549002", label_id = label.id,
          starts_at = core.clock.now() + 3600000, ends_at = core.clock.now() + 7200000 } })
      assert(batch.id)
    end, "x"))
    assert.equal("x", inside.arg)
    assert.equal(1785715200, inside.time)
    assert.equal("2026-08-03", inside.date)
    assert.equal(3600, inside.slept)
    assert.equal(time, os.time)
    assert.equal(random_seed, math.randomseed)
    assert.is_false(core.clock.virtual())
    assert.is_true(math.abs(core.clock.now() - os.time() * 1000) < 2000)
    assert.equal(4, tally.requests)                        -- two tokens: the first had ended
    assert.equal(2, tally.mints)
    assert.equal(1, tally.batches)
    assert.equal(2, tally.records)
    assert.equal(0, tally.rate_limited)
    assert.equal(3602, tally.virtual_s)
    assert.same({ labels = 1, push = 1, token = 2 }, tally.calls)
    assert.same({ success = 1, ["Not a Truecaller user"] = 1 }, tally.outcomes)
    assert.equal(300000, tally.ceiling_per_minute)
    local text = rehearsal.render(tally)
    assert.truthy(text:find("virtual time           01:00:02", 1, true), text)
    assert.truthy(text:find("tokens minted          2", 1, true), text)
  end)

  it("raises what the program raises, with everything put back", function()
    local time = os.time
    assert.has_error(function() rehearsal.run({}, function() error({ mine = true }, 0) end) end, { mine = true })
    assert.equal(time, os.time)
    assert.is_false(core.clock.virtual())
    assert.is_nil(require("tcb.ambient").credentials)
  end)

  it("sends nothing twice, and meets the faults it is told to", function()
    local tally = assert(rehearsal.run({ faults = { "labels:1-2:503", "labels:3:429" } }, function()
      assert(require("tcb").client{}:labels():all())
    end))
    assert.equal(4, tally.calls.labels)
    assert.equal(2, tally.statuses[503])
    assert.equal(1, tally.rate_limited)
  end)
end)

if luas.abi == "lua5.4" then
  describe("tcb rehearse", function()
    local function week(ledger, more)
      return tcb{ "rehearse", "examples/campaign-week.lua", "--seed", "7", "--ledger", ledger, (more or {})[1], cd = luas.root }
    end

    it("plays five days in seconds, the same every time", function()
      local a, b = os.tmpname(), os.tmpname()
      local first, second = week(a), week(b, { "--json" })
      assert.equal(0, first.code, first.err)
      assert.equal(0, second.code, second.err)
      assert.equal(tcb.slurp(a), tcb.slurp(b))
      local list, days, records, mints, late = events(a), {}, 0, {}, 0
      for _, e in ipairs(list) do
        if e.event == "request" and e.call == "push" then
          records = records + e.records
          days[os.date("!%Y-%m-%d", math.floor(e.t / 1000))] = true
          for _, key in ipairs(e.keys) do if key.starts_at <= e.t then late = late + 1 end end
        elseif e.event == "request" and e.call == "token" then
          mints[#mints + 1] = e.t
        end
      end
      local count = 0
      for _ in pairs(days) do count = count + 1 end
      assert.equal(5, count)
      assert.equal(20000, records)
      assert.equal(0, late)
      local tally = json.decode(second.out:match "{.*}")
      assert.equal(records, tally.records)
      assert.equal(#mints, tally.mints)
      assert.equal(0, tally.rate_limited)
      assert.is_true(tally.virtual_s > 4 * 86400 and tally.virtual_s < 5 * 86400)
      assert.truthy(first.out:find("20,000 in 40 batches", 1, true), first.out)
      os.remove(a)
      os.remove(b)
    end)

    it("needs no network at all", function()
      local result = tcb.shell(("cd %s && unshare -n %s"):format(tcb.quote(luas.root),
        tcb.line{ "rehearse", "examples/campaign-week.lua", "--seed", "7", "--quiet" }))
      assert.equal(0, result.code, result.err)
    end)

    it("starts where it is told, passes arguments on, and ends with the script's code", function()
      local script = tcb.file [[
        print(os.date("!%F %T"), math.random(1000000), ...)
        if ... == "leave" then os.exit(9) end
        error "of mine"
      ]]
      local one = tcb{ "rehearse", script, "leave", "x", "--from", "2027-01-01T10:00:00Z", "--seed", "3" }
      assert.equal(9, one.code, one.err)
      assert.truthy(one.out:find("^2027%-01%-01 10:00:00\t%d+\tleave\tx\n"), one.out)
      local two = tcb{ "rehearse", script, "leave", "x", "--from", "2027-01-01T10:00:00Z", "--seed", "3" }
      assert.equal(one.out, two.out)
      local failed = tcb{ "rehearse", script }
      assert.equal(1, failed.code)
      assert.truthy(failed.err:find("of mine", 1, true) and failed.err:find("traceback", 1, true), failed.err)
      assert.equal(1, tcb{ "rehearse", tcb.file "syntax error" }.code)
      assert.equal(2, tcb{ "rehearse", "/no/such/file" }.code)
      assert.equal(2, tcb{ "rehearse" }.code)
      assert.equal(2, tcb{ "rehearse", script, "--from", "noon" }.code)
      assert.equal(2, tcb{ "rehearse", script, "--fault", "nonsense" }.code)
      assert.equal(2, tcb{ "rehearse", script, "--limit", "push=x" }.code)
    end)
  end)
end
