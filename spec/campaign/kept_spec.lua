--- Campaigns whose input cannot be read again: a program's records, a pipe.
local campaign = require "tcb.campaign"
local core = require "tcb.core"
local tcb = require "tcb"
local service = require "support.service"

describe("a campaign over input that cannot be read again", function()
  local path
  before_each(function()
    path = os.tmpname()
    os.remove(path)
    core.clock.virtual(service.BASE)
  end)
  after_each(function()
    core.clock.virtual(false)
    for _, tail in ipairs{ "", "-wal", "-shm", "-lock", ".input" } do os.remove(path .. tail) end
  end)

  local function records(n)
    local list = {}
    for i = 1, n do
      list[i] = { caller_number = "911234567890", receiver_number = ("9198%08d"):format(i), starts_at = service.BASE + 3600000,
        ends_at = service.BASE + 7200000, label_id = "11111111-2222-4333-8444-555555555555" }
    end
    return list
  end

  local function make(s, source, options)
    local o = { client = s.client, source = source, journal = path, batch = 10 }
    for k, v in pairs(options or {}) do o[k] = v end
    return campaign.new(o)
  end

  it("sends a program's records once each, and settles them", function()
    local s = service.new()
    local c = make(s, tcb.records(records(95)))
    assert.equal(95, assert(c:push()).sent)
    assert.same({ 95, 0 }, { s:counts() })
    assert.equal(95, assert(c:reconcile()).success)
  end)

  it("continues with the same records, or with none, from what was kept", function()
    for _, again in ipairs { 95, 0 } do
      os.remove(path)
      os.remove(path .. ".input")
      local s = service.new()
      make(s, tcb.records(records(95)), { max_records = 30 }):push()
      assert.same({ 30, 0 }, { s:counts() })
      local summary = assert(make(s, tcb.records(records(again))):push())
      if again == 95 then
        assert.same({ 95, 0 }, { s:counts() })
        assert.equal(95, summary.sent)
      else
        assert.equal(0, select(2, s:counts()))
        assert.equal(0, summary.waiting)
      end
    end
  end)

  it("resends a batch in doubt from what was kept", function()
    local s = service.new{ faults = { [2] = "500" } }
    local c = make(s, tcb.records(records(40)))
    assert.equal(10, assert(c:push()).in_doubt)
    assert.equal(40, assert(make(s, tcb.records {}, { in_doubt = "resend" }):push()).sent)
    assert.same({ 40, 0 }, { s:counts() })
  end)

  it("refuses other records than those it was begun with", function()
    local s = service.new()
    make(s, tcb.records(records(95)), { max_records = 30 }):push()
    local other = records(95)
    other[1].receiver_number = "919999999999"
    local summary, err = make(s, tcb.records(other)):push()
    assert.is_nil(summary)
    assert.equal("input", err.kind)
    assert.matches("not the one that was begun with", err.message)
  end)

  it("cannot begin where its input cannot be kept", function()
    os.execute("mkdir " .. path .. ".input")
    local summary, err = make(service.new(), tcb.records(records(5))):push()
    os.execute("rmdir " .. path .. ".input")
    assert.is_nil(summary)
    assert.equal("store", err.kind)
  end)

  it("stops when its hook raises, with nothing in doubt, and goes on", function()
    local s = service.new()
    local function push(bad_line)
      return make(s, tcb.records(records(95)), { each = function(r)
        if r.line == bad_line then error("line " .. r.line .. " of mine", 0) end
      end }):push()
    end
    local ok, err = pcall(push, 55)
    assert.same({ false, "line 55 of mine" }, { ok, err })
    local so_far = assert(make(s, tcb.records(records(95))):summary())
    assert.same({ (s:counts()), 0 }, { so_far.sent, so_far.in_doubt })
    assert.is_true(so_far.sent < 60)
    assert.equal(95, assert(push(0)).sent)
    assert.same({ 95, 0 }, { s:counts() })
  end)

  it("splits, drops and changes with a hook, and keeps the sum", function()
    local s = service.new()
    local c = make(s, tcb.records(records(40)), { each = function(r)
      if r.line % 4 == 0 then return false end
      if r.line % 4 == 1 then return { r, r:table { starts_at = r.starts_at + 60000 } } end
      if r.line % 4 == 2 then r.receiver_number = "12" end
    end })
    local summary = assert(c:push())
    assert.same({ 40, 10, 10, 10 }, { summary.input, summary.dropped, summary.split, summary.refused })
    assert.equal(summary.records, summary.input - summary.dropped + summary.split)
    assert.equal(30, summary.sent)
    assert.same({ 30, 0 }, { s:counts() })
  end)
end)
