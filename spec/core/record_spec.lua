local core = require "tcb.core"
local cjson = require "cjson"

local NOW = 1893456000000
local LABEL = "0c7d1f6e-0281-4f86-bb27-745254543456"

local function record(changes)
  local r = { caller_number = "911234567890", receiver_number = "919876543210", label_id = LABEL, dynamic_label_name = "Acme Deliveries",
    dynamic_call_reason = "Your parcel arrives today", starts_at = NOW + 1000, ends_at = NOW + 3600000 }
  for k, v in pairs(changes or {}) do
    if v == false then r[k] = nil else r[k] = v end
  end
  return r
end

local function check(changes, opts)
  opts = opts or {}
  opts.now = opts.now or NOW
  return core.record.check(record(changes), opts)
end

local function fault(changes, opts)
  local ok, err = check(changes, opts)
  assert.is_nil(ok)
  assert.equal("input", err.kind)
  return err.slug, err.field, err.message
end

local function refused(code, field, changes, opts)
  local slug, at = fault(changes, opts)
  assert.equal(code, slug)
  assert.equal(field, at)
end

describe("record.check", function()
  it("accepts a good record and gives it as it would be sent", function()
    local r = assert(check { caller_number = "+91 12345-67890" })
    assert.same(record(), r)
  end)

  it("needs every required field", function()
    for _, name in ipairs { "caller_number", "receiver_number", "label_id", "starts_at", "ends_at" } do
      refused("missing", name, { [name] = false })
    end
    for _, name in ipairs { "caller_number", "receiver_number", "label_id" } do
      refused("missing", name, { [name] = "" })
      refused("missing", name, { [name] = "  " })
    end
  end)

  it("does not need name and reason, nor the label when told so", function()
    assert(check { dynamic_label_name = false, dynamic_call_reason = false })
    assert(check({ label_id = false }, { label_optional = true }))
    assert.equal(LABEL, check({ label_id = false }, { label_id = LABEL }).label_id)
  end)

  it("checks numbers", function()
    refused("number", "caller_number", { caller_number = "1234567" })
    refused("number", "receiver_number", { receiver_number = "1234567890123456" })
    refused("number", "receiver_number", { receiver_number = "9.19877E+11" })
    assert.equal("919876543210", check({ receiver_number = "098765 43210" }, { country = "91" }).receiver_number)
  end)

  it("checks that the label is a UUID", function()
    for _, id in ipairs { "acme", LABEL .. "0", LABEL:sub(1, 35), LABEL:gsub("-", "_"), (LABEL:gsub("c", "g")) } do
      refused("label", "label_id", { label_id = id })
    end
    assert(check { label_id = LABEL:upper() })
  end)

  it("counts the name's code points: 3 to 40", function()
    assert(check { dynamic_label_name = "ABC" })
    assert(check { dynamic_label_name = ("ß"):rep(40) })
    assert(check { dynamic_label_name = ("🚚"):rep(3) })
    refused("length", "dynamic_label_name", { dynamic_label_name = "Öl" })
    refused("length", "dynamic_label_name", { dynamic_label_name = ("x"):rep(41) })
    refused("length", "dynamic_label_name", { dynamic_label_name = ("ß"):rep(41) })
    assert.matches("has 2 characters; 3 to 40", select(3, fault { dynamic_label_name = "Öl" }))
  end)

  it("has no character rule for names", function()
    assert(check { dynamic_label_name = "- Smith & Co. (!) " })
  end)

  it("counts the reason's code points: 10 to 100", function()
    assert(check { dynamic_call_reason = "exactly 10" })
    assert(check { dynamic_call_reason = ("é"):rep(100) })
    refused("length", "dynamic_call_reason", { dynamic_call_reason = "too small" })
    refused("length", "dynamic_call_reason", { dynamic_call_reason = ("é"):rep(9) })
    refused("length", "dynamic_call_reason", { dynamic_call_reason = ("é"):rep(101) })
  end)

  it("refuses each forbidden character in a reason", function()
    for c in ("!@#$%^&*()_+/"):gmatch "." do
      refused("charset", "dynamic_call_reason", { dynamic_call_reason = "Your parcel " .. c .. " today" })
      refused("charset", "dynamic_call_reason", { dynamic_call_reason = c .. "Your parcel today" })
    end
    assert(check { dynamic_call_reason = "Order 12: \"fast\" 'n' <easy>; = ~`?{}[]|\\ ok" })
  end)

  it("refuses full stop, comma, hyphen and space at a reason's edges", function()
    for c in (".,- "):gmatch "." do
      refused("edge", "dynamic_call_reason", { dynamic_call_reason = c .. "Your parcel today" })
      refused("edge", "dynamic_call_reason", { dynamic_call_reason = "Your parcel today" .. c })
      assert(check { dynamic_call_reason = "Your parcel" .. c .. "arrives today" })
    end
  end)

  it("refuses text that is not UTF-8", function()
    for _, bad in ipairs { "caf\233 au lait ok", "\192\175 overlong text", "\237\160\128 surrogate ok", "\244\144\128\128 beyond all",
      "cut short here \226\130" } do
      refused("encoding", "dynamic_call_reason", { dynamic_call_reason = bad })
      refused("encoding", "dynamic_label_name", { dynamic_label_name = bad })
    end
  end)

  it("checks instants and the window", function()
    refused("time", "starts_at", { starts_at = 1893456000 })
    refused("time", "starts_at", { starts_at = -1 })
    refused("time", "ends_at", { ends_at = 1893456000000000 })
    assert.matches("looks like seconds", select(3, fault { starts_at = 1893456000 }))
    refused("order", "ends_at", { ends_at = NOW + 1000 })
    refused("order", "ends_at", { ends_at = NOW + 999 })
    refused("window", "ends_at", { ends_at = NOW + 1000 + 86400001 })
    assert(check { ends_at = NOW + 1000 + 86400000 })
    refused("past", "ends_at", { starts_at = NOW - 3600000, ends_at = NOW })
    assert(check { starts_at = NOW - 3600000, ends_at = NOW + 1 })
    assert(check({ starts_at = NOW - 7200000, ends_at = NOW - 3600000 }, { past = true }))
  end)

  it("reports the first fault in the table's order", function()
    refused("number", "caller_number", { caller_number = "1", dynamic_call_reason = "!", ends_at = 1 })
    refused("order", "ends_at", { starts_at = NOW - 1000, ends_at = NOW - 2000 })
  end)

  it("raises on wrong types, unknown options and the other dialect's names", function()
    assert.has_error(function() check { caller_number = 911234567890 } end)
    assert.has_error(function() check { starts_at = tostring(NOW + 1000) } end)
    assert.has_error(function() check { starts_at = NOW + 0.5 } end)
    assert.has_error(function() check({}, { countri = "91" }) end)
    assert.has_error(function() check { call_reason = "Your parcel today" } end, nil)
    assert.has_error(function() core.record.check "text" end)
    assert(check { order_id = 12 })
  end)

  it("speaks v1 by data", function()
    local r = { caller = "911234567890", receiver = "+919876543210", label_id = LABEL, label_name = "Acme", call_reason = "Your parcel today",
      starts_at = NOW + 1, ends_at = NOW + 2 }
    local out = assert(core.record.check(r, { dialect = "v1", now = NOW }))
    assert.equal("919876543210", out.receiver)
    r.label_name = "A"
    local _, err = core.record.check(r, { dialect = "v1", now = NOW })
    assert.equal("label_name", err.field)
  end)
end)

describe("record.encode", function()
  it("writes a batch in the table's order, numbers as digits", function()
    local body = assert(core.record.encode({ record { caller_number = "+911234567890" } }, { now = NOW })):string()
    assert.equal('{"call_records":[{"caller_number":"911234567890","receiver_number":"919876543210","label_id":"' .. LABEL ..
      '","dynamic_label_name":"Acme Deliveries","dynamic_call_reason":"Your parcel arrives today","starts_at":1893456001000,' ..
      '"ends_at":1893459600000}]}', body)
  end)

  it("writes one bare record for the real-time call", function()
    local one = assert(core.record.encode_one(record { dynamic_label_name = false, dynamic_call_reason = false }, { now = NOW, plus = true }))
    assert.equal('{"caller_number":"+911234567890","receiver_number":"+919876543210","label_id":"' .. LABEL ..
      '","starts_at":1893456001000,"ends_at":1893459600000}', one)
  end)

  it("escapes what JSON needs escaped, and nothing else", function()
    local text = 'a "b" \\ c\n\r\t\b\f\1\31\127 é 🚚 line'
    local one = assert(core.record.encode_one(record { dynamic_call_reason = text }, { now = NOW }))
    assert.equal(text, cjson.decode(one).dynamic_call_reason)
    assert.truthy(one:find([[a \"b\" \\ c\n\r\t\b\f\u0001\u001f]] .. "\127 é 🚚 line", 1, true))
  end)

  it("names the record and field at fault", function()
    local _, err = core.record.encode({ record(), record { starts_at = NOW + 5, receiver_number = "12" } }, { now = NOW })
    assert.equal("input", err.kind)
    assert.equal(2, err.index)
    assert.equal("receiver_number", err.field)
    assert.matches('^record 2: receiver_number "12" is too short', err.message)
  end)

  it("refuses two records with one match key", function()
    local _, err = core.record.encode({ record(), record { starts_at = NOW + 5 }, record { dynamic_call_reason = false } }, { now = NOW })
    assert.equal("duplicate", err.slug)
    assert.equal(3, err.index)
  end)

  it("raises on no records and on more than 500", function()
    assert.has_error(function() core.record.encode({}, { now = NOW }) end)
    local many = {}
    for i = 1, 501 do many[i] = record { starts_at = NOW + i } end
    assert.has_error(function() core.record.encode(many, { now = NOW }) end)
    many[501] = nil
    assert.equal(500, #cjson.decode(assert(core.record.encode(many, { now = NOW })):string()).call_records)
  end)
end)

describe("record.hash", function()
  it("depends on numbers, window and label alone", function()
    local h = core.record.hash(record(), { now = NOW })
    assert.equal(8, #h)
    assert.equal(h, core.record.hash(record { caller_number = "+91 1234567890", dynamic_call_reason = false, label_id = LABEL:upper() },
      { now = NOW }))
    for k, v in pairs { caller_number = "911234567891", receiver_number = "919876543211", label_id = (LABEL:gsub("0c", "0d")),
      starts_at = NOW + 1001, ends_at = NOW + 3600001 } do
      assert.not_equal(h, core.record.hash(record { [k] = v }, { now = NOW }))
    end
  end)
end)

describe("record.rules", function()
  it("describes each field for the documentation", function()
    local rules = core.record.rules()
    assert.equal(7, #rules)
    assert.same({ "caller_number", "receiver_number", "label_id", "dynamic_label_name", "dynamic_call_reason", "starts_at", "ends_at" },
      (function() local names = {} for i, r in ipairs(rules) do names[i] = r.name end return names end)())
    assert.equal("call_reason", rules[5].v1)
    assert.equal(10, rules[5].min)
    assert.equal(100, rules[5].max)
    assert.equal("!@#$%^&*()_+/", rules[5].forbidden)
  end)
end)
