local core = require "tcb.core"
local errors = require "tcb.errors"
local task = require "tcb.task"

describe("task", function()
  local T0 = 1893456000000
  before_each(function() core.clock.virtual(T0) end)
  after_each(function() core.clock.virtual(false) end)
  local function elapsed() return (core.clock.now() - T0) / 1000 end

  describe("run", function()
    it("returns all results and passes arguments, nil among them", function()
      assert.same({ 3, 1, nil, "x" }, { task.run(function(...) return select("#", ...), ... end, 1, nil, "x") })
    end)

    it("is a plain call inside a task", function()
      local inner, outer
      task.run(function()
        outer = coroutine.running()
        task.run(function() inner = coroutine.running() end)
      end)
      assert.equal(outer, inner)
    end)

    it("raises the error value as it is, with a traceback kept", function()
      local value = setmetatable({}, { __tostring = function() return "mine" end })
      local ok, err = pcall(task.run, function() error(value) end)
      assert.is_false(ok)
      assert.equal(value, err)
      assert.matches("task_spec.lua", task.traceback(err), 1, true)
    end)

    it("waits for what was spawned, and raises its error when nobody else saw it", function()
      local done = false
      task.run(function() task.spawn(function() task.sleep(5) done = true end) end)
      assert.is_true(done)
      local ok, err = pcall(task.run, function()
        task.spawn(function() task.sleep(1) error("lost?", 0) end)
        return 1
      end)
      assert.is_false(ok)
      assert.equal("lost?", err)
    end)

    it("cancels what was spawned when its function fails", function()
      local seen
      local ok, err = pcall(task.run, function()
        task.spawn(function() seen = select(2, pcall(task.sleep, 1000)) end)
        task.sleep(1)
        error("first", 0)
      end)
      assert.is_false(ok)
      assert.equal("first", err)
      assert.equal("cancelled", seen.kind)
      assert.equal(1, elapsed())
    end)

    it("notices that every task waits for another", function()
      local ok, err = pcall(task.run, function() task.event():wait() end)
      assert.is_false(ok)
      assert.matches("each waits for another", err, 1, true)
      assert.equal(7, task.run(function() return 7 end))
    end)
  end)

  describe("spawn and wait", function()
    it("runs tasks side by side in order of due time, ties by creation", function()
      local order = {}
      task.run(function()
        for i, s in ipairs{ 3, 1, 2, 1, 0 } do
          task.spawn(function() task.sleep(s) order[#order + 1] = i end)
        end
      end)
      assert.same({ 5, 2, 4, 3, 1 }, order)
      assert.equal(3, elapsed())
    end)

    it("gives results, also late and twice, and raises the task's error", function()
      task.run(function()
        local t = task.spawn(function(a) task.sleep(2) return a, nil, 3 end, 1)
        assert.same({ n = 3, 1, nil, 3 }, { n = select("#", t:wait()), t:wait() })
        local bad = task.spawn(function() error("no", 0) end)
        assert.same({ false, "no" }, { pcall(bad.wait, bad) })
        assert.same({ false, "no" }, { pcall(bad.wait, bad) })
      end)
    end)

    it("works from the main thread", function()
      local t = task.spawn(function() task.sleep(1) return "r" end)
      assert.equal("r", t:wait())
      assert.equal(1, elapsed())
    end)

    it("writes the error of a task outside run to the log when nobody waits", function()
      local lines, write = {}, core.log.write
      core.log.write = function(level, text) lines[#lines + 1] = level .. " " .. text end
      task.spawn(function() error("unseen", 0) end)
      task.sleep(1)
      core.log.write = write
      assert.equal(1, #lines)
      assert.matches("error a spawned task failed: unseen", lines[1], 1, true)
    end)

    it("refuses what is not a function", function()
      assert.has_error(function() task.spawn(1) end, "tcb.spawn: a function is expected, got number")
      assert.has_error(function() task.run() end, "tcb.run: a function is expected, got nil")
    end)
  end)

  describe("coroutines that are not ours", function()
    it("are never yielded into: generators in and out of tasks keep their values", function()
      local function generator()
        return coroutine.wrap(function()
          for i = 1, 3 do
            task.sleep(1)
            coroutine.yield(i)
          end
        end)
      end
      local function collect()
        local got = {}
        for v in generator() do got[#got + 1] = v end
        return got
      end
      assert.same({ 1, 2, 3 }, collect())
      local ticks = 0
      task.run(function()
        task.spawn(function() for _ = 1, 6 do task.sleep(0.5) ticks = ticks + 1 end end)
        assert.same({ 1, 2, 3 }, collect())
        assert.is_true(ticks >= 5)
      end)
    end)

    it("may be callbacks of C functions", function()
      task.run(function()
        local other = task.spawn(function() task.sleep(1) return "other" end)
        assert.equal("xbxb", (("abab"):gsub("a", function() task.sleep(1) return "x" end)))
        local list = { 3, 1, 2 }
        table.sort(list, function(a, b) task.sleep(0.1) return a < b end)
        assert.same({ 1, 2, 3 }, list)
        assert.equal("other", other:wait())
      end)
    end)

    it("wakes from a sleep that was over before anybody looked, on the main thread", function()
      core.clock.virtual(false)
      for _ = 1, 50 do task.sleep(1e-6) end
    end)

    it("may be very many at once", function()
      local sum = 0
      task.run(function()
        for i = 1, 100 do
          task.spawn(function()
            for v in coroutine.wrap(function() task.sleep(i) coroutine.yield(1) end) do sum = sum + v end
          end)
        end
      end)
      assert.equal(100, sum)
    end)

    it("a bare yield in a task lets the others run", function()
      local order = {}
      task.run(function()
        task.spawn(function() order[#order + 1] = "b" end)
        order[#order + 1] = "a"
        coroutine.yield()
        order[#order + 1] = "c"
      end)
      assert.same({ "a", "b", "c" }, order)
    end)
  end)

  describe("all", function()
    it("gives first results in order", function()
      local got = task.all{ function() task.sleep(2) return "a", "x" end, function() return nil end, function() return "c" end }
      assert.same({ n = 3, "a", nil, "c" }, got)
      assert.same({ n = 0 }, task.all{})
      assert.equal(2, elapsed())
    end)

    it("returns the first error and cancels the rest, raised or returned", function()
      for _, way in ipairs{ "raise", "return" } do
        local err, seen = errors.new{ kind = "net", message = "down" }, nil
        local got, why = task.all{
          function() seen = select(2, pcall(task.sleep, 100)) end,
          function() task.sleep(1) if way == "raise" then error(err) end return nil, err end,
        }
        assert.is_nil(got)
        assert.equal(err, why)
        assert.equal("cancelled", seen.kind)
      end
      assert.equal(2, elapsed())
    end)

    it("is cancelled with its own task", function()
      task.run(function()
        local inner
        local t = task.spawn(function() return task.all{ function() inner = select(2, pcall(task.sleep, 50)) end } end)
        task.sleep(1)
        task.cancel(t)
        local ok, err = pcall(t.wait, t)
        assert.is_false(ok)
        assert.equal("cancelled", err.kind)
        task.sleep(0)
        assert.equal("cancelled", inner.kind)
      end)
    end)
  end)

  describe("event", function()
    it("wakes all, remembers set until clear, and forgets a pulse", function()
      task.run(function()
        local ev, woken = task.event(), 0
        for _ = 1, 3 do task.spawn(function() ev:wait() woken = woken + 1 end) end
        task.sleep(1)
        ev:pulse()
        task.sleep(0)
        assert.equal(3, woken)
        assert.is_false(ev:wait(2))
        ev:set()
        assert.is_true(ev:wait(2))
        ev:clear()
        assert.is_false(ev:wait(2))
        assert.equal(5, elapsed())
      end)
    end)

    it("keeps no waiters whose time was over", function()
      local ev = task.event()
      for _ = 1, 1000 do ev:wait(0.001) end
      assert.is_true(#ev.waiters < 64)
    end)
  end)

  it("cancel is final: every later wait ends at once", function()
    task.run(function()
      local kinds = {}
      local t = task.spawn(function()
        for _ = 1, 3 do
          local _, err = pcall(task.sleep, 10)
          kinds[#kinds + 1] = err.kind
        end
      end)
      task.sleep(1)
      task.cancel(t)
      t:wait()
      assert.same({ "cancelled", "cancelled", "cancelled" }, kinds)
      assert.equal(1, elapsed())
    end)
  end)

  it("on_idle runs once, after all that can run and before time passes", function()
    local order, at = {}, nil
    task.run(function()
      for i = 1, 3 do
        task.spawn(function()
          order[#order + 1] = i
          if i == 1 then task.on_idle(function() order[#order + 1] = "idle" at = elapsed() end) end
          task.sleep(0)
          order[#order + 1] = i
          task.sleep(1)
        end)
      end
    end)
    assert.same({ 1, 2, 3, 1, 2, 3, "idle" }, order)
    assert.equal(0, at)
  end)

  it("ends a wait of the main thread whose time came while others ran, before time passes", function()
    task.spawn(function() task.sleep(100) end)
    task.spawn(function()
      task.sleep(0.5)
      core.clock.advance(1000000)                          -- work that takes a second
    end)
    local from = core.clock.mono()
    assert.is_false(task.event():wait(1))
    assert.equal(1500000, core.clock.mono() - from)
  end)

  it("runs 2,000 tasks over a virtual hour the same way twice", function()
    local function once()
      core.clock.virtual(T0)
      local sum, order = 0, {}
      task.run(function()
        for i = 1, 2000 do
          task.spawn(function()
            for k = 1, 5 do task.sleep((i * k) % 97 + 0.001) end
            sum = sum + 1
            order[#order + 1] = i
          end)
        end
      end)
      assert.equal(2000, sum)
      return table.concat(order, ","), elapsed()
    end
    local a, ta = once()
    local b, tb = once()
    assert.equal(a, b)
    assert.equal(ta, tb)
  end)
end)

describe("task on the real clock", function()
  it("sleeps side by side", function()
    local t0 = core.clock.mono()
    task.run(function()
      for _ = 1, 10 do task.spawn(task.sleep, 0.05) end
    end)
    local took = (core.clock.mono() - t0) / 1e6
    assert.is_true(took >= 0.05 and took < 0.5, took)
  end)

  it("lets a poller take part", function()
    local stepped, fed = 0, {}
    local poller = { fd = function() return nil end, timeout = function() return 0.01 end,
      step = function() stepped = stepped + 1 if stepped == 3 then task.wake(fed, "fed") end end }
    task.add_poller(poller)
    assert.equal("fed", task.park(fed, 5))
    task.remove_poller(poller)
    assert.equal(3, stepped)
  end)

  it("lets nobody wait any more when memory did not suffice for its own work", function()
    local text = require("support.child").run [[
      local task = require "tcb.task"
      local other = task.spawn(task.sleep, 0.01)
      task.on_idle(function() error("not enough memory", 0) end)                -- as Lua raises it
      print(pcall(task.sleep, 0.02))
      print(pcall(task.sleep, 0.02))
      print(pcall(task.run, function() end))
      print(pcall(other.wait, other))
      print(pcall(require("tcb.loop").step))
    ]]
    assert.equal(("false\tnot enough memory\n"):rep(5) .. "exit 0\n", text)
  end)

  it("goes on when memory did not suffice for a task", function()
    local failing = task.spawn(function() error("not enough memory", 0) end)
    local other = task.spawn(function() task.sleep(0.01) return "done" end)
    assert.same({ false, "not enough memory" }, { pcall(failing.wait, failing) })
    assert.equal("done", other:wait())
  end)

  it("core.poll refuses descriptors that are not open", function()
    assert.equal(0, core.poll({}, 0.001))
    assert.has_error(function() core.poll({ 1000 }, 0) end)
    assert.has_error(function() core.poll({ "x" }, 0) end)
  end)
end)
