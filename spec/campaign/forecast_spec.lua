--- What the plan foresees, against a rehearsal of the push.
local campaign = require "tcb.campaign"
local core = require "tcb.core"
local rehearsal = require "tcb.rehearsal"
local rows = require "support.rows"
local tcb = require "tcb"

describe("a plan's finish", function()
  local path, journal = os.tmpname(), os.tmpname()
  after_each(function()
    for _, tail in ipairs{ "", "-wal", "-shm", "-lock" } do os.remove(journal .. tail) end
  end)
  teardown(function() os.remove(path) end)

  --- Plans and rehearses `n` batches of 5: how long they take, foreseen and rehearsed, in seconds, and the plan.
  local function both(n, seed, options)
    os.remove(journal)
    local planned, took, plan
    assert(rehearsal.run({ seed = seed }, function()
      local from = core.clock.now() + 86400000
      local lines = { rows.HEADER }
      for i = 1, 5 * n do
        lines[i + 1] = rows.row{ receiver = ("9198%08d"):format(i), starts = ("%d"):format(from), ends = ("%d"):format(from + 3600000) }
      end
      local f = assert(io.open(path, "wb"))
      f:write(rows.file(lines))
      f:close()
      local client = assert(tcb.client(options or {}))
      local c = campaign.new{ client = client, source = tcb.csv(path), journal = journal, batch = 5, label = rows.LABEL }
      local begun = core.clock.now()
      plan = assert(c:plan())
      assert.equal(begun, core.clock.now())
      assert.equal(5 * n, assert(c:push()).sent)
      planned, took = (plan.finishes_at - begun) / 1000, (core.clock.now() - begun) / 1000
    end))
    return planned, took, plan
  end

  it("is within 1 % of the rehearsed one", function()
    for seed, case in ipairs{ { 2000 }, { 2000, { tokens = 4 } }, { 600, { tokens = 1 } }, { 3000, { limits = { push = { 6, 60 } } } } } do
      local planned, took, plan = both(case[1], seed, case[2])
      assert.equal(case[1], plan.batches)
      assert.is_true(took > 100, took)
      assert.is_true(math.abs(planned - took) <= 0.01 * took, ("planned %.1f s, took %.1f s"):format(planned, took))
    end
  end)

  it("of few batches is off by what answers take", function()
    for seed, n in ipairs{ 1, 20, 200 } do
      local planned, took = both(n, seed)
      assert.is_true(math.abs(planned - took) <= 1.2 + 0.01 * took, ("planned %.1f s, took %.1f s"):format(planned, took))
    end
  end)
end)
