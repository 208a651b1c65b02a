--- Looking after a journal: purge, resolve, verify.
local campaign = require "tcb.campaign"
local care = require "tcb.campaign.care"
local core = require "tcb.core"
local journal = require "tcb.campaign.journal"
local rows = require "support.rows"
local service = require "support.service"
local tcb = require "tcb"

describe("a journal's care", function()
  local path, input
  before_each(function()
    path, input = os.tmpname(), os.tmpname()
    os.remove(path)
    core.clock.virtual(service.BASE)
  end)
  after_each(function()
    core.clock.virtual(false)
    for _, tail in ipairs{ "", "-wal", "-shm", "-lock", ".input" } do os.remove(path .. tail) end
    os.remove(input)
  end)

  --- A file of `n` good rows and one that is refused, windows an hour after BASE.
  local function write(n)
    local lines = { rows.HEADER, rows.row{ receiver = "12" } }
    for i = 1, n do
      lines[i + 2] = rows.row{ receiver = ("919%05d%s"):format(i, i % 10 == 0 and "9002" or "1234"),
        starts = ("%d"):format(service.BASE + 3600000), ends = ("%d"):format(service.BASE + 7200000) }
    end
    local f = assert(io.open(input, "wb"))
    f:write(rows.file(lines))
    f:close()
  end

  local function make(s, options)
    local o = { client = s.client, source = tcb.csv(input), journal = path, batch = 10 }
    for k, v in pairs(options or {}) do o[k] = v end
    return campaign.new(o)
  end

  local function exists(name)
    local f = io.open(name, "rb")
    if f then f:close() end
    return f ~= nil
  end

  it("purges what is settled and old, and keeps the outcomes", function()
    write(200)
    local s = service.new()
    local c = make(s, { keep_input = true })
    assert(c:push())
    local before = assert(c:reconcile())
    assert.same({ 180, 20, 1 }, { before.success, before.failed, before.refused })
    assert.same({ batches = 0, input = false }, care.purge(path, 0))           -- no window has ended
    core.clock.virtual(service.BASE + 7200000 + 60000)
    assert.same({ batches = 0, input = false }, care.purge(path, 61))
    assert.is_true(exists(path .. ".input"))
    assert.same({ batches = 20, input = true }, care.purge(path, 59))
    assert.is_false(exists(path .. ".input"))
    assert.same({ batches = 0, input = false }, care.purge(path, 59))          -- once
    local j = assert(journal.open(path, { readonly = true }))
    assert.same({ 0, 0, 0 }, { j:value "SELECT count(*) FROM record_id", j:value "SELECT total(length(hashes)) FROM hash",
      j:value "SELECT total(length(events)) FROM batch" })
    j:close()
    local function same(after)
      for _, name in ipairs{ "records", "input", "refused", "success", "failed", "sent", "waiting", "in_doubt" } do
        assert.equal(before[name], after[name], name)
      end
      assert.same(before.reasons, after.reasons)
    end
    same(assert(campaign.new{ journal = path }:summary()))
    assert.same({}, assert(care.verify(path)).problems)
    same(assert(make(s):reconcile()))                                           -- nothing is left to do
    same(assert(make(s, { keep_input = true }):push()))
    assert.same({ 200, 0 }, { s:counts() })
    local ok, err = campaign.new{ journal = path }:why{ line = 3 }
    assert.is_nil(ok)
    assert.truthy(tostring(err):find("input", 1, true), tostring(err))
  end)

  it("compares what is not purged with the input", function()
    write(40)
    local s = service.new()
    assert(make(s):push())
    assert(make(s):reconcile())
    core.clock.virtual(service.BASE + 8000000)
    assert.equal(4, assert(care.verify(path, tcb.csv(input))).input_batches)
    assert.equal(4, assert(care.purge(path, 0)).batches)
    local report = assert(care.verify(path, tcb.csv(input)))
    assert.same({ 0, 4, 40, {} }, { report.input_batches, report.batches, report.records, report.problems })
    assert.equal("success", assert(make(s):why{ line = 3 })[1].outcome)         -- the input is still there
  end)

  it("keeps batches that are not settled, and their input", function()
    write(40)
    local s = service.new{ faults = { [2] = "500" } }
    assert.equal(10, assert(make(s, { keep_input = true }):push()).in_doubt)
    assert(make(s):reconcile())
    core.clock.virtual(service.BASE + 8000000)
    assert.same({ batches = 3, input = false }, care.purge(path, 0))
    assert.is_true(exists(path .. ".input"))
  end)

  it("resolves what is in doubt as sent, or to be sent again", function()
    write(40)
    for _, as in ipairs{ "sent", "resend" } do
      os.remove(path)
      local s = service.new{ faults = { [2] = "cut" } }
      assert.equal(10, assert(make(s):push()).in_doubt)
      assert.same({ batches = 1, records = 10 }, care.resolve(path, as))
      assert.same({ batches = 0, records = 0 }, care.resolve(path, as))
      local after = assert(campaign.new{ journal = path }:summary())
      assert.same(as == "sent" and { 0, 40, 0 } or { 0, 30, 10 }, { after.in_doubt, after.sent, after.waiting })
      assert.equal(0, after.expired)
      assert.equal(40, assert(make(s):push()).sent)
      local _, twice = s:counts()
      assert.equal(as == "sent" and 0 or 10, twice)
      local settled = assert(make(s):reconcile())
      assert.same(as == "sent" and { 27, 3, 10 } or { 36, 4, 0 }, { settled.success, settled.failed, settled.sent })
      local life = {}
      for _, e in ipairs(assert(make(s):why{ line = 13 })[1].batches[1].events) do life[#life + 1] = e.what end
      assert.equal("resolved", life[2])
    end
  end)
end)
