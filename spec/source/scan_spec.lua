local tcb = require "tcb"
local rows = require "support.rows"
local NOW, HEADER, row, file = rows.NOW, rows.HEADER, rows.row, rows.file

describe("source:scan", function()
  local path
  local function scan(lines, shape, on)
    path = os.tmpname()
    local f = assert(io.open(path, "wb"))
    f:write(file(lines))
    f:close()
    local faults = {}
    on = on or {}
    on.fault = function(x) faults[#faults + 1] = x end
    local sums, err = tcb.csv(path):scan(shape or {}, NOW, on)
    os.remove(path)
    return sums, faults, err
  end
  local function at(ms) return ("%d"):format(NOW + ms) end

  it("counts rows, batches and windows", function()
    local lines = rows.rows(1200)
    table.insert(lines, 1, HEADER)
    lines[#lines + 1] = row { receiver = "1" }
    local batches = {}
    local sums, faults = scan(lines, {}, { batch = function(b) batches[#batches + 1] = b end })
    assert.same({ 1201, 1200, 1, 0, 0, 0, 3 }, { sums.rows, sums.ok, sums.refused, sums.excluded, sums.duplicates, sums.overlaps, sums.batches })
    assert.equal(NOW + 1000, sums.min_starts_at)
    assert.equal(NOW + 3600000, sums.max_ends_at)
    assert.same({ 500, 500, 200 }, { batches[1].count, batches[2].count, batches[3].count })
    assert.equal(1, #faults)
    assert.same({ 1202, "number", "receiver_number", "error" }, { faults[1].line, faults[1].code, faults[1].field, faults[1].severity })
  end)

  it("reports every fault of a row", function()
    local sums, faults = scan { HEADER, row { caller = "1", reason = "Hi!", name = "Öl", ends = at(0) } }
    local codes = {}
    for i, f in ipairs(faults) do codes[i] = f.code end
    assert.same({ "number", "length", "length", "order" }, codes)
    assert.equal(1, sums.refused)
  end)

  it("finds duplicates and overlaps over the whole file, whatever lies between", function()
    local lines = rows.rows(3000)
    table.insert(lines, 1, HEADER)
    lines[11] = row { receiver = "919999999901" }
    lines[21] = row { receiver = "919999999902", starts = at(1000), ends = at(5000) }
    lines[31] = row { receiver = "919999999903", starts = at(1000), ends = at(5000) }
    lines[2511] = row { receiver = "+91 9999999901", reason = "Another text today" }
    lines[2521] = row { receiver = "919999999902", starts = at(4999), ends = at(9000) }
    lines[2531] = row { receiver = "919999999903", starts = at(5000), ends = at(9000) }
    lines[2541] = row { receiver = "919999999901", caller = "911234567891" }
    local sums, faults = scan(lines)
    assert.same({ 1, 1 }, { sums.duplicates, sums.overlaps })
    assert.same({ 2511, "duplicate", "warning", 11 }, { faults[1].line, faults[1].code, faults[1].severity, faults[1].other_line })
    assert.same({ 2521, "overlap", 21 }, { faults[2].line, faults[2].code, faults[2].other_line })
    assert.matches("line 11", faults[1].message)
  end)

  it("finds the same whatever path takes the rows", function()
    local lines = { HEADER }
    for i = 1, 2000 do lines[i + 1] = row { receiver = ("91990000%04d"):format(i * 7 % 900), starts = at(i % 50 * 100 + 1), ends = at(i % 50 * 100 + 60) } end
    path = os.tmpname()
    local f = assert(io.open(path, "wb"))
    f:write(file(lines))
    f:close()
    local want
    for _, way in ipairs(rows.PATHS) do
      if rows.has_path(way) then
        local source = tcb.csv(path)
        local feed_of, list = source.feed, {}
        source.feed = function(...)
          local feed = assert(feed_of(...))
          assert(feed:path(way))
          return feed
        end
        local sums = assert(source:scan({}, NOW, { fault = function(x) list[#list + 1] = x.code .. x.line .. "/" .. x.other_line end }))
        local got = table.concat(list, " ")
        want = want or got
        assert.equal(want, got)
        assert.is_true(sums.duplicates + sums.overlaps > 100)
      end
    end
    os.remove(path)
  end)

  it("gives the errors of a source", function()
    local sums, _, err = scan { "receiver_number" }
    assert.is_nil(sums)
    assert.equal("input", err.kind)
  end)
end)
