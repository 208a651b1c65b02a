local core = require "tcb.core"
local tcb = require "tcb"
local cjson = require "cjson"
local rows = require "support.rows"
local NOW, LABEL, HEADER, row, file = rows.NOW, rows.LABEL, rows.HEADER, rows.row, rows.file

local paths = {}
local function path()
  paths[#paths + 1] = os.tmpname()
  return paths[#paths]
end
local function write(text, to)
  to = to or path()
  local f = assert(io.open(to, "wb"))
  f:write(text)
  f:close()
  return to
end
after_each(function()
  for _, p in ipairs(paths) do os.remove(p) os.remove(p .. ".gz") end
  paths = {}
end)

local function all(source, shape, checkpoint)
  local feed, err = source:feed(shape or {}, checkpoint)
  if not feed then return nil, err end
  local out = { records = {}, batches = {}, faults = {} }
  while true do
    local b, why, rest = feed:next(NOW)
    local part = b or rest
    if not part then
      if why == "wait" then core.poll({ feed:fd() }, 0.01)
      else
        feed:close()
        return nil, why
      end
    else
      for line, _, code, field in core.refusals(part.refused) do out.faults[#out.faults + 1] = ("%d %s %s"):format(line, code, tostring(field)) end
      if why == "end" then break end
    end
    if b then
      b.text = b.body:string()
      for _, r in ipairs(cjson.decode(b.text).call_records) do out.records[#out.records + 1] = r end
      feed:release(b)
      out.batches[#out.batches + 1] = b
    end
  end
  feed:close()
  return out
end

local function object(changes)
  local o = { caller_number = "911234567890", receiver_number = "919876543210", label_id = LABEL, dynamic_call_reason = "Your parcel arrives today",
    starts_at = NOW + 1000, ends_at = NOW + 3600000 }
  for k, v in pairs(changes or {}) do o[k] = v end
  return o
end

--- A JSON object of our own making, since cjson would write epoch ms as 1.893456001e+12.
local function line(changes)
  local parts = {}
  for k, v in pairs(object(changes)) do
    if type(v) == "number" then v = ("%d"):format(v) elseif type(v) == "string" then v = '"' .. v .. '"' else v = v.raw end
    parts[#parts + 1] = ('"%s":%s'):format(k, v)
  end
  return "{" .. table.concat(parts, ",") .. "}"
end
local function raw(text) return { raw = text } end

describe("ndjson", function()
  it("reads an object a line", function()
    local source = tcb.ndjson(write(file { line(), "", " " .. line { receiver_number = "919800000001" } .. " " }))
    local out = assert(all(source))
    assert.same({}, out.faults)
    assert.equal(2, #out.records)
    assert.same(object(), (function(r) return { caller_number = r.caller_number, receiver_number = r.receiver_number, label_id = r.label_id,
      dynamic_call_reason = r.dynamic_call_reason, starts_at = r.starts_at, ends_at = r.ends_at } end)(out.records[1]))
    assert.same({ 1, 3 }, { out.batches[1].first_line, out.batches[1].last_line })
  end)

  it("takes numbers and texts, escapes, null and the other dialect's names", function()
    local out = assert(all(tcb.ndjson(write(file {
      line { caller_number = raw "911234567890", starts_at = "2030-01-01T00:00:01Z", dynamic_label_name = raw "null" },
      line { dynamic_call_reason = raw [["\u0041 \"b\" \\ c\n\ud83d\ude9a d\te"]], receiver_number = "919800000001" },
      ('{"caller":"911234567890","receiver":"919800000002","label_id":"%s","starts_at":%d,"ends_at":%d,"call_reason":"By its other name"}')
        :format(LABEL, NOW + 1, NOW + 2) }))))
    assert.same({}, out.faults)
    assert.equal(NOW + 1000, out.records[1].starts_at)
    assert.equal('A "b" \\ c\n🚚 d\te', out.records[2].dynamic_call_reason)
    assert.equal("By its other name", out.records[3].dynamic_call_reason)
  end)

  it("refuses lines that are no objects, and rows that break a rule", function()
    local out = assert(all(tcb.ndjson(write(file { line(), "[1]", "{", "nonsense", line { receiver_number = raw "[1]" }, line { receiver_number = raw "1e11" },
      line { dynamic_call_reason = raw [["half a pair \ud83d here"]] }, line { starts_at = raw "1893456001000.0" }, line { label_id = raw "true" },
      line { ends_at = raw "null" } }))))
    assert.same({ "2 csv nil", "3 csv nil", "4 csv nil", "5 csv nil", "6 number receiver_number", "7 encoding dynamic_call_reason", "8 time starts_at",
      "9 label label_id", "10 missing ends_at" }, out.faults)
    assert.equal(1, #out.records)
  end)

  it("maps, fills, and shows other members to a hook", function()
    local source = tcb.ndjson(write(file { '{"to":"919876543210","order":{"id":7},"ref":"A1","n":12}' }))
    local shape = { map = { receiver_number = "to" }, set = { dynamic_call_reason = "Order {ref} number {n} today" }, caller = "911234567890",
      label_id = LABEL, starts_at = NOW + 1, ends_at = NOW + 2 }
    local feed = assert(source:feed(shape))
    local seen
    feed:each(function(r) seen = { r.ref, r.n, r.order, tostring(r.nothing), r.line } end)
    local b = assert(feed:next(NOW))
    assert.matches('"Order A1 number 12 today"', b.body:string())
    assert.same({ "A1", "12", '{"id":7}', "nil", 1 }, seen)
    feed:close()
  end)

  it("makes batches again, and goes on behind each", function()
    local lines = {}
    for i = 1, 1700 do lines[i] = line { receiver_number = i % 40 == 0 and "bad" or ("9198%08d"):format(i % 1300) } end
    local source, shape = tcb.ndjson(write(file(lines))), { batch = 300 }
    local out = assert(all(source, shape))
    for _, b in ipairs(out.batches) do assert.is_true(b.text == assert(source:rebuild(shape, b.spans)).body:string()) end
    for i, b in ipairs(out.batches) do
      local rest = assert(all(source, shape, b.checkpoint))
      assert.equal(#out.batches - i, #rest.batches)
      if rest.batches[1] then assert.is_true(rest.batches[1].text == out.batches[i + 1].text) end
    end
    source:close()
  end)
end)

describe("records", function()
  it("come from a list or a function", function()
    assert.equal("919876543210", assert(all(tcb.records { object() })).records[1].receiver_number)
    local n = 0
    local out = assert(all(tcb.records(function()
      n = n + 1
      if n <= 1300 then return object { receiver_number = ("9198%08d"):format(n), order = { 1 }, note = "x" } end
    end)))
    assert.equal(1300, #out.records)
    assert.equal(3, #out.batches)
  end)

  it("are checked like any others", function()
    local out = assert(all(tcb.records { object(), object { receiver_number = "12" }, object { dynamic_call_reason = "No!" } }))
    assert.same({ "2 number receiver_number", "3 length dynamic_call_reason" }, out.faults)
  end)

  it("may come from a function that yields, and its errors come through", function()
    local source = tcb.records(function() coroutine.yield "asked" return nil end)
    local co = coroutine.create(function() return all(source) end)
    assert.equal("asked", select(2, coroutine.resume(co)))
    assert.same({}, select(2, coroutine.resume(co)).records)
    local feed = assert(tcb.records(function() error { mine = true } end):feed {})
    local ok, err = pcall(feed.next, feed, NOW)
    assert.is_false(ok)
    assert.is_true(err.mine)
    feed:close()
    feed = assert(tcb.records(function() return 7 end):feed {})
    assert.has_error(function() feed:next(NOW) end)
    feed:close()
    assert.has_error(function() tcb.records(7) end)
  end)

  it("are kept, so that batches can be made again and a second run goes on", function()
    local kept = path()
    os.remove(kept)
    local list = {}
    for i = 1, 1100 do list[i] = object { receiver_number = ("9198%08d"):format(i), note = i % 2 == 0 } end
    local source, shape = tcb.records(list), {}
    source:keep(kept)
    local out = assert(all(source, shape))
    assert.is_true(out.batches[2].text == assert(source:rebuild(shape, out.batches[2].spans)).body:string())
    source:close()
    for _, again in ipairs { tcb.records(list), tcb.records {} } do
      again:keep(kept)
      local rest = assert(all(again, shape, out.batches[1].checkpoint))
      assert.is_true(rest.batches[1].text == out.batches[2].text)
      assert.equal(2, #rest.batches)
    end
    list[1100] = object { receiver_number = "919811111111" }
    local other = tcb.records(list)
    other:keep(kept)
    local _, err = all(other, shape, out.batches[2].checkpoint)
    assert.matches("not the one that was begun with", err.message)
  end)
end)

describe("gzip", function()
  local function compressed(text)
    local name = write(text)
    os.execute("gzip -kf " .. name)
    return name .. ".gz"
  end

  it("is recognised in files, and read like them", function()
    local lines = rows.rows(3000)
    table.insert(lines, 1, HEADER)
    local plain, packed = tcb.csv(write(file(lines))), tcb.csv(compressed(file(lines)))
    local want, got, shape = assert(all(plain)), assert(all(packed)), {}
    assert.equal(#want.batches, #got.batches)
    for i, b in ipairs(want.batches) do assert.is_true(b.text == got.batches[i].text) end
    for i = #got.batches, 1, -1 do assert.is_true(got.batches[i].text == assert(packed:rebuild(shape, got.batches[i].spans)).body:string()) end
    packed:close()
    assert.equal(#want.batches - 2, #assert(all(packed, {}, got.batches[2].checkpoint)).batches)
  end)

  it("may have several members, and Windows-1252 inside", function()
    local one, two = compressed(HEADER .. "\n" .. row { name = "Caf\233 un" } .. "\n"), compressed(row { receiver = "919800000001", name = "Caf\233" } .. "\n")
    local both = path()
    os.execute(("cat %s %s > %s"):format(one, two, both))
    core.log.level "error"
    local out = assert(all(tcb.csv(both)))
    core.log.level "warn"
    assert.same({ "Café un", "Café" }, { out.records[1].dynamic_label_name, out.records[2].dynamic_label_name })
  end)

  it("that is cut off or damaged is an error", function()
    local name = compressed(file { HEADER, row() })
    local f = assert(io.open(name, "rb"))
    local bytes = f:read "*a"
    f:close()
    local _, err = all(tcb.csv(write(bytes:sub(1, -6), path())))
    assert.matches("cut off", err.message)
    _, err = all(tcb.csv(write(bytes:sub(1, 30) .. "xxxxxx" .. bytes:sub(37), path())))
    assert.matches("damaged", err.message)
    local reader = assert(require "tcb.zlib".reader(assert(core.reader.text "plain text")))
    _, err = reader:read()
    assert.matches("damaged", err.message)
    reader:close()
  end)
end)

describe("a pipe that is kept", function()
  local function pipe_of(text, lines_only)
    local fifo, from = path(), write(text)
    os.remove(fifo)
    os.execute("mkfifo " .. fifo)
    os.execute(("cat %s 2>/dev/null %s> %s 2>/dev/null &"):format(from, lines_only and "| head -c " .. lines_only .. " " or "", fifo))
    return tcb.csv(fifo)
  end

  local lines = rows.rows(2500)
  table.insert(lines, 1, HEADER)
  local text = file(lines)

  it("gives batches that can be made again", function()
    local kept, source, shape = path(), pipe_of(text), {}
    os.remove(kept)
    source:keep(kept)
    local out = assert(all(source, shape))
    assert.equal(2500, #out.records)
    for i = #out.batches, 1, -1 do assert.is_true(out.batches[i].text == assert(source:rebuild(shape, out.batches[i].spans)).body:string()) end
    source:close()
    local f = assert(io.open(kept, "rb"))
    assert.equal(text, f:read "*a")
    f:close()
    assert.matches("^%-rw%-%-%-%-%-%-%-", io.popen("ls -l " .. kept):read "*a")
  end)

  it("goes on when the same input comes once more, behind what was read", function()
    local kept, source = path(), pipe_of(text, 100000)
    os.remove(kept)
    source:keep(kept)
    local feed = assert(source:feed {})
    local first
    repeat
      first = feed:next(NOW)
      if not first then core.poll({ feed:fd() }, 0.01) end
    until first
    assert.is_true(feed:sync())
    feed:close()
    local again = pipe_of(text)
    again:keep(kept)
    local out = assert(all(again, {}, first.checkpoint))
    assert.equal(2000, #out.records)
    assert.equal(2502, out.batches[#out.batches].last_line + 1)
  end)

  it("says when another input comes, or less of it", function()
    local kept = path()
    write(text:sub(1, 100000), kept)
    local other = pipe_of((text:gsub("919800000007", "919800000008")))
    other:keep(kept)
    local _, err = all(other)
    assert.matches("not the one that was begun with", err.message)
    local short = pipe_of(text:sub(1, 50000))
    short:keep(kept)
    _, err = all(short)
    assert.matches("ends %d+ bytes before", err.message)
  end)

  it("cannot be kept where nothing can be written", function()
    local source = pipe_of(text)
    source:keep "/nonexistent/kept"
    local feed, err = source:feed {}
    assert.is_nil(feed)
    assert.equal("store", err.kind)
  end)

  it("keeps nothing of a file", function()
    local kept, source = path(), tcb.csv(write(text))
    os.remove(kept)
    source:keep(kept)
    assert(all(source))
    assert.is_nil(io.open(kept))
  end)
end)
