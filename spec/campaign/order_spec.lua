--- The order in which a campaign's records are sent.
local campaign = require "tcb.campaign"
local core = require "tcb.core"
local tcb = require "tcb"
local rows = require "support.rows"
local service = require "support.service"

describe("the order of a push", function()
  local path, input
  before_each(function()
    path, input = os.tmpname(), os.tmpname()
    os.remove(path)
    core.clock.virtual(service.BASE)
  end)
  after_each(function()
    core.clock.virtual(false)
    for _, tail in ipairs{ "", "-wal", "-shm", "-lock" } do os.remove(path .. tail) end
    os.remove(input)
  end)

  --- Rows whose windows open `open_s(i)` seconds after the beginning.
  local function write(n, open_s)
    local lines = { rows.HEADER }
    for i = 1, n do
      local at = service.BASE + open_s(i) * 1000
      lines[i + 1] = rows.row { receiver = ("9198%08d"):format(i), starts = ("%d"):format(at), ends = ("%d"):format(at + 3600000) }
    end
    local f = assert(io.open(input, "wb"))
    f:write(rows.file(lines))
    f:close()
  end

  local function push(options)
    local s, notes = service.new(), {}
    s.client._conf.limits.push, s.client._conf.tokens = { count = 1, window_s = 60 }, 1
    local o = { client = s.client, source = tcb.csv(input), journal = path, batch = 10, label = rows.LABEL,
      on_note = function(text) notes[#notes + 1] = text end }
    for k, v in pairs(options or {}) do o[k] = v end
    assert(campaign.new(o):push())
    local starts = {}
    for _, id in ipairs(s.order) do starts[#starts + 1] = s.batches[id].records[1].starts_at end
    return starts, notes
  end
  local function is_ascending(list)
    for i = 2, #list do
      if list[i - 1] > list[i] then return false end
    end
    return true
  end

  it("is the input's while all windows are met", function()
    write(100, function(i) return 86400 - i end)
    local starts, notes = push()
    assert.is_false(is_ascending(starts))
    assert.same({}, notes)
  end)

  it("is that of starts_at where it meets windows that the input's would miss, and says so", function()
    write(100, function(i) return (101 - i) * 12 end)                  -- a batch a minute; the last rows open first
    local starts, notes = push()
    assert.is_true(is_ascending(starts))
    assert.equal(1, #notes)
    assert.matches("order of starts_at", notes[1])
  end)

  it("is the input's where sorting would meet no more", function()
    write(100, function() return 1 end)
    local _, notes = push()
    assert.same({}, notes)
  end)

  it("stays what it was when the push is continued", function()
    write(100, function(i) return (101 - i) * 12 end)
    push{ max_records = 30 }
    core.clock.virtual(service.BASE + 200000)
    local starts, notes = push()
    assert.is_true(is_ascending(starts))
    assert.same({}, notes)
    assert.equal(7, #starts)
  end)

  it("is foreseen by the plan", function()
    write(100, function(i) return (101 - i) * 12 end)
    local s = service.new()
    s.client._conf.limits.push, s.client._conf.tokens, s.client._conf.from = { count = 1, window_s = 60 }, 1, { tokens = "option" }
    local function plan(options)
      local o = { client = s.client, source = tcb.csv(input), journal = path, batch = 10, label = rows.LABEL }
      for k, v in pairs(options or {}) do o[k] = v end
      return assert(campaign.new(o):plan())
    end
    local p = plan()
    assert.equal("starts_at", p.order)
    assert.equal("input", plan{ each = function() end }.order)
    assert.is_true(plan{ each = function() end }.late_by_s > p.late_by_s)
    write(100, function(i) return 86400 - i end)
    assert.same({ "input", "starts_at" }, { plan().order, plan{ sort = true }.order })
  end)

  it("is that of starts_at with sort, and the input's with a hook", function()
    write(50, function(i) return 86400 - i end)
    assert.is_true(is_ascending((push{ sort = true })))
    os.remove(path)
    write(100, function(i) return (101 - i) * 12 end)
    assert.is_false(is_ascending((push{ each = function() end })))
  end)
end)
