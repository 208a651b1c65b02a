--- The export and why of input that has no columns of its own.
local campaign = require "tcb.campaign"
local core = require "tcb.core"
local json = require "tcb.json"
local tcb = require "tcb"
local service = require "support.service"

describe("a campaign over NDJSON", function()
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

  local function line(i, more)
    return ('{"caller_number":"911234567890","receiver_number":"9198%08d","label_id":"11111111-2222-4333-8444-555555555555","starts_at":%d,"ends_at":%d%s}')
      :format(i, service.BASE + 3600000, service.BASE + 7200000, more or "")
  end
  local LINES = { line(1, ',"order":{"id":7},"say \\"x\\"":"a,b"'), "", "nonsense", line(2, ',"paid":true,"n":null'), line(3, ',"receiver_number":"12"'), " " .. line(4) .. " " }

  local function run(source)
    local s = service.new()
    local c = campaign.new{ client = s.client, source = source, journal = path }
    assert(c:push())
    assert(c:reconcile())
    return c
  end
  local function export(c, format)
    local parts = {}
    assert(c:export{ format = format, write = function(text) parts[#parts + 1] = text end })
    return table.concat(parts)
  end
  local function write()
    local f = assert(io.open(input, "wb"))
    f:write(table.concat(LINES, "\n"), "\n")
    f:close()
    return tcb.ndjson(input)
  end

  it("exports CSV with a column for each member that occurs", function()
    local text = export(run(write()), "csv")
    local lines = {}
    for l in text:gmatch "[^\n]+" do lines[#lines + 1] = l end
    assert.equal(6, #lines)
    assert.equal('caller_number,receiver_number,label_id,starts_at,ends_at,order,"say ""x""",paid,n,tcb_line,tcb_outcome,tcb_reason,tcb_batch_id,' ..
      "tcb_record_id,tcb_matched", lines[1])
    assert.matches('^911234567890,919800000001,[^,]*,1893459600000,1893463200000,"{""id"":7}","a,b",,,1,success,', lines[2])
    assert.matches("^,,,,,,,,,3,refused,row is not a JSON object", lines[3])
    assert.matches("^911234567890,919800000002,[^,]*,1893459600000,1893463200000,,,true,,4,success,", lines[4])
    assert.matches("^911234567890,12,[^,]*,[^,]*,[^,]*,,,,,5,refused,", lines[5])
    assert.matches(",6,success,", lines[6])
  end)

  it("exports the objects as they were, with what became of them", function()
    local text, rows = export(run(write()), "json"), {}
    for l in text:gmatch "[^\n]+" do rows[#rows + 1] = assert(json.decode(l)) end
    assert.equal(5, #rows)
    assert.equal(7, rows[1].order.id)
    assert.equal(service.BASE + 3600000, rows[1].starts_at)
    assert.equal("success", rows[1].tcb_outcome)
    assert.same({ 3, "refused" }, { rows[2].tcb_line, rows[2].tcb_outcome })
    assert.is_true(rows[3].paid)
  end)

  it("tells a record's life", function()
    local c = run(write())
    local found = assert(c:why{ line = 4 })
    assert.same({ 1, "success", 4 }, { #found, found[1].outcome, found[1].line })
    assert.equal("919800000002", found[1].row.receiver_number)
    assert.equal(1, #assert(c:why{ number = "919800000004" }))
  end)

  it("exports a program's records from what was kept of them", function()
    local list = {}
    for i = 1, 3 do list[i] = { caller_number = "911234567890", receiver_number = ("9198%08d"):format(i), order = i,
      label_id = "11111111-2222-4333-8444-555555555555", starts_at = service.BASE + 3600000, ends_at = service.BASE + 7200000 } end
    local c = run(tcb.records(list))
    assert.matches("^caller_number,ends_at,label_id,order,receiver_number,starts_at,tcb_line", export(c, "csv"))
    assert.equal(3, select(2, export(c, "json"):gsub('"tcb_outcome":"success"', "")))
  end)
end)
