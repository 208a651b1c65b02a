--- Five days in two zones, one of them with a change of the clocks, rehearsed: the ledger tells when each record was committed.
local campaign = require "tcb.campaign"
local core = require "tcb.core"
local json = require "tcb.json"
local rehearsal = require "tcb.rehearsal"
local rows = require "support.rows"
local tcb = require "tcb"

local ROWS, DAYS = 120, 5
local ZONES = {
  { zone = "Asia/Kolkata", offsets = { 5.5, 5.5, 5.5, 5.5, 5.5 } },
  { zone = "Europe/Berlin", offsets = { 2, 2, 1, 1, 1 } },                        -- summer time ends on 25 October 2026
}

describe("a schedule of five days", function()
  it("commits every record before its window, in each zone's own hours, over restarts", function()
    local ledger, files = os.tmpname(), {}
    local function new_file() files[#files + 1] = os.tmpname() return files[#files] end
    local results = {}
    assert(rehearsal.run({ seed = 11, from = core.instant.parse "2026-10-22T00:00:00Z", ledger = ledger }, function()
      local client, jobs = assert(tcb.client{}), {}
      for n, z in ipairs(ZONES) do
        local path, lines = new_file(), { "caller_number,receiver_number,label_id" }
        for i = 1, ROWS do lines[i + 1] = ("911234567890,91%d%09d,%s"):format(n, i, rows.LABEL) end
        local f = assert(io.open(path, "wb"))
        f:write(rows.file(lines))
        f:close()
        local function make()
          return campaign.new{ client = client, source = tcb.csv(path), journal = path .. ".tcb.db", batch = 50,
            schedule = assert(tcb.schedule{ from = "2026-10-23", to = "2026-10-27", daily = { "10:00", "19:00" }, zone = z.zone }) }
        end
        jobs[n] = function()
          assert.equal(170, assert(make():push{ max_records = 200 }).sent)        -- the process ends in the midst of the second day
          tcb.sleep(3600)
          assert(make():push())
          results[n] = assert(make():reconcile())
          return true
        end
      end
      assert(tcb.all(jobs))
    end))
    for n in ipairs(ZONES) do
      local s = results[n]
      assert.same({ ROWS, ROWS * DAYS, ROWS * (DAYS - 1), 0, 0, 0 }, { s.input, s.records, s.split, s.expired, s.late, s.in_doubt })
    end
    local wanted, found, seen, late, early = {}, {}, {}, 0, 0
    for _, z in ipairs(ZONES) do
      for day = 1, DAYS do
        local at = core.instant.parse(("2026-10-%dT10:00:00Z"):format(22 + day)) - z.offsets[day] * 3600000
        wanted[("%.0f %.0f"):format(at, at + 9 * 3600000)] = ROWS
      end
    end
    for line in io.lines(ledger) do
      local e = json.decode(line)
      for _, k in ipairs(e.event == "request" and e.call == "push" and e.keys or {}) do
        assert.is_nil(seen[k.key], "committed twice")
        seen[k.key] = true
        local window = ("%.0f %.0f"):format(k.starts_at, k.ends_at)
        found[window] = (found[window] or 0) + 1
        if e.t >= k.starts_at then late = late + 1 end
        if e.t < k.starts_at - 86400000 then early = early + 1 end                 -- the default lead of a schedule
      end
    end
    assert.same(wanted, found)
    assert.same({ 0, 0 }, { late, early })
    os.remove(ledger)
    for _, path in ipairs(files) do
      for _, tail in ipairs{ "", ".tcb.db", ".tcb.db-wal", ".tcb.db-shm", ".tcb.db-lock" } do os.remove(path .. tail) end
    end
  end)
end)
