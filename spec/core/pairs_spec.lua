local core = require "tcb.core"

local BASE = 1893456000000

--- What pairs must find, by comparing each record with each: line -> { kind, earliest line it repeats or overlaps }.
local function brute(records)
  local found = {}
  for i, r in ipairs(records) do
    for j = 1, i - 1 do
      local q = records[j]
      if q.pair == r.pair then
        local same = q.starts_at == r.starts_at and q.ends_at == r.ends_at and q.label == r.label
        if same and not (found[r.line] and found[r.line].duplicate) then found[r.line] = { duplicate = true, other = q.line } end
      end
    end
    if not found[r.line] then
      for j = 1, i - 1 do
        local q = records[j]
        if q.pair == r.pair and not (found[q.line] and found[q.line].duplicate) and q.starts_at < r.ends_at and r.starts_at < q.ends_at then
          found[r.line] = { duplicate = false, other = q.line }
          break
        end
      end
    end
  end
  return found
end

local function faults(pairs_object)
  local list = {}
  while true do
    local line, other, duplicate = pairs_object:next()
    if not line then
      assert.is_nil(other)
      return list
    end
    list[#list + 1] = { line = line, other = other, duplicate = duplicate }
  end
end

local function sample(n, pair_count, seed)
  local records, x = {}, seed
  local function random(m)
    x = (x * 16807) % 2147483647
    return x % m
  end
  for line = 1, n do
    local starts_at = BASE + random(40) * 3600000
    records[line] = { line = line, pair = random(pair_count), starts_at = starts_at, ends_at = starts_at + (1 + random(5)) * 3600000,
      label = random(2) }
  end
  return records
end

describe("pairs", function()
  local function check(records, memory)
    local p = core.pairs(memory)
    for _, r in ipairs(records) do assert(p:add(r.pair, r.starts_at, r.ends_at, r.label, r.line)) end
    local expected, last = brute(records), 0
    for _, f in ipairs(faults(p)) do
      assert.is_true(f.line > last)
      last = f.line
      assert.same(expected[f.line], { duplicate = f.duplicate, other = f.other })
      expected[f.line] = nil
    end
    assert.is_nil(next(expected))
    p:close()
    p:close()
  end

  it("finds every duplicate and overlap, in line order", function()
    check(sample(400, 60, 7))
    check(sample(400, 3, 11))
  end)

  it("finds the same when nearly nothing fits in memory", function() check(sample(3000, 900, 5), 32768) end)

  it("takes windows that only touch as apart", function()
    check({
      { line = 2, pair = 1, starts_at = BASE, ends_at = BASE + 10, label = 0 },
      { line = 3, pair = 1, starts_at = BASE + 10, ends_at = BASE + 20, label = 0 },
    })
  end)

  it("has nothing to say of nothing, and says so again", function()
    local p = core.pairs()
    assert.same({}, faults(p))
    assert.same({}, faults(p))
  end)

  it("says when the memory given cannot merge that many records, and closes twice", function()
    local p = core.pairs(4096)
    local ok, err
    for line = 1, 100000 do
      ok, err = p:add(line, BASE, BASE + 1, 0, line)
      if not ok then break end
    end
    -- far more runs than 4 KiB can merge: an error that says so, at the first read
    if ok then ok, err = p:next() end
    assert.is_nil(ok)
    assert.equal("memory", err.kind)
    assert.equal("tcb.pairs", tostring(p))
    p:close()
    assert.equal("tcb.pairs (closed)", tostring(p))
    assert.has_error(function() p:next() end)
  end)
end)
