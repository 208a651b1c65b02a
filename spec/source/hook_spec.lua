local core = require "tcb.core"
local cjson = require "cjson"
local feeds = require "tcb.source.feed"
local rows = require "support.rows"
local NOW, LABEL, HEADER, row, file = rows.NOW, rows.LABEL, rows.HEADER, rows.row, rows.file

local function open(lines, each, shape)
  local reader = assert(core.reader.decode(assert(core.reader.text(file(lines)))))
  local feed = assert(feeds.open(reader, shape or {}))
  feed:each(each)
  return feed
end

local function run(lines, each, shape)
  local feed = open(lines, each, shape)
  local out = { records = {}, faults = {}, batches = {}, dropped = 0, split = 0, refused = 0 }
  while true do
    local b, why, rest = feed:next(NOW)
    local part = b or rest
    assert(part, why)
    for line, _, code, field in core.refusals(part.refused) do out.faults[#out.faults + 1] = line .. " " .. code .. " " .. tostring(field) end
    out.dropped, out.split, out.refused = out.dropped + part.dropped, out.split + part.split, out.refused + part.refused_count
    if b then
      out.batches[#out.batches + 1] = b
      for _, r in ipairs(cjson.decode(b.body:string()).call_records) do out.records[#out.records + 1] = r end
      feed:release(b)
    elseif why == "end" then break end
  end
  feed:close()
  return out
end

describe("hook", function()
  it("sees fields, other columns and the line", function()
    local seen = {}
    run({ HEADER .. ",order_id,Note 2", row { caller = "+91 1234567890" } .. ',A7,"say ""hi"""' }, function(r)
      seen = { r.caller_number, r.receiver_number, r.label_id, r.dynamic_label_name, r.dynamic_call_reason, r.starts_at, r.ends_at, r.order_id,
        r["note 2"], r.line, tostring(r.nothing) }
    end)
    assert.same({ "911234567890", "919876543210", LABEL, "Acme Deliveries", "Your parcel arrives today", NOW + 1000, NOW + 3600000, "A7", 'say "hi"',
      2, "nil" }, seen)
  end)

  it("keeps a row on nil, true and the row itself; what was set counts", function()
    for _, result in ipairs { "nil", "true", "row" } do
      local out = run({ HEADER, row() }, function(r)
        r.dynamic_call_reason = "For " .. r.receiver_number:sub(-4) .. ": " .. r.dynamic_call_reason
        r.dynamic_label_name = nil
        r.starts_at = r.starts_at + 1
        if result == "true" then return true elseif result == "row" then return r end
      end)
      assert.equal("For 3210: Your parcel arrives today", out.records[1].dynamic_call_reason)
      assert.is_nil(out.records[1].dynamic_label_name)
      assert.equal(NOW + 1001, out.records[1].starts_at)
      assert.is_true(out.batches[1].keep)
    end
  end)

  it("reads back what it set, for this row only", function()
    local got = {}
    run({ HEADER, row(), row { receiver = "919800000001" } }, function(r)
      got[#got + 1] = r.dynamic_label_name
      r.dynamic_label_name = "Other name"
      got[#got + 1] = r.dynamic_label_name
    end)
    assert.same({ "Acme Deliveries", "Other name", "Acme Deliveries", "Other name" }, got)
  end)

  it("drops on false and on an empty table", function()
    local n = 0
    local out = run({ HEADER, row(), row { receiver = "919800000001" }, row { receiver = "919800000002" } }, function()
      n = n + 1
      if n == 1 then return false elseif n == 2 then return {} end
    end)
    assert.equal(1, #out.records)
    assert.equal(2, out.dropped)
    assert.equal("919800000002", out.records[1].receiver_number)
  end)

  it("replaces with a table, and splits with a list", function()
    local out = run({ HEADER, row(), row { receiver = "919800000001" } }, function(r)
      if r.line == 2 then return { r, r:table { starts_at = r.starts_at + 10 }, r:table { starts_at = r.starts_at + 20 } } end
      return { caller_number = r.caller_number, receiver_number = "+91 98000 00009", label_id = r.label_id, starts_at = r.starts_at, ends_at = r.ends_at }
    end)
    assert.equal(4, #out.records)
    assert.equal(2, out.split)
    assert.same({ NOW + 1000, NOW + 1010, NOW + 1020 }, { out.records[1].starts_at, out.records[2].starts_at, out.records[3].starts_at })
    assert.equal("919800000009", out.records[4].receiver_number)
    assert.is_nil(out.records[4].dynamic_call_reason)
    local lines = {}
    for _, s in ipairs(core.spans.list(out.batches[1].spans)) do for _ = 1, s.records do lines[#lines + 1] = s.line end end
    assert.same({ 2, 2, 2 }, { lines[1], lines[2], lines[3] })
  end)

  it("checks again what comes out", function()
    local out = run({ HEADER, row(), row { receiver = "919800000001" } }, function(r)
      if r.line == 2 then r.dynamic_call_reason = "No!" else return { r, r:table { receiver_number = "12" } } end
    end)
    assert.same({ "2 length dynamic_call_reason", "3 number receiver_number" }, out.faults)
    assert.equal(1, #out.records)
    assert.equal(1, out.split)
  end)

  it("does not see rows that break a rule", function()
    local n = 0
    local out = run({ HEADER, row { receiver = "1" }, row() }, function() n = n + 1 end)
    assert.equal(1, n)
    assert.same({ "2 number receiver_number" }, out.faults)
  end)

  it("keeps equal keys out of one batch, and batches at their size", function()
    local out = run({ HEADER, row() }, function(r) return { r, r } end)
    assert.same({ 1, 1 }, { out.batches[1].count, out.batches[2].count })
    out = run({ HEADER, row() }, function(r)
      local list = {}
      for i = 1, 1201 do list[i] = r:table { starts_at = r.starts_at + i } end
      return list
    end)
    assert.equal(1201, #out.records)
    assert.same({ 500, 500, 201 }, { out.batches[1].count, out.batches[2].count, out.batches[3].count })
    assert.equal(1200, out.split)
  end)

  it("goes on behind a checkpoint with what was waiting", function()
    local lines = { HEADER, row(), row { receiver = "919800000001" }, row { receiver = "919800000002" } }
    local function each(r) return { r, r:table { dynamic_call_reason = "The second record" } } end
    local feed = open(lines, each, { batch = 2 })
    local first = assert(feed:next(NOW))
    local rest = {}
    for b in function() return feed:next(NOW) end do rest[#rest + 1] = b.body:string() feed:release(b) end
    feed:close()
    local reader = assert(core.reader.decode(assert(core.reader.text(file(lines)))))
    feed = assert(feeds.open(reader, { batch = 2 }, { checkpoint = first.checkpoint }))
    feed:each(each)
    local again = {}
    for b in function() return feed:next(NOW) end do again[#again + 1] = b.body:string() feed:release(b) end
    feed:close()
    assert.same(rest, again)
    assert.is_true(#rest >= 3)
  end)

  it("may yield, and its errors come through", function()
    local feed = open({ HEADER, row() }, function(r)
      coroutine.yield(r.receiver_number)
    end)
    local co = coroutine.create(function() return feed:next(NOW) end)
    assert.equal("919876543210", select(2, coroutine.resume(co)))
    assert.equal(1, select(2, coroutine.resume(co)).count)
    feed:close()
    feed = open({ HEADER, row() }, function() error { mine = true } end)
    local ok, err = pcall(feed.next, feed, NOW)
    assert.is_false(ok)
    assert.is_true(err.mine)
    feed:close()
  end)

  it("raises on mistakes", function()
    local kept
    local function with(each)
      local feed = open({ HEADER, row() }, each)
      local ok, err = pcall(feed.next, feed, NOW)
      feed:close()
      return not ok and tostring(err) or "no error"
    end
    assert.matches("starts_at", with(function(r) r.starts_at = "tomorrow" end))
    assert.matches("no field 'reason'", with(function(r) r.reason = "x" end))
    assert.matches("gave a number", with(function() return 1 end))
    assert.matches("call_reason", with(function(r) return { call_reason = "x", caller_number = r.caller_number } end))
    with(function(r) kept = r end)
    assert.has_error(function() return kept.line end)
    assert.equal("tcb.row", tostring(kept))
  end)
end)
