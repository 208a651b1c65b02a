local core = require "tcb.core"
local tcb = require "tcb"
local cjson = require "cjson"
local rows = require "support.rows"
local NOW, HEADER, row, file = rows.NOW, rows.HEADER, rows.row, rows.file

local paths = {}
local function path()
  paths[#paths + 1] = os.tmpname()
  return paths[#paths]
end
local function write(text)
  local name = path()
  local f = assert(io.open(name, "wb"))
  f:write(text)
  f:close()
  return name
end
after_each(function()
  for _, p in ipairs(paths) do os.remove(p) end
  paths = {}
end)
local function at(ms) return ("%d"):format(NOW + ms) end

local function all(source, shape, checkpoint, each)
  local feed, err = source:feed(shape, checkpoint)
  if not feed then return nil, err end
  if each then feed:each(each) end
  local out = { records = {}, batches = {}, faults = {}, checkpoints = {} }
  while true do
    local b, why, rest = feed:next(NOW)
    local part = b or rest
    if part then
      for line, _, code, _, message in core.refusals(part.refused) do
        out.faults[#out.faults + 1] = line .. " " .. code
        out.message = message
      end
    elseif why == "wait" then core.poll({ feed:fd() }, 0.01)
    else
      feed:close()
      return nil, why
    end
    if why == "end" then break end
    if b then
      b.text = b.body:string()
      for _, r in ipairs(cjson.decode(b.text).call_records) do out.records[#out.records + 1] = r end
      feed:release(b)
      out.batches[#out.batches + 1] = b
    end
    if part then out.checkpoints[#out.checkpoints + 1] = { at = feed:checkpoint(), batches = #out.batches, faults = #out.faults } end
  end
  out.remembers = feed.remembers
  feed:close()
  return out
end

--- Rows of one receiver pair a minute of the day, shuffled; some broken, some twice, some over several lines.
local function shuffled(n)
  local lines = { HEADER }
  for i = 1, n do
    local minute = (i * 7919) % n
    lines[i + 1] = i % 97 == 0 and row { receiver = "bad" } or
      row { receiver = ("9198%08d"):format(minute), starts = at(minute * 60000 + 1), ends = at(minute * 60000 + 3600000),
        reason = i % 10 == 0 and '"Your ""parcel""\narrives"' or i % 11 == 0 and "संदेश संख्या " .. minute .. " आज" or nil }
  end
  return file(lines)
end

describe("sort", function()
  it("gives the records in the order of starts_at, all of them", function()
    local source, shape = tcb.csv(write(shuffled(4000))), { sort = true }
    local out = assert(all(source, shape))
    assert.equal(4000 - 41, #out.records)
    assert.equal(41, #out.faults)
    for i = 2, #out.records do assert.is_true(out.records[i - 1].starts_at <= out.records[i].starts_at) end
    assert.equal(8, #out.batches)
    for _, b in ipairs(out.batches) do
      local again = assert(source:rebuild(shape, b.spans))
      assert.is_true(b.text == again.body:string() and b.hashes == again.hashes)
    end
    source:close()
  end)

  it("keeps the input's order among equal instants", function()
    local lines = { HEADER }
    for i = 1, 900 do lines[i + 1] = row { receiver = ("9198%08d"):format(i), starts = at(i % 3 + 1) } end
    local out = assert(all(tcb.csv(write(file(lines))), { sort = true }))
    for i = 2, 900 do
      local a, b = out.records[i - 1], out.records[i]
      assert.is_true(a.starts_at < b.starts_at or a.starts_at == b.starts_at and a.receiver_number < b.receiver_number)
    end
  end)

  it("goes on behind any checkpoint, refusals included", function()
    local source, shape = tcb.csv(write(shuffled(3000))), { sort = true, batch = 250 }
    local out = assert(all(source, shape))
    for _, c in ipairs(out.checkpoints) do
      local rest = assert(all(source, shape, c.at))
      assert.equal(#out.batches - c.batches, #rest.batches)
      for i, b in ipairs(rest.batches) do assert.is_true(b.text == out.batches[c.batches + i].text) end
      assert.equal(#out.faults - c.faults, #rest.faults)
    end
  end)

  it("puts records with one key into different batches", function()
    local lines = { HEADER }
    for i = 1, 300 do lines[i + 1] = row { receiver = ("9198%08d"):format(i % 100) } end
    local out = assert(all(tcb.csv(write(file(lines))), { sort = true }))
    assert.equal(300, #out.records)
    assert.same({ 100, 100, 100 }, { out.batches[1].count, out.batches[2].count, out.batches[3].count })
  end)

  it("sorts a pipe that is kept, and refuses one that is not", function()
    local text = shuffled(2000)
    local fifo, from, kept = path(), write(text), path()
    os.remove(fifo)
    os.remove(kept)
    os.execute("mkfifo " .. fifo)
    local _, err = all(tcb.csv(fifo), { sort = true })
    assert.matches("cannot be sorted unless it is kept", err.message)
    os.execute(("cat %s > %s 2>/dev/null &"):format(from, fifo))
    local source = tcb.csv(fifo)
    source:keep(kept)
    local out, plain = assert(all(source, { sort = true })), assert(all(tcb.csv(from), { sort = true }))
    assert.equal(#plain.records, #out.records)
    for i, b in ipairs(plain.batches) do assert.is_true(b.text == out.batches[i].text) end
  end)

  it("notices a file that changes between its passes", function()
    local name = write(shuffled(1000))
    local feed = assert(tcb.csv(name):feed { sort = true })
    local f = assert(io.open(name, "wb"))
    f:write(shuffled(300))
    f:close()
    local b, why
    repeat b, why = feed:next(NOW) if b then feed:release(b) end until not b and why ~= "refused"
    assert.is_true(why == "end" or why.kind == "input")
    feed:close()
    feed:close()
  end)
end)

describe("unique", function()
  local function twins(n)
    local lines = { HEADER }
    for i = 1, n do lines[i + 1] = row { receiver = ("9198%08d"):format(i % 900), reason = ("Your parcel %d today"):format(i),
      name = i % 13 == 0 and '"two\nlines"' or nil } end
    return file(lines)
  end
  local function expected(n) return math.min(n, 900), math.max(0, n - 900) end

  it("keeps the first of equal rows and names it", function()
    local out = assert(all(tcb.csv(write(file { HEADER, row(), row { receiver = "919800000001" }, row { reason = "Your second parcel" } })), { unique = true }))
    assert.equal(2, #out.records)
    assert.same({ "4 duplicate" }, out.faults)
    assert.equal("same numbers, window and label as line 2", out.message)
  end)

  it("over the whole file in bounded memory, whatever path takes the rows", function()
    local source = tcb.csv(write(twins(3000)))
    local want
    for _, way in ipairs(rows.PATHS) do
      if rows.has_path(way) then
        local feed_of = source._feed
        source._feed = function(...)
          local feed, err = feed_of(...)
          if feed then assert(feed:path(way)) end
          return feed, err
        end
        local out = assert(all(source, { unique = true }))
        source._feed = nil
        local kept, refused = expected(3000)
        assert.equal(kept, #out.records)
        assert.equal(refused, #out.faults)
        assert.is_false(out.remembers)
        local got = table.concat(out.faults, " ") .. out.batches[1].text
        want = want or got
        assert.is_true(want == got, way)
      end
    end
  end)

  it("goes on behind a checkpoint", function()
    local source, shape = tcb.csv(write(twins(2500))), { unique = true, batch = 300 }
    local out = assert(all(source, shape))
    for _, c in ipairs(out.checkpoints) do
      local rest = assert(all(source, shape, c.at))
      assert.same({ #out.batches - c.batches, #out.faults - c.faults }, { #rest.batches, #rest.faults })
    end
  end)

  it("remembers the keys of a program's records, and of those that a hook makes", function()
    local list = {}
    for i = 1, 1300 do list[i] = { caller_number = "911234567890", receiver_number = ("9198%08d"):format(i % 500), label_id = rows.LABEL,
      starts_at = NOW + 1, ends_at = NOW + 2 } end
    local out = assert(all(tcb.records(list), { unique = true }))
    assert.same({ 500, 800, true }, { #out.records, #out.faults, out.remembers })
    out = assert(all(tcb.csv(write(twins(1000))), { unique = true }, nil, function(r) r.receiver_number = "919811111111" end))
    assert.same({ 1, 999, true }, { #out.records, #out.faults, out.remembers })
    local feed = assert(tcb.records(list):feed { unique = true })
    feed:remember(out.batches[1].hashes)
    feed:close()
  end)

  it("goes together with sort and the dry run", function()
    local source = tcb.csv(write(twins(2000)))
    local out = assert(all(source, { unique = true, sort = true }))
    assert.same({ 900, 1100 }, { #out.records, #out.faults })
    for _, shape in ipairs { { unique = true }, { unique = true, sort = true } } do
      local feed = assert(source:feed(shape))
      local sums = assert(feed:drain(NOW))
      assert.same({ 900, 1100 }, { sums.records, sums.refused })
      assert.same({ duplicate = 1100 }, sums.codes)
      feed:close()
    end
  end)
end)
