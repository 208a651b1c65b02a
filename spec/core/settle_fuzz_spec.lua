-- The scan of a status document and a full decoder agree, whatever a row looks like.
local core = require "tcb.core"
local reconcile = require "tcb.campaign.reconcile"

local LABEL = "11111111-2222-4333-8444-555555555555"
local RECORDS, DOCUMENTS = 6, 3000

local seed = 20301
local function random(n)                                    -- 1..n, the same on every Lua
  seed = (seed * 16807) % 2147483647
  return seed % n + 1
end

local function pick(list) return list[random(#list)] end

local function record(n)
  return { caller = "911234567890", receiver = ("9198765%05d"):format(n), starts_at = 1893456000000 + n, ends_at = 1893459600000 }
end

local function hashes()
  local out = {}
  for i = 1, RECORDS do
    local r = record(i)
    out[i] = core.outcome.hash(table.concat({ r.caller, r.receiver, ("%d"):format(r.starts_at), ("%d"):format(r.ends_at), LABEL }, "|"))
  end
  return table.concat(out)
end

local function quoted(text)
  local how = random(12)
  if how == 1 then return "null" end
  if how == 2 then return '"\\u00' .. ("%02x"):format(text:byte()) .. text:sub(2) .. '"' end
  return '"' .. text .. '"'
end

local function shuffled(list)
  for i = #list, 2, -1 do
    local k = random(i)
    list[i], list[k] = list[k], list[i]
  end
  return list
end

local function object(members)
  local space = pick{ "", "", " ", "\n  " }
  local out = {}
  for i, m in ipairs(members) do out[i] = ('"%s"%s:%s%s'):format(m[1], space, space, m[2]) end
  return "{" .. space .. table.concat(out, space .. "," .. space) .. space .. "}"
end

local function info(n)
  local members = { { "status", quoted(pick{ "success", "error", "pending", "odd" }) } }
  if random(2) == 1 then members[#members + 1] = { "message", quoted(pick{ "Invalid input", "Not a Truecaller user", 'say \\"no\\"', "" .. n }) } end
  if random(3) == 1 then members[#members + 1] = { "field", quoted "receiver_number" } end
  if random(4) == 1 then members[#members + 1] = { "id", '"not the record\'s"' } end
  return shuffled(members)
end

local function row(n)
  local r = record(n)
  local v1 = random(4) == 1
  local plus = random(5) == 1 and "+" or ""
  local members = {
    { "id", quoted(("%08x-0281-4f86-bb27-745254543456"):format(random(1000))) },
    { v1 and "caller" or "caller_number", '"' .. plus .. r.caller .. '"' },
    { v1 and "receiver" or "receiver_number", quoted(plus .. r.receiver) }, { "label_id", quoted(LABEL) },
    { "starts_at", pick{ "%d", "%d", "%d", '"%d"', "%d.0" }:format(r.starts_at) }, { "ends_at", ("%d"):format(r.ends_at) },
    { "more", pick{ "null", "true", '[{"status":"error"}]', '{"status":"error","message":"inner"}', "-1.5e3" } },
  }
  if random(3) == 1 then
    for _, m in ipairs(info(n)) do
      if m[1] ~= "id" then members[#members + 1] = m end
    end
  end
  if random(4) > 1 then members[#members + 1] = { "status_info", object(info(n)) } end
  if random(10) == 1 then members[random(#members)] = nil end
  local kept = {}
  for i = 1, 20 do kept[#kept + 1] = members[i] end
  return object(random(3) == 1 and kept or shuffled(kept))
end

--- As the service's documentation shows it: what the scan bets on.
local function expected(n)
  local r = record(n)
  local function text() return quoted(pick{ "Invalid input", 'a \\"b\\" \\\\', "ü" }) end
  local parts = { '{"id":', quoted(("%08x-0281-4f86-bb27-745254543456"):format(random(1000))), ',"caller_number":"', r.caller,
    '","receiver_number":', quoted(r.receiver), ',"label_id":', quoted(LABEL) }
  local function put(...) for _, part in ipairs{ ... } do parts[#parts + 1] = part end end
  if random(2) == 1 then put(',"dynamic_label_name":', text()) end
  if random(2) == 1 then put(',"dynamic_call_reason":', text()) end
  put((',"starts_at":%d,"ends_at":%d,"status_info":{"status":'):format(r.starts_at, r.ends_at), quoted(pick{ "success", "error", "pending" }))
  if random(2) == 1 then put(',"field":', quoted "receiver_number") end
  if random(2) == 1 then put(',"message":', text()) end
  put('},"created_at":', quoted "2030-01-01T00:00:00Z", "}")
  return table.concat(parts)
end

local function outcome(s)
  local counts = s:finish()
  local codes, ids, marks, notes = s:results()
  local reasons = {}
  while true do
    local n, text, field = s:fresh()
    if not n then break end
    reasons[#reasons + 1] = text .. "|" .. field
  end
  local noted = {}
  for i, n in ipairs(notes and core.outcome.notes(notes) or {}) do noted[i] = ("%s %s %s"):format(n.kind, tostring(n.record), n.text) end
  table.sort(noted)
  table.sort(reasons)
  local outcomes = {}
  for i = 1, #codes do
    local code = codes:byte(i)
    outcomes[i] = code >= core.outcome.FAILED and "failed" or code
  end
  return { counts = counts, outcomes = outcomes, ids = ids, marks = marks, notes = noted, reasons = reasons }
end

describe("reading a status document", function()
  it("gives what a full decoder gives", function()
    local keys, odd_rows = hashes(), 0
    for _ = 1, DOCUMENTS do
      local rows = {}
      for i = 1, random(8) do rows[i] = (random(2) == 1 and row or expected)(random(RECORDS + 1)) end
      local text = '{"batch_id":"b","data":[' .. table.concat(rows, ",") .. "]}"
      local fast, slow = core.settle(), core.settle()
      assert(fast:begin(keys))
      assert(slow:begin(keys))
      local _, odd = assert(fast:scan(text, "b"))
      local body = core.buf(text)
      if odd then
        odd_rows = odd_rows + #odd / 2
        assert(reconcile.take_odd(fast, body, odd))
      end
      local all, at = {}, #'{"batch_id":"b","data":['
      for _, r in ipairs(rows) do
        all[#all + 1], all[#all + 2] = at, #r
        at = at + #r + 1
      end
      assert(reconcile.take_odd(slow, body, all))
      local a, b = outcome(fast), outcome(slow)
      -- Odd rows come last: which of two rows of a record is the second may differ.
      if odd and a.counts.duplicates > 0 then a, b = a.counts.rows, b.counts.rows end
      assert.same(b, a, text)
      fast:close()
      slow:close()
    end
    assert.is_true(odd_rows > DOCUMENTS / 10)
  end)
end)
