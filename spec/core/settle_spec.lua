local core = require "tcb.core"
local luas = require "support.luas"

local LABEL = "11111111-2222-4333-8444-555555555555"

local function record(n)
  return { caller = "911234567890", receiver = ("9198765%05d"):format(n), starts_at = 1893456000000 + n, ends_at = 1893459600000 }
end

local function hashes_of(records)
  local out = {}
  for i, r in ipairs(records) do
    out[i] = core.outcome.hash(table.concat({ r.caller, r.receiver, ("%d"):format(r.starts_at), ("%d"):format(r.ends_at), LABEL }, "|"))
  end
  return table.concat(out)
end

local function uuid(n) return ("%08x-0281-4f86-bb27-745254543456"):format(n) end

local function row(n, r, status, message, form)
  local info = ('{"status":"%s"%s}'):format(status, message and (',"message":"%s"'):format(message) or "")
  return ((form or '{"id":"@ID","caller_number":"@C","receiver_number":"@R","label_id":"@L","dynamic_label_name":"Acme \\"x\\" \\\\",' ..
    '"dynamic_call_reason":"ü","starts_at":@S,"ends_at":@E,"status_info":@I,"created_at":"2030-01-01T00:00:00Z"}')
    :gsub("@(%u+)", { ID = uuid(n), C = r.caller, R = r.receiver, L = LABEL, S = ("%d"):format(r.starts_at), E = ("%d"):format(r.ends_at), I = info }))
end

local function document(rows)
  return '{"client_account_id":"c","batch_id":"b-1","data":[' .. table.concat(rows, ",") .. "]}"
end

local function records(n)
  local list = {}
  for i = 1, n do list[i] = record(i) end
  return list
end

local function settle(list, doc, batch_id)
  local s = core.settle()
  assert(s:begin(hashes_of(list)))
  local ok, odd = assert(s:scan(doc, batch_id))
  assert.is_true(ok)
  local counts = s:finish()
  local codes, ids, marks, notes = s:results()
  local buffer, more = core.buf "x", core.buf()
  assert.same({ marks, notes }, { s:results(buffer, more) })
  assert.equal(codes .. ids, buffer:string() .. more:string())
  return { counts = counts, codes = { codes:byte(1, -1) }, ids = ids, marks = marks, notes = notes and core.outcome.notes(notes), odd = odd, s = s }
end

describe("settle", function()
  it("reads on behind a member that is null", function()
    local list = records(2)
    local form = '{"id":"@ID","dynamic_label_name":null,"field":null,"caller_number":"@C","receiver_number":"@R","label_id":"@L","starts_at":@S,' ..
      '"ends_at":@E,"status_info":{"field":null,"message":"Not a Truecaller user","status":"error"},"created_at":null}'
    local got = settle(list, document{ row(1, list[1], "", nil, form), row(2, list[2], "success") })
    assert.same({ 16, 1 }, got.codes)
    assert.same({ 0, "Not a Truecaller user", "" }, { got.s:fresh() })
    assert.equal(uuid(1), core.outcome.id(got.ids, 1))
    assert.is_nil(got.odd)
  end)

  it("matches rows in the order sent, with their ids and reasons", function()
    local list = records(3)
    local got = settle(list, document{ row(1, list[1], "success"), row(2, list[2], "error", "Not a Truecaller user"), row(3, list[3], "success") }, "b-1")
    assert.same({ 1, 16, 1 }, got.codes)
    assert.equal(uuid(2), core.outcome.id(got.ids, 2))
    assert.same({ 0, "Not a Truecaller user", "" }, { got.s:fresh() })
    assert.is_nil(got.s:fresh())
    assert.same({ rows = 3, changed = 3, open = 0, missing = 0, grouped = 0, extra = 0, duplicates = 0 }, got.counts)
    assert.is_nil(got.odd)
    assert.is_nil(got.notes)
  end)

  it("matches in any order, with a plus, twice, and says what is extra and missing", function()
    local list = records(5)
    local plus = { caller = "+" .. list[4].caller, receiver = "+" .. list[4].receiver, starts_at = list[4].starts_at, ends_at = list[4].ends_at }
    local got = settle(list, document{ row(4, plus, "success"), row(1, list[1], "success"), row(1, list[1], "success"), row(9, record(9), "success"),
      row(3, list[3], "pending") })
    assert.same({ 1, 0, 0, 1, 0 }, got.codes)
    assert.same({ rows = 5, changed = 2, open = 3, missing = 2, grouped = 0, extra = 1, duplicates = 1 }, got.counts)
    assert.equal("x", got.notes[1].kind)
    assert.is_nil(got.notes[1].record)
  end)

  it("reads other orders, spaces, v1 names, the bare array and escapes without a decoder", function()
    local list = records(4)
    local forms = {
      '{ "receiver_number" : "@R", "caller_number": "@C", "ends_at": @E, "starts_at": @S, "label_id": "@L", "status_info": @I, "id": "@ID", "more": [{"a": null}] }',
      '{"id":"@ID","client_account_id":"c","batch_id":"b","caller":"@C","receiver":"@R","label_id":"@L","starts_at":@S,"ends_at":@E,"status":"success"}',
    }
    local got = settle(list, document{ row(1, list[1], "error", 'say \\"no\\" \\u00fc', forms[1]), row(2, list[2], "success", nil, forms[2]) })
    assert.same({ 16, 1, 0, 0 }, got.codes)
    assert.same({ 0, 'say "no" ü', "" }, { got.s:fresh() })
    assert.is_nil(got.odd)
    got = settle(list, " [" .. row(2, list[2], "success", nil, forms[2]) .. "] ")
    assert.same({ 0, 1, 0, 0 }, got.codes)
  end)

  it("leaves rows that it does not understand to a decoder, and takes them back decoded", function()
    local list = records(2)
    local odd = '{"id":"@ID","caller_number":"@C","receiver_number":"@R","label_id":"@L","starts_at":1.893456000002e12,"ends_at":@E,"status_info":@I}'
    local doc = document{ row(1, list[1], "success"), row(2, list[2], "error", "x\\\\y", odd) }
    local s = core.settle()
    s:begin(hashes_of(list))
    local _, places = assert(s:scan(doc))
    assert.equal(2, #places)
    local text = doc:sub(places[1] + 1, places[1] + places[2])
    assert.equal('{"id":"' .. uuid(2), text:sub(1, 43))
    assert(s:take({ id = uuid(2), caller_number = list[2].caller, receiver_number = list[2].receiver, label_id = LABEL, starts_at = list[2].starts_at,
      ends_at = list[2].ends_at, status = "error", message = "x\\y" }, text))
    assert.equal(0, s:finish().open)
    assert.same({ 0, "x\\y", "" }, { s:fresh() })
  end)

  it("gives masked rows to the records left over, and says when only their number is right", function()
    local list = records(4)
    local masked = { caller = list[1].caller, receiver = "91******7890", starts_at = 1, ends_at = 2 }
    local got = settle(list, document{ row(1, list[2], "success"), row(2, masked, "success"), row(3, masked, "success") })
    assert.same({ 1, 1, 1, 0 }, got.codes)
    assert.same({ core.outcome.GROUP, 0, core.outcome.GROUP, 0 }, { got.marks:byte(1, -1) })
    assert.equal(2, got.counts.grouped)
    got = settle(list, document{ row(2, masked, "success"), row(3, masked, "error", "OS not supported"), row(4, masked, "pending") })
    assert.same({ 1, 16, 0, 0 }, got.codes)
    assert.equal(core.outcome.GROUP + core.outcome.MIXED, (got.marks:byte(1)))
    -- The next document gives the group anew: still one record for each row.
    local codes, ids, marks, notes = got.s:results()
    got.s:begin(hashes_of(list), codes, ids, marks, notes)
    got.s:scan(document{ row(4, masked, "success"), row(3, masked, "error", "OS not supported"), row(2, masked, "success"), row(5, masked, "success") })
    assert.equal(2, got.s:finish().changed)
    local tally = core.outcome.tally():add((got.s:results()))
    assert.same({ [1] = 3, [16] = 1 }, (tally:counts()))
  end)

  it("keeps what earlier documents said", function()
    local list = records(2)
    local s = core.settle()
    s:begin(hashes_of(list))
    s:scan(document{ row(1, list[1], "error", "OS not supported") })
    s:finish()
    local codes, ids, marks, notes = s:results()
    s:begin(hashes_of(list), codes, ids, marks, notes)
    s:scan(document{ row(7, list[1], "success"), row(2, list[2], "success") })
    assert.same({ rows = 2, changed = 1, open = 0, missing = 0, grouped = 0, extra = 0, duplicates = 0 }, s:finish())
    codes, ids = s:results()
    assert.same({ 16, 1 }, { codes:byte(1, -1) })
    assert.equal(uuid(1), core.outcome.id(ids, 1))
  end)

  it("notes reasons beyond the table, and ids that are no UUID", function()
    local list = records(400)
    local rows = {}
    for i, r in ipairs(list) do rows[i] = (row(i, r, "error", "reason " .. i):gsub('"id":"[^"]*"', i == 7 and '"id":"R-7"' or "%0")) end
    local got = settle(list, document(rows))
    assert.equal(0, got.counts.open)
    local last, id
    for _, note in ipairs(got.notes) do
      if note.kind == "r" and note.record == 400 then last = note.text end
      if note.kind == "i" then id = note end
    end
    assert.equal("reason 400", last)
    assert.same({ kind = "i", record = 7, text = "R-7" }, id)
    assert.is_nil(core.outcome.id(got.ids, 7))
    assert.equal(core.outcome.NOTED, got.codes[400])
  end)

  it("refuses what is no whole status document, at every length", function()
    local list = records(2)
    local doc = document{ row(1, list[1], "success"), row(2, list[2], "error", "OS not supported") }
    for cut = 0, #doc - 1 do
      local s = core.settle()
      s:begin(hashes_of(list))
      local ok, err = s:scan(doc:sub(1, cut))
      assert.is_nil(ok)
      assert.equal("proto", err.kind)
      s:close()
    end
    for _, text in ipairs{ "", "<html>", "{}", '{"data":7}', "null", doc .. "x", '{"data":[1}' } do
      local s = core.settle()
      s:begin(hashes_of(list))
      local ok, err = s:scan(text)
      assert.is_nil(ok, text)
      assert.equal("proto", err.kind)
    end
    local s = core.settle()
    s:begin(hashes_of(list))
    local _, err = s:scan(doc, "b-2")
    assert.truthy(err.message:find("another batch", 1, true))
    s:begin(hashes_of(list))
    assert.is_true((s:scan('{"batch_id":"b-2","data":null}', "b-2")))
    assert.equal(2, s:finish().missing)
  end)

  it("never reads past a damaged document", function()
    local list = records(3)
    local doc = document{ row(1, list[1], "success"), row(2, list[2], "error", "OS not supported"), row(3, list[3], "pending") }
    local seed = 7
    local s = core.settle()
    for _ = 1, 3000 do
      local bytes = { doc:byte(1, -1) }
      for _ = 1, 3 do
        seed = (seed * 16807) % 2147483647
        bytes[seed % #bytes + 1] = ({ 34, 92, 123, 125, 91, 93, 44, 0, 255 })[seed % 9 + 1]
      end
      s:begin(hashes_of(list))
      s:scan(string.char(luas.unpack(bytes)))
      s:finish()
    end
    s:close()
    s:close()
    assert.equal("tcb.settle (closed)", tostring(s))
  end)
end)
