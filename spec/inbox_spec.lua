local core = require "tcb.core"
local events = require "support.events"
local inbox = require "tcb.inbox"
local runner = require "tcb.inbox.runner"
local task = require "tcb.task"

local HOUR = 3600 * 1000
local FROM = 1893456000000

describe("inbox", function()
  local path, box, made
  before_each(function()
    core.clock.virtual(FROM)
    core.log.level "error"
    path = os.tmpname()
    os.remove(path)
    made = {}
    box = assert(inbox.open(path))
  end)
  after_each(function()
    for _, r in ipairs(made) do r:close() end
    box:close()
    for _, end_ in ipairs { "", "-wal", "-shm", ".lock" } do os.remove(path .. end_) end
    core.clock.virtual(false)
    core.log.level "warn"
  end)
  local function new_runner(options)
    local r = assert(runner.new(box, options))
    made[#made + 1] = r
    return r
  end
  --- Runs the handlers for `hours` of virtual time.
  local function run_for(r, hours)
    r.stopping = false
    task.run(function()
      task.spawn(function() r:run() end)
      task.sleep(hours * 3600)
      r:stop()
    end)
  end
  local function fields(list, name)
    local out = {}
    for e in list do out[#out + 1] = e[name] end
    return table.concat(out, " ")
  end

  it("keeps events once, in a private file, and says what was new", function()
    local results = assert(box:put { events.cmb "a", events.feedback "b", events.cmb "a", "nonsense" })
    assert.equal("new", results[1])
    assert.equal("new", results[2])
    assert.equal("duplicate", results[3])
    assert.equal("input", results[4].kind)
    assert.equal("duplicate", assert(box:put { events.cmb "b" })[1])
    local s = assert(box:stats())
    assert.same({ waiting = 2, done = 0, dead = 0, duplicates = 2, oldest_waiting_at = FROM }, s)
    local p = io.popen("stat -c %a " .. path .. "*")
    for line in p:lines() do assert.equal("600", line) end
    p:close()
    local e = assert(box:get "a")
    assert.equal(events.cmb "a", e.body)
    assert.equal("919000000001", e.number)
    assert.equal("waiting", e.state)
    assert.equal(FROM, e.received_at)
    assert.equal("a", assert(box:get "1").id)
    assert.is_nil((box:get "nothing"))
  end)

  it("drops a duplicate 78 h 38 min later, and until the event is swept", function()
    box:put { events.cmb "a" }
    local count = 0
    local r = new_runner { on = { other = function() count = count + 1 end } }
    run_for(r, 1)
    core.clock.advance((78 * HOUR + 38 * 60000) * 1000)
    assert.equal("duplicate", assert(box:put { events.cmb "a" })[1])
    core.clock.advance((14 * 24 * HOUR - 78 * HOUR - 38 * 60000 - 2 * HOUR) * 1000)
    box:sweep()
    assert.equal("duplicate", assert(box:put { events.cmb "a" })[1])
    run_for(r, 1)
    assert.equal(1, count)
  end)

  it("sweeps what ended longer ago than keep_days, and never what waits", function()
    box:put { events.cmb "a" }
    run_for(new_runner { on = {} }, 1)
    box:put { events.cmb "b" }
    core.clock.advance(91 * 24 * HOUR * 1000)
    assert.equal(1, box:sweep())
    assert.equal("b", fields(box:entries(), "id"))
    assert.has_error(function() inbox.open(path, { keep_days = 13 }) end)
    assert.has_error(function() inbox.open(path, { kep_days = 20 }) end)
  end)

  it("filters and pages entries", function()
    local all = {}
    for i = 1, 1200 do all[i] = events.cmb("e" .. i, { client_number = i % 2 == 0 and '"919000000002"' or nil }) end
    box:put(all)
    core.clock.advance(HOUR * 1000)
    box:put { events.feedback "late" }
    local n, last = 0, 0
    for e in box:entries() do
      n = n + 1
      assert.is_true(e.seq > last)
      last = e.seq
    end
    assert.equal(1201, n)
    assert.equal("late", fields(box:entries { since = FROM + 1 }, "id"))
    assert.equal("late e1200", fields(box:entries { newest = true, limit = 2 }, "id"))
    assert.equal("late", fields(box:entries { type = "user_feedback" }, "id"))
    n = 0
    for _ in box:entries { number = "919000000002" } do n = n + 1 end
    assert.equal(600, n)
    assert.equal("e1 e2", fields(box:entries { before = FROM + 1, limit = 2, state = "waiting" }, "id"))
    assert.has_error(function() box:entries { colour = 1 } end)
    assert.has_error(function() box:entries { state = "lost" } end)
  end)

  it("gives the events of a number between two instants, as objects", function()
    box:put { events.cmb "a", events.feedback("b", "+91 9000000001"), events.feedback "c" }
    core.clock.advance(HOUR * 1000)
    box:put { events.cmb "d" }
    local list = assert(box:of_number("919000000001", FROM, FROM + HOUR))
    assert.equal(2, #list)
    assert.equal("interested", list[1].scenario)
    assert.equal("5", list[2].answers["How was it?"])
    assert.equal(FROM, list[2].received_at)
  end)

  describe("runner", function()
    it("runs the handler of each type once, and `other` for the rest", function()
      local seen = {}
      local function note(name) return function(e) seen[#seen + 1] = name .. ":" .. e.id .. ":" .. e.attempt end end
      box:put { events.cmb "a", events.feedback "b", '{"event_id":"c","event_type":"new"}', '{"event_id":"d"}' }
      run_for(new_runner { on = { cmb = note "cmb", user_feedback = note "feedback", other = note "other" } }, 1)
      assert.equal("cmb:a:1 feedback:b:1 other:c:1 other:d:1", table.concat(seen, " "))
      assert.equal(4, box:stats().done)
    end)

    it("keeps the order of each number, and lets numbers overtake each other", function()
      local list, seen, running, most = {}, {}, {}, 0
      for i = 1, 60 do list[i] = events.cmb("e" .. i, { client_number = ('"91900000000%d"'):format(i % 3) }) end
      box:put(list)
      local together = 0
      run_for(new_runner { workers = 8, on = { cmb = function(e)
        assert.is_nil(running[e.number])
        running[e.number], together = true, together + 1
        most = math.max(most, together)
        task.sleep(e.number == "919000000000" and 10 or 1)
        running[e.number], together = nil, together - 1
        seen[e.number] = seen[e.number] or {}
        table.insert(seen[e.number], tonumber(e.id:sub(2)))
      end } }, 1)
      assert.equal(3, most)
      for _, ids in pairs(seen) do
        assert.equal(20, #ids)
        for i = 2, 20 do assert.is_true(ids[i] > ids[i - 1]) end
      end
    end)

    it("repeats what failed, later each time, holding back that number alone", function()
      local seen = {}
      box:put { events.cmb "a", events.cmb "b", events.feedback "c" }
      run_for(new_runner { on = { other = function(e)
        seen[#seen + 1] = ("%s%d@%d"):format(e.id, e.attempt, (core.clock.now() - FROM) / 1000)
        if e.id == "a" and e.attempt == 1 then error "no" end
        if e.id == "a" and e.attempt == 2 then return nil, "still no" end
        if e.id == "a" and e.attempt == 3 then return false end
      end } }, 1)
      assert.equal("a1@0 c1@0 a2@1 a3@6 a4@21 b1@21", table.concat(seen, " "))
      assert.equal(3, box:stats().done)
      assert.equal(4, box:get "a".attempts)
    end)

    it("gives up after the last attempt: dead, told, listed, replayable", function()
      local dead, runs, works = {}, 0, false
      box:put { events.cmb "a", events.cmb "b" }
      local r = new_runner { attempts = 3, on = {
        other = function(e)
          if e.id == "a" and not works then
            runs = runs + 1
            error("cannot reach 919000000001", 0)
          end
        end,
        dead = function(e, why) dead[#dead + 1] = e.id .. ": " .. why end } }
      run_for(r, 1)
      assert.equal(3, runs)
      assert.equal(1, #dead)
      assert.truthy(dead[1]:find("a: cannot reach 91******0001", 1, true))
      assert.equal("a", fields(box:entries { state = "dead" }, "id"))
      assert.equal("done", box:get "b".state)
      works = true
      assert.equal(1, box:replay { state = "dead" })
      run_for(r, 1)
      assert.equal("done", box:get "a".state)
      assert.has_error(function() box:replay {} end)
    end)

    it("handles again after a crash what was not recorded", function()
      box:put { events.cmb "a" }
      local r = new_runner { on = {} }
      assert.equal(1, #assert(r.queue:take(5)))
      r:close()
      local count = 0
      run_for(new_runner { on = { other = function() count = count + 1 end } }, 1)
      assert.equal(1, count)
    end)

    it("is the only one of an inbox", function()
      new_runner { on = {} }
      local other, err = runner.new(box, { on = {} })
      assert.is_nil(other)
      assert.equal("config", err.kind)
    end)

    it("is closed while a handler runs: the event waits again", function()
      box:put { events.cmb "a" }
      local r, ended = nil, 0
      r = new_runner { on = { other = function()
        task.sleep(5)
        ended = ended + 1
      end } }
      task.run(function()
        local running = task.spawn(function() r:run() end)
        task.sleep(1)
        r:close()
        box:close()
        running:wait()
        task.sleep(10)
      end)
      assert.equal(1, ended)
      box = assert(inbox.open(path))
      assert.equal("waiting", box:get "a".state)
    end)

    it("stops after the handlers that run, and leaves the rest", function()
      box:put { events.cmb "a", events.cmb "b" }
      local r, ended = nil, 0
      r = new_runner { on = { other = function()
        r:stop()
        task.sleep(5)
        ended = ended + 1
      end } }
      task.run(function() r:run() end)
      assert.equal(1, ended)
      assert.equal("done", box:get "a".state)
      assert.equal("waiting", box:get "b".state)
    end)
  end)

  it("says what the disk refuses", function()
    local none, err = inbox.open("/nonexistent/x/inbox.db", { readonly = true })
    assert.is_nil(none)
    assert.equal("store", err.kind)
    local file = io.open(path .. ".bad", "w")
    file:write(("garbage"):rep(1000))
    file:close()
    none, err = inbox.open(path .. ".bad")
    os.remove(path .. ".bad")
    assert.is_nil(none)
    assert.equal("store", err.kind)
    box:close()
    box:close()
    assert.truthy(tostring(box):find "closed")
  end)
end)
