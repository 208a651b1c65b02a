--- The sandbox's deliveries against the real receiver.
local core = require "tcb.core"
local listen = require "tcb.listen"
local task = require "tcb.task"
local tcb = require "tcb"

local KEY = "webhook-key-0123456789"

describe("webhooks", function()
  local path, listener, sandbox
  before_each(function()
    path = os.tmpname()
    os.remove(path)
  end)
  after_each(function()
    if listener then listener:close() end
    if sandbox then sandbox:close() end
    listener, sandbox = nil, nil
    for _, e in ipairs { "", "-wal", "-shm", ".lock" } do os.remove(path .. e) end
  end)
  local function open(port, on)
    listener = assert(listen.new { port = port or 0, key = KEY, inbox = path, on = on })
    return listener
  end
  local function wait_until(what, fn)
    local give_up = core.clock.mono() + 20e6
    while not fn() and core.clock.mono() < give_up do task.sleep(0.01) end
    assert.is_true(fn(), what)
  end
  local function deliveries()
    local list = {}
    for _, e in ipairs(assert(sandbox:ledger())) do
      if e.event == "webhook" then list[#list + 1] = e end
    end
    return list
  end

  it("come in all three scenarios and as feedback, once each however often delivered", function()
    local seen = {}
    open(0, { cmb = function(e) seen[#seen + 1] = e.scenario .. " " .. tostring(e.number) end,
      user_feedback = function(e) seen[#seen + 1] = "feedback " .. e.number .. " " .. e.answers["How was it?"] end })
    sandbox = assert(tcb.sandbox { seed = 7, webhook = listener.url .. "?key=" .. KEY })
    for _, scenario in ipairs { "interested", "sim-unreadable", "not-interested" } do
      assert(sandbox:trigger { event_type = "cmb", scenario = scenario, client_number = "919000000001", duplicates = 4, shuffle = true })
    end
    assert(sandbox:trigger { event_type = "user_feedback", count = 20, clients = 4, duplicates = 4, shuffle = true })
    wait_until("all handled", function() return #seen == 23 and listener:stats().done == 23 end)
    table.sort(seen)
    assert.equal("interested 919000000001", seen[21])
    assert.equal("not-interested 919000000001", seen[22])
    assert.equal("sim-unreadable 919000000001", seen[23])
    wait_until("no delivery is left", function() return #deliveries() == listener:stats().requests end)
    for _, d in ipairs(deliveries()) do assert.equal(200, d.status) end
    assert.equal(#deliveries() - 23, listener:stats().duplicates)
  end)

  it("are repeated on the documented schedule, and the seventh retry still counts", function()
    open()
    local port, url = listener.port, listener.url
    listener:close()
    sandbox = assert(tcb.sandbox { seed = 7, webhook = url .. "?key=" .. KEY })
    assert(sandbox:trigger { event_type = "cmb", scenario = "interested" })
    local waits = { 120, 360, 1800, 3600, 18000, 86400, 172800 }
    for n, wait in ipairs(waits) do
      wait_until("attempt " .. n, function() return #deliveries() == n end)
      if n == 7 then open(port) end
      assert(sandbox:advance(wait - 2))
      assert.equal(n, #deliveries())
      assert(sandbox:advance(3))
    end
    wait_until("the seventh retry", function() return #deliveries() == 8 end)
    local list = deliveries()
    for n, wait in ipairs(waits) do
      assert.is_nil(list[n].status)
      assert.is_true(math.abs(list[n + 1].t - list[n].t - wait * 1000) < 5000)
    end
    assert.equal(200, list[8].status)
    assert.equal(8, list[8].attempt)
    assert.is_true(math.abs(list[8].t - list[1].t - (78 * 60 + 38) * 60000) < 20000)
    assert.equal(1, listener:stats().waiting)
  end)
end)
