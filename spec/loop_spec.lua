local child = require "support.child"
local core = require "tcb.core"
local loop = require "tcb.loop"
local luas = require "support.luas"
local rt = require "tcb.runtime.curl"
local task = require "tcb.task"

describe("tcb.loop", function()
  local server
  setup(function() server = child.raw() end)
  teardown(function() server.stop() end)
  after_each(function()
    loop.wait_with(nil)
    rt.close()
  end)
  local function get(path) return rt.send{ method = "GET", url = server.url .. path, timeout_s = 5 } end
  local function now_s() return core.clock.mono() / 1e6 end

  it("lets a foreign loop drive spawned tasks through one descriptor", function()
    local done, ticks, from, next_tick = 0, 0, now_s(), now_s()
    for _ = 1, 20 do task.spawn(function() if get("/stall?s=0.3").status == 200 then done = done + 1 end end) end
    assert.equal(0, loop.timeout())
    while done < 20 and now_s() - from < 5 do
      loop.step()
      local wait = math.max(0, math.min(next_tick - now_s(), loop.timeout() or 1))
      core.poll({ loop.fd() }, wait)
      if now_s() >= next_tick then
        ticks, next_tick = ticks + 1, next_tick + 0.01
      end
    end
    local took = now_s() - from
    assert.equal(20, done)
    assert.is_true(took >= 0.3 and took < 1, took)
    assert.is_true(ticks >= 20, ticks)
    assert.is_nil(loop.timeout())
  end)

  it("makes the descriptor readable for what is spawned between two steps", function()
    local done = 0
    local fd = loop.fd()
    loop.step()
    assert.equal(0, core.poll({ fd }, 0))
    for _ = 1, 3 do task.spawn(function() done = done + 1 end) end
    assert.equal(1, core.poll({ fd }, 0))
    assert.equal(0, done)
    loop.step()
    assert.equal(3, done)
    assert.equal(0, core.poll({ fd }, 0))
    assert.is_nil(loop.timeout())
  end)

  it("never waits in step", function()
    local from = now_s()
    task.spawn(task.sleep, 0.1)
    loop.step()
    assert.is_true(loop.timeout() > 0.01 and loop.timeout() <= 0.1)
    loop.step()
    assert.is_true(now_s() - from < 0.09)
    assert.has_error(function() task.run(loop.step) end)
    task.sleep(0.11)
  end)

  --- A loop as others have it: coroutines that say which descriptor they wait for, and how long.
  local function foreign(functions)
    local waiting = {}
    local function resume(co)
      local result = { coroutine.resume(co) }
      if not result[1] then error(result[2], 0) end
      waiting[co] = coroutine.status(co) ~= "dead" and { fd = result[2], due = now_s() + result[3] } or nil
    end
    for _, fn in ipairs(functions) do resume(coroutine.create(fn)) end
    while next(waiting) do
      local fds, soonest = {}, math.huge
      for _, w in pairs(waiting) do
        if w.fd then fds[1] = w.fd end
        soonest = math.min(soonest, w.due)
      end
      local ready = core.poll(fds, math.max(0, soonest - now_s())) > 0
      local turn = {}
      for co, w in pairs(waiting) do
        if (ready and w.fd) or w.due <= now_s() then turn[#turn + 1] = co end
      end
      for _, co in ipairs(turn) do resume(co) end
    end
  end

  it("lets coroutines of a foreign loop call tcb directly, side by side", function()
    loop.wait_with(function(fd, seconds) coroutine.yield(fd, seconds) end)
    local done, ticks, from = 0, 0, now_s()
    local list = {}
    for i = 1, 20 do
      list[i] = function()
        local r = task.run(function()
          task.sleep(0.01)
          return get("/stall?s=0.2").status
        end)
        if r == 200 and get("/echo").status == 200 then done = done + 1 end
      end
    end
    list[21] = function() while done < 20 do coroutine.yield(nil, 0.01) ticks = ticks + 1 end end
    foreign(list)
    local took = now_s() - from
    assert.equal(20, done)
    assert.is_true(took < 1.5, took)
    assert.is_true(ticks >= 15, ticks)
  end)

  it("wakes a foreign coroutine whose event another one sets", function()
    loop.wait_with(function(fd, seconds) coroutine.yield(fd, seconds) end)
    local ev, order, from = task.event(), {}, now_s()
    foreign{
      function() ev:wait(30) order[#order + 1] = "woken" end,
      function() task.sleep(0.05) order[#order + 1] = "set" ev:set() end,
    }
    assert.same({ "set", "woken" }, order)
    assert.is_true(now_s() - from < 1)
  end)

  it("blocks on the main thread and inside generators of tasks all the same", function()
    loop.wait_with(function() error "must not be called here" end)
    assert.equal(200, get("/echo").status)
    task.run(function()
      for status in coroutine.wrap(function() coroutine.yield(get("/echo").status) end) do assert.equal(200, status) end
    end)
  end)

  if luas.abi == "lua5.4" then
    for _, name in ipairs{ "cqueues", "luv" } do
      it("examples/loops/" .. name .. ".lua runs as it stands", function()
        local lua = child.lua(luas.root .. "/examples/loops/" .. name .. ".lua"):gsub("^%S+", "lua5.4", luas.suffix == "" and 1 or 0)
        local pipe = io.popen(("timeout 20 '%s/build/tcb' sandbox -- %s 2>&1"):format(luas.root, lua))
        local lines = 0
        for line in pipe:lines() do
          assert.matches("^%l+ %d+: 4 labels, the first is ", line)
          lines = lines + 1
        end
        pipe:close()
        assert.equal(10, lines)
      end)
    end
  end
end)
