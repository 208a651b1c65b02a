local core = require "tcb.core"
local tcb = require "tcb"
local rows = require "support.rows"
local NOW, LABEL, HEADER, row, file, run = rows.NOW, rows.LABEL, rows.HEADER, rows.row, rows.file, rows.run
local codes = rows.codes

local function one(text, shape, opts)
  local out = assert(run(text, shape, opts))
  assert.same({}, codes(out))
  assert.equal(1, #out.records)
  return out.records[1]
end

describe("csv", function()
  it("reads rows into records", function()
    local r = one(file { HEADER, row() })
    assert.equal("911234567890", r.caller_number)
    assert.equal("919876543210", r.receiver_number)
    assert.equal(LABEL, r.label_id)
    assert.equal("Acme Deliveries", r.dynamic_label_name)
    assert.equal("Your parcel arrives today", r.dynamic_call_reason)
    assert.equal(NOW + 1000, r.starts_at)
    assert.equal(NOW + 3600000, r.ends_at)
  end)

  it("gives the same body for LF, CRLF, CR and no line end at the end", function()
    local want = run(file { HEADER, row(), row { receiver = "919876543211" } }).bodies[1]
    for _, newline in ipairs { "\r\n", "\r" } do
      assert.equal(want, run(file({ HEADER, row(), row { receiver = "919876543211" } }, newline)).bodies[1])
    end
    assert.equal(want, run(HEADER .. "\n" .. row() .. "\n" .. row { receiver = "919876543211" }).bodies[1])
    assert.equal(want, run("\239\187\191" .. file { HEADER, row(), row { receiver = "919876543211" } }).bodies[1])
  end)

  it("reads quoted cells: commas, doubled quotes, newlines, CRLF and CR inside", function()
    local r = one(file { HEADER, row { name = '"Smith, ""Jones"" & Co"', reason = '"First line\nsecond\r\nthird\rlast"' } })
    assert.equal('Smith, "Jones" & Co', r.dynamic_label_name)
    assert.equal("First line\nsecond\r\nthird\rlast", r.dynamic_call_reason)
  end)

  it("reads files with every cell quoted", function()
    local q = '"' .. row { delimiter = '","' } .. '"'
    assert.equal("919876543210", one(file { '"' .. HEADER:gsub(",", '","') .. '"', q }).receiver_number)
  end)

  it("takes a quote inside an unquoted cell as text", function()
    assert.equal('Hotel 5" star', one(file { HEADER, row { name = 'Hotel 5" star' } }).dynamic_label_name)
  end)

  it("takes columns in any order, with others between them", function()
    local r = one(file { "order_id,ends_at,starts_at,Label ID,receiver_number,note,CALLER_NUMBER",
      ("7,%d,%d,%s,919876543210,x,911234567890"):format(NOW + 2000, NOW + 1000, LABEL) })
    assert.equal("911234567890", r.caller_number)
    assert.equal(NOW + 2000, r.ends_at)
    assert.is_nil(r.dynamic_label_name)
  end)

  it("takes the v1 names as columns too", function()
    local r = one(file { "caller,receiver,label_id,label_name,call_reason,starts_at,ends_at", row() })
    assert.equal("Your parcel arrives today", r.dynamic_call_reason)
  end)

  it("recognises ; and TAB, and a spreadsheet's sep= line", function()
    for _, d in ipairs { ";", "\t" } do
      assert.equal("919876543210", one(file { (HEADER:gsub(",", d)), row { delimiter = d } }).receiver_number)
    end
    local out = run(file { "sep=;", (HEADER:gsub(",", ";")), row { delimiter = ";" }, row { receiver = "1", delimiter = ";" } })
    assert.equal(1, #out.records)
    assert.same({ "4 number" }, codes(out))
  end)

  it("skips empty lines and counts physical lines", function()
    local out = run(file { "", HEADER, "", row(), row { reason = '"two\nlines of text"', receiver = "919876543211" }, "",
      row { receiver = "12" }, row { receiver = "919876543212" } })
    assert.equal(3, #out.records)
    assert.same({ "8 number" }, codes(out))
    assert.equal(4, out.batches[1].first_line)
    assert.equal(9, out.batches[1].last_line)
  end)

  it("maps fields to columns", function()
    local r = one(file { "From,To,label_id,Why,starts_at,ends_at",
      ("911234567890,919876543210,%s,Your parcel today,%d,%d"):format(LABEL, NOW + 1, NOW + 2) },
      { map = { caller_number = "from", receiver_number = "To", dynamic_call_reason = "Why" } })
    assert.equal("Your parcel today", r.dynamic_call_reason)
    assert.equal("911234567890", r.caller_number)
  end)

  it("fills missing columns and empty cells from templates", function()
    local text = file { HEADER .. ",order_id,slot", row { reason = "" } .. ',A12,"10, or 11"', row { receiver = "919876543211" } .. ",B,C" }
    local out = assert(run(text, { set = { dynamic_call_reason = "Order {order_id} arrives {slot} {{today}" } }))
    assert.equal("Order A12 arrives 10, or 11 {today}", out.records[1].dynamic_call_reason)
    assert.equal("Your parcel arrives today", out.records[2].dynamic_call_reason)
    local r = one(file { "receiver_number,order_id", '919876543210,"a ""b"" c"' }, { set = { dynamic_call_reason = "Order {order_id} arrives" },
      label_id = LABEL, caller = "+91 1234567890", starts_at = NOW + 1000, ends_at = "2030-01-01T01:00:00Z" })
    assert.equal('Order a "b" c arrives', r.dynamic_call_reason)
    assert.equal("911234567890", r.caller_number)
    assert.equal(NOW + 3600000, r.ends_at)
    assert.equal(LABEL, r.label_id)
  end)

  it("does not let a default beat a cell", function()
    assert.equal("911234567890", one(file { HEADER, row() }, { caller = "910000000000" }).caller_number)
  end)

  it("says which column is missing, misnamed or named twice", function()
    local _, err = run(file { "receiver_number,label_id,starts_at,ends_at", "" })
    assert.equal("input", err.kind)
    assert.equal("caller_number", err.field)
    assert.matches("no column for caller_number", err.message)
    assert.matches("columns: receiver_number, label_id", err.message)
    _, err = run(file { HEADER, row() }, { map = { caller_number = "From" } })
    assert.matches("column 'From'", err.message)
    _, err = run(file { HEADER, row() }, { set = { dynamic_call_reason = "Order {order} arrives" } })
    assert.matches("column 'order'", err.message)
    _, err = run(file { HEADER, row() }, { set = { dynamic_call_reason = "Order {order arrives" } })
    assert.matches("without '}'", err.message)
    _, err = run(file { HEADER .. ",caller_number", row() .. ",1" })
    assert.matches("'caller_number' twice", err.message)
    _, err = run("")
    assert.matches("empty", err.message)
  end)

  it("raises on unknown options and fields", function()
    assert.has_error(function() run(file { HEADER }, { lable = "x" }) end)
    assert.has_error(function() run(file { HEADER }, { map = { reason = "x" } }) end)
    assert.has_error(function() run(file { HEADER }, { batch = 501 }) end)
    assert.has_error(function() tcb.csv(nil) end)
    assert.has_error(function() tcb.csv("x", { enc = "x" }) end)
  end)

  it("reads instants as epoch ms, ISO 8601, and local times of the zone given", function()
    local text = file { HEADER, row { starts = "2030-01-01T05:30:01+05:30", ends = "2030-01-01 06:30:00" } }
    local r = one(text, { zone = "Asia/Kolkata" })
    assert.equal(NOW + 1000, r.starts_at)
    assert.equal(NOW + 3600000, r.ends_at)
    assert.same({ "2 time" }, codes(run(text)))
    local _, err = run(text, { zone = "Mars/Olympus" })
    assert.equal("config", err.kind)
  end)

  it("completes national numbers with the country", function()
    local r = one(file { HEADER, row { receiver = "098765 43210", caller = "+91 1234567890" } }, { country = "91" })
    assert.equal("919876543210", r.receiver_number)
    assert.equal("911234567890", r.caller_number)
  end)

  it("writes v1 names when told so, and no + there", function()
    local body = run(file { HEADER, row() }, { dialect = "v1", plus = true }).bodies[1]
    assert.truthy(body:find('{"caller":"911234567890","receiver":"919876543210","label_id":"' .. LABEL ..
      '","label_name":"Acme Deliveries","call_reason":"Your', 1, true))
  end)
end)

describe("csv faults", function()
  local cases = {
    { "csv", "too few", (row():gsub(",[^,]*$", "")) },
    { "csv", "too many", row() .. ",x" },
    { "csv", "text after a quote", row { name = '"Acme"x' } },
    { "encoding", "not UTF-8", row { reason = "caf\233 au lait \226\130\172" } },
    { "missing", "no receiver", row { receiver = "" } },
    { "missing", "blank start", row { starts = "  " } },
    { "number", "letters", row { caller = "91ABC1234567" } },
    { "number", "spreadsheet", row { receiver = "9.19877E+11" } },
    { "label", "no UUID", row { label = "acme" } },
    { "length", "short name", row { name = "Öl" } },
    { "length", "long reason", row { reason = ("x"):rep(101) } },
    { "charset", "exclamation", row { reason = "Your parcel arrives!" } },
    { "edge", "full stop", row { reason = "Your parcel arrives." } },
    { "time", "seconds", row { starts = "1893456000" } },
    { "order", "backwards", row { ends = ("%d"):format(NOW + 1000) } },
    { "past", "over", row { starts = ("%d"):format(NOW - 2000), ends = ("%d"):format(NOW) } },
    { "window", "too long", row { ends = ("%d"):format(NOW + 86401001) } },
  }
  for _, case in ipairs(cases) do
    it("refuses " .. case[2] .. " as " .. case[1], function()
      local out = run(file { HEADER, row { receiver = "919800000001", name = "Café Déjà" }, case[3], row { receiver = "919800000002" } })
      assert.same({ "3 " .. case[1] }, codes(out))
      assert.equal(2, #out.records)
      assert.is_true(#out.faults[1].message > 10)
    end)
  end

  it("an unclosed quote costs its own row only", function()
    local out = run(file { HEADER, row { receiver = "919800000001" }, row { reason = '"Your parcel arrives' }, row { receiver = "919800000002" },
      row { receiver = "919800000003", name = '"Smith, Jones"' }, row { receiver = "919800000004" } })
    assert.same({ "3 csv" }, codes(out))
    assert.equal(4, #out.records)
    out = run(file { HEADER, row { receiver = "919800000001" }, row { reason = '"Your parcel arrives' }, row { receiver = "919800000002" } })
    assert.same({ "3 csv" }, codes(out))
    assert.equal(2, #out.records)
  end)

  it("gives the offset of each refused row", function()
    local text = file { HEADER, row(), row { receiver = "1" } }
    local out = run(text)
    assert.equal(row { receiver = "1" }, text:sub(out.faults[1].offset + 1, -2))
  end)

  it("reports refusals without end in bounded portions", function()
    local lines = { HEADER }
    for i = 1, 10000 do lines[i + 1] = row { receiver = "1" } end
    local out = run(file(lines))
    assert.equal(10000, #out.faults)
    assert.equal(0, #out.records)
  end)

  it("takes rows of nearly 1 MiB and refuses longer ones", function()
    local out = run(file { HEADER .. ",note", row() .. "," .. ("x"):rep(1000000), row { receiver = "919800000001" } .. ",y" })
    assert.equal(2, #out.records)
    out = run(file { HEADER .. ",note", row() .. "," .. ("x"):rep(1400000), row { receiver = "919800000001" } .. ",y" })
    assert.equal("csv", out.faults[1].code)
    assert.equal("919800000001", out.records[#out.records].receiver_number)
  end)
end)

describe("csv encodings", function()
  setup(function() core.log.level "error" end)
  teardown(function() core.log.level "warn" end)
  local text = file { HEADER, row { name = "Café Déjà" }, row { receiver = "919800000001" } }

  local function utf16(s, big)
    return (s:gsub("[%z\1-\127\194-\244][\128-\191]*", function(c)
      local a, b, d, e = c:byte(1, 4)
      local point = #c == 1 and a or #c == 2 and (a - 192) * 64 + b - 128 or #c == 3 and ((a - 224) * 64 + b - 128) * 64 + d - 128 or
        (((a - 240) * 64 + b - 128) * 64 + d - 128) * 64 + e - 128
      local function unit(u)
        local high, low = math.floor(u / 256), u % 256
        return big and string.char(high, low) or string.char(low, high)
      end
      if point < 65536 then return unit(point) end
      point = point - 65536
      return unit(55296 + math.floor(point / 1024)) .. unit(56320 + point % 1024)
    end))
  end
  local function latin(s) return (s:gsub("é", "\233"):gsub("à", "\224"):gsub("€", "\128")) end

  it("recognises UTF-16 by its mark or its zeros", function()
    local trucks = file { HEADER, row { name = "🚚 Café" } }
    for _, big in ipairs { false, true } do
      local mark = big and "\254\255" or "\255\254"
      for _, lead in ipairs { mark, "" } do
        local out = run(lead .. utf16(trucks, big))
        assert.equal("🚚 Café", out.records[1].dynamic_label_name)
        assert.equal(big and "UTF-16BE" or "UTF-16LE", out.encoding)
        assert.is_true(out.converted)
      end
    end
  end)

  it("recognises Windows-1252", function()
    local out = run(latin(text))
    assert.equal("Café Déjà", out.records[1].dynamic_label_name)
    assert.equal("Windows-1252", out.encoding)
    assert.equal("Preis 10 € heute", one(latin(file { HEADER, row { reason = "Preis 10 € heute" } })).dynamic_call_reason)
  end)

  it("recognises it late in a file too", function()
    local lines = rows.rows(5000)
    table.insert(lines, 1, HEADER)
    lines[#lines + 1] = row { name = "Café Déjà" }
    local out = run(latin(file(lines)))
    assert.equal("Café Déjà", out.records[#out.records].dynamic_label_name)
    assert.same({}, codes(out))
  end)

  it("refuses single broken rows of a UTF-8 file", function()
    local lines = rows.rows(20, { name = "Café Déjà" })
    table.insert(lines, 1, HEADER)
    lines[12] = latin(lines[12])
    local out = run(file(lines))
    assert.same({ "12 encoding" }, codes(out))
    assert.equal(19, #out.records)
  end)

  it("refuses what has no meaning in the encoding", function()
    assert.same({ "2 encoding" }, codes(run(file { HEADER, row { name = "Caf\233 \129" } })))
    local half = utf16(file { HEADER, row { name = "ABC \1 D" } }):gsub("\1%z", "\0\216")
    assert.same({ "2 encoding" }, codes(run("\255\254" .. half)))
  end)

  it("can be told the encoding", function()
    local out = run(file { HEADER, row { name = "Caf\195\169" } }, {}, { encoding = "windows-1252" })
    assert.equal("CafÃ©", out.records[1].dynamic_label_name)
  end)
end)

describe("csv batches", function()
  it("holds at most 500 records, and fewer when told so", function()
    local lines = rows.rows(1001)
    table.insert(lines, 1, HEADER)
    local out = run(file(lines))
    assert.same({ 500, 500, 1 }, { out.batches[1].count, out.batches[2].count, out.batches[3].count })
    assert.equal(1001, #out.records)
    assert.equal(11, #run(file(lines), { batch = 100 }).batches)
  end)

  it("sends a row whose match key is in the open batch with the next one", function()
    local out = run(file { HEADER, row(), row { receiver = "919800000001" }, row { reason = "Your second parcel" },
      row { receiver = "919800000002" } })
    assert.equal(2, #out.batches)
    assert.equal(3, out.batches[1].count)
    assert.equal("Your second parcel", out.records[4].dynamic_call_reason)
    assert.equal(4, out.batches[2].first_line)
  end)

  it("sends all of many equal rows, one a batch", function()
    local lines = { HEADER }
    for i = 1, 1200 do lines[i + 1] = row { reason = ("Your parcel %d today"):format(i) } end
    local out = run(file(lines))
    assert.equal(1200, #out.records)
    assert.equal(1200, #out.batches)
    local seen = {}
    for _, r in ipairs(out.records) do seen[r.dynamic_call_reason] = true end
    for i = 1, 1200 do assert.is_true(seen[("Your parcel %d today"):format(i)]) end
  end)

  it("tells windows and lines of a batch", function()
    local b = run(file { HEADER, row(), row { starts = ("%d"):format(NOW + 5), ends = ("%d"):format(NOW + 7200000) } }).batches[1]
    assert.equal(NOW + 5, b.min_starts_at)
    assert.equal(NOW + 1000, b.max_starts_at)
    assert.equal(NOW + 3600000, b.min_ends_at)
    assert.equal(NOW + 7200000, b.max_ends_at)
    assert.same({ 2, 3, NOW }, { b.first_line, b.last_line, b.now })
  end)

  it("leaves excluded receivers out", function()
    local path = os.tmpname()
    local f = assert(io.open(path, "w"))
    f:write("number\n+91 98000-00001\n\n919800000003,asked on Monday\n")
    f:close()
    local out = run(file { HEADER, row(), row { receiver = "919800000001" }, row { receiver = "919800000003" } }, { exclude = path })
    assert.equal(1, #out.records)
    assert.equal(2, out.excluded)
    f = assert(io.open(path, "w"))
    f:write("919800000001\nnobody\n")
    f:close()
    local _, err = run(file { HEADER, row() }, { exclude = path })
    assert.equal(path .. ":2", err.place)
    os.remove(path)
    _, err = run(file { HEADER, row() }, { exclude = path })
    assert.equal("input", err.kind)
  end)
end)
