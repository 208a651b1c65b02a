local campaign = require "tcb.campaign"
local core = require "tcb.core"
local csv = require "tcb.source.csv"
local schedule = require "tcb.schedule"
local service = require "support.service"

local LABEL = "11111111-2222-4333-8444-555555555555"

describe("campaign", function()
  local path, files
  before_each(function()
    path, files = os.tmpname(), {}
    os.remove(path)
    core.clock.virtual(service.BASE)
    core.log.level "error"                                -- the change of order is said as a warning
  end)
  after_each(function()
    core.clock.virtual(false)
    core.log.level "warn"
    for _, tail in ipairs{ "", "-wal", "-shm", "-lock" } do os.remove(path .. tail) end
    for _, file in ipairs(files) do os.remove(file) end
  end)

  --- A CSV file of { receiver ending, minutes until the window opens, minutes it lasts }.
  local function write(rows, header)
    local file = os.tmpname()
    files[#files + 1] = file
    local f = assert(io.open(file, "wb"))
    f:write(header or "caller_number,receiver_number,label_id,starts_at,ends_at", "\n")
    for i, r in ipairs(rows) do
      if header then f:write(("911234567890,91%08d%s,%s\n"):format(i, r[1] or "1234", LABEL))
      else
        f:write(("911234567890,91%08d%s,%s,%d,%d\n"):format(r[4] or i, r[1] or "1234", LABEL, service.BASE + r[2] * 60000,
          service.BASE + (r[2] + (r[3] or 60)) * 60000))
      end
    end
    f:close()
    return file
  end

  local function make(s, file, options)
    local o = { client = s.client, source = csv.new(file), journal = path, batch = 10 }
    for k, v in pairs(options or {}) do o[k] = v end
    return campaign.new(o)
  end

  --- A service with one request a minute on one token.
  local function slow()
    local s = service.new{ slot_s = 60, latency_s = 0.1 }
    s.client._conf.limits = { push = { count = 1, window_s = 60 } }
    s.client._conf.tokens, s.client._conf.from = 1, { tokens = true }
    return s
  end

  --- How many of the records committed had their window open already.
  local function late(s)
    local n = 0
    for _, b in pairs(s.batches) do
      for _, r in ipairs(b.records) do if b.at > r.starts_at then n = n + 1 end end
    end
    return n
  end

  it("sends in the order of the windows when the input's order would miss some", function()
    local rows = {}
    for i = 1, 200 do rows[i] = { nil, 5 + (200 - i) / 5 } end          -- 20 batches; the last of the file opens first, in 5 minutes
    rows[201] = { "12", 5 }
    local s = slow()
    local c = make(s, write(rows))
    local plan = assert(c:plan{ limits = "push=1/60 mint=10/1800", tokens = 1 })
    assert.is_true(plan.met)
    assert.equal("starts_at", plan.order)
    local done = assert(c:push{ max_records = 70 })
    assert.same({ 70, 131, 201 }, { done.sent, done.waiting, done.records })
    done = assert(c:push())
    assert.same({ 201, 0, 0 }, { done.sent, done.waiting, done.late })
    assert.same({ 201, 0 }, { s:counts() })
    assert.equal(0, late(s))
    -- In its own order it would have been late.
    os.remove(path)
    core.clock.virtual(service.BASE)
    s = slow()
    s.client._conf.limits.push = false                    -- nothing to foresee
    assert(make(s, write(rows)):push())
    assert.is_true(late(s) > 0)
  end)

  it("keeps the input's order when all windows are met anyway, and when sorting would not help", function()
    local rows = {}
    for i = 1, 30 do rows[i] = { nil, 600 - i } end
    local s = slow()
    assert(make(s, write(rows)):push())
    assert.equal("91000000011234", s.batches["b-1"].records[1].receiver_number)
    rows = {}
    for i = 1, 30 do rows[i] = { nil, 0.01 + i / 1000 } end
    core.clock.virtual(service.BASE)
    os.remove(path)
    s = slow()
    local plan = assert(make(s, write(rows)):plan{ limits = "push=1/60 mint=10/1800", tokens = 1 })
    assert.is_false(plan.met)
    assert.equal("input", plan.order)
    assert.is_true(plan.late_by_s > 60)
    assert.is_true(plan.start_by < service.BASE)
  end)

  it("sorts when told to, refusals and repeated keys included, and goes on where it was", function()
    local rows = {}
    for i = 1, 40 do rows[i] = { nil, 60 + (i * 7) % 40, 60, i % 8 == 0 and i - 1 or i } end
    for i = 8, 40, 8 do rows[i][2] = rows[i - 1][2] end                 -- five rows repeat the one before them
    local file = write(rows)
    local f = io.open(file, "ab")
    f:write("911234567890,12,", LABEL, ",1,2\n")
    f:close()
    local s = service.new()
    local c = make(s, file, { sort = true })
    assert(c:push{ max_records = 20 })
    local done = assert(c:push())
    assert.same({ 40, 1, 41, 0 }, { done.sent, done.refused, done.records, done.waiting })
    local before = 0
    for i = 1, #s.order do
      local keys = {}
      for _, r in ipairs(s.batches[s.order[i]].records) do
        local key = r.receiver_number .. r.starts_at
        assert.is_nil(keys[key])
        keys[key] = true
      end
      local first = s.batches[s.order[i]].records[1].starts_at
      assert.is_true(first >= before or i > 4)
      before = math.max(before, first)
    end
  end)

  it("refuses all but the first of repeated rows when they shall be unique", function()
    local rows = {}
    for i = 1, 60 do rows[i] = { nil, 60, 60, (i - 1) % 20 + 1 } end
    local s = service.new()
    local done = assert(make(s, write(rows), { unique = true }):push())
    assert.same({ 20, 40, 60 }, { done.sent, done.refused, done.records })
    assert.same({ ["duplicate (receiver_number)"] = 40 }, done.by_outcome.refused)
    assert.same({ 20, 0 }, { s:counts() })
    os.remove(path)
    s = service.new()
    done = assert(make(s, write(rows), { unique = true, sort = true }):push())
    assert.same({ 20, 40, 60 }, { done.sent, done.refused, done.records })
  end)

  it("passes over the input once a window of its schedule, each in time", function()
    local rows = {}
    for i = 1, 25 do rows[i] = {} end
    local file = write(rows, "caller_number,receiver_number,label_id")
    local plan = assert(schedule.new{ from = "2030-01-01", to = "2030-01-05", daily = { "10:00", "19:00" }, zone = "Asia/Kolkata" })
    local s = service.new()
    local c = make(s, file, { schedule = plan })
    local done = assert(c:push{ max_records = 60 })
    assert.equal(60, done.sent)
    done = assert(c:push())
    assert.same({ 125, 125, 100, 25, 0 }, { done.sent, done.records, done.split, done.input, done.late })
    assert.equal(0, late(s))
    for _, b in pairs(s.batches) do
      for _, r in ipairs(b.records) do assert.is_true(b.at >= r.starts_at - 86400000) end
    end
    done = assert(c:reconcile())
    assert.equal(125, done.success)
  end)

  it("never sends what cannot make its window of the schedule", function()
    local rows = {}
    for i = 1, 25 do rows[i] = {} end
    local plan = assert(schedule.new{ from = "2029-12-30", to = "2030-01-02", daily = { "10:00", "19:00" }, zone = "UTC" })
    local s = service.new()
    core.clock.virtual(service.BASE + 11 * 3600000)       -- the window of 1 January has begun
    local done = assert(make(s, write(rows, "caller_number,receiver_number,label_id"), { schedule = plan }):push())
    assert.same({ 25, 75, 100, 75 }, { done.sent, done.expired, done.records, done.split })
    assert.equal(0, late(s))
  end)

  it("refuses a schedule beside windows of the input's own", function()
    local plan = assert(schedule.new{ from = "2030-01-01", to = "2030-01-02", daily = { "10:00", "19:00" }, zone = "UTC" })
    local done, err = make(service.new(), write{ { nil, 60 } }, { schedule = plan }):push()
    assert.is_nil(done)
    assert.truthy(err.message:find("a column 'starts_at' of its own", 1, true))
  end)
end)
