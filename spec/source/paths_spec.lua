--- The fast path's builds and the plain path give the same bytes and the same refusals. The long form is the fuzz target of `make soak`.
local rows = require "support.rows"
local NOW, LABEL, HEADER = rows.NOW, rows.LABEL, rows.HEADER

local seed = 7
local function rnd(n)                                   -- 0..n-1; the same on every Lua
  seed = (seed * 16807) % 2147483647
  return seed % n
end
local function pick(list) return list[rnd(#list) + 1] end

local NAMES = { "ABC", "Acme Deliveries", '"Smith, ""Jones"" & Co"', "Café Déjà Vu", "राष्ट्रीय बैंक सेवा", "🚚 Quick Delivery", ("ß"):rep(40), "", '""',
  "Path C:\\orders\\7", '"a ""b"" c\\d"', " lead", "tail ", "Öl", ("x"):rep(41), '""""""', '"""ab"', '"ab"""', "a\tb", "   " }
local REASONS = { "Your parcel arrives today", '"Your parcel, ""the big one"", arrives"', "ऑर्डर 12345678 की डिलीवरी आज होगी", "配送番号 12345678 のご確認のお電話です",
  "Path C:\\orders\\12345678\\2 is ready", ("é"):rep(100), ("é"):rep(101), "exactly 10", "nine char", "", "ends with.", ",comma first", "-dash first",
  '"First line\nsecond line"', "what? 'yes' <ok>; = ~`{}[]|", "Your parcel + more", "under_score here", "a/b of it all", "caf\233 au lait here",
  "cut \226\130", "overlong \192\175 text", "surrogate \237\160\128 text", "beyond \244\144\128\128 text", ("x"):rep(31) .. "é", ("x"):rep(32) .. "é",
  ("x"):rep(30) .. "配配", '"' .. ("x"):rep(31) .. '""yy"', '"' .. ("x"):rep(30) .. '"""', ("x"):rep(31) .. "\\y", ("y"):rep(600), "tab\there now ok" }
local NUMBERS = { "919876543210", "+919876543210", "12345678", "1234567", "123456789012345", "1234567890123456", "+123456789012345", "0919876543210",
  "91 98765 43210", "00919876543210", "91ABC1234567", "", "+", '"919876543210"', '"+919876543210"', "9.19877E+11", "9876543210" }
local INSTANTS = { ("%d"):format(NOW + 1000), ("%d"):format(NOW + 3600000), ("%d"):format(NOW + 86401000), ("%d"):format(NOW + 86401001), ("%d"):format(NOW),
  "1893456000", "0893456001000", "18934560010000", "", "2030-01-01T00:30:00Z", '"1893459600000"', "189345600x000", "+1893456001000" }
local LABELS = { LABEL, LABEL:upper(), "1c7d1f6e-0281-4f86-bb27-745254543456", '"' .. LABEL .. '"', LABEL .. "0", LABEL:gsub("-", "_"), (LABEL:gsub("c", "g")),
  (LABEL:gsub("0", "\16", 1)), "", LABEL:sub(1, 35) }

local function good(list, often) return rnd(often) > 0 and list[1] or pick(list) end

local function cells()
  local receiver = rnd(6) > 0 and ("91%010d"):format(7000000000 + rnd(60)) or pick(NUMBERS)
  return { good(NUMBERS, 6), receiver, good(LABELS, 8), rnd(3) > 0 and pick { NAMES[1], NAMES[2], NAMES[3], NAMES[4], NAMES[5] } or pick(NAMES),
    rnd(3) > 0 and pick { REASONS[1], REASONS[2], REASONS[3], REASONS[4], REASONS[5] } or pick(REASONS), good(INSTANTS, 8),
    rnd(8) > 0 and INSTANTS[2] or pick(INSTANTS) }
end

local function mutate(line)
  local n = rnd(#line) + 1
  local what = rnd(6)
  if what == 0 then return line:sub(1, n - 1) .. string.char(rnd(256)) .. line:sub(n + 1)
  elseif what == 1 then return line:sub(1, n - 1) .. line:sub(n + 1)
  elseif what == 2 then return line:sub(1, n) .. pick { '"', ",", "\n", "\r", "\\", "\0", " ", "é", "\r\n" } .. line:sub(n + 1)
  elseif what == 3 then return line .. "," .. line
  elseif what == 4 then return line:sub(1, n)
  end
  return line .. pick { "", "\r", " ", '"', "," }
end

--- A file of `n` rows; `order` lists which field stands in which column, 0 for others.
local function make(n, order, delimiter, newline)
  local names, lines = {}, {}
  for name in HEADER:gmatch "[^,]+" do names[#names + 1] = name end
  names[0] = "note"
  local head = {}
  for i, f in ipairs(order) do head[i] = names[f] .. (f == 0 and i or "") end
  lines[1] = table.concat(head, delimiter)
  for i = 1, n do
    local c, out = cells(), {}
    c[0] = pick { "", "note", '"quoted, ""note"""', "it's", "\\", "longer than thirty-two bytes, so that it takes two blocks", "x\"y" }
    for j, f in ipairs(order) do
      out[j] = c[f]
      if delimiter ~= "," then out[j] = out[j]:gsub("^([^\",]*),", "%1") end
    end
    lines[i + 1] = table.concat(out, delimiter)
    if rnd(5) == 0 then lines[i + 1] = mutate(lines[i + 1]) end
  end
  return table.concat(lines, newline) .. (rnd(2) == 0 and newline or "")
end

local function outcome(text, shape, path)
  local out, err = rows.run(text, shape, { path = path, encoding = "utf-8" })
  if not out then return tostring(err) end
  local all = {}
  for i, b in ipairs(out.batches) do
    all[#all + 1] = table.concat({ out.bodies[i], b.spans, b.hashes, b.first_line, b.last_line, b.min_starts_at, b.max_starts_at, b.min_ends_at,
      b.max_ends_at, b.checkpoint }, "|")
  end
  for _, f in ipairs(out.faults) do all[#all + 1] = ("%d %d %s %s %s"):format(f.line, f.offset, f.code, tostring(f.field), f.message) end
  return table.concat(all, "\n"), #out.records, #out.faults
end

local SHAPES = {
  { "in the table's order", { 1, 2, 3, 4, 5, 6, 7 }, {} },
  { "in another order, with notes", { 0, 7, 5, 0, 2, 6, 1, 3, 4, 0 }, {} },
  { "with defaults in place of columns", { 2, 5, 7 }, { caller = "+91 1234567890", label_id = LABEL, starts_at = NOW + 1000,
    set = { dynamic_label_name = 'Acme "1" \\ ü' } } },
  { "with a country and plus", { 1, 2, 3, 4, 5, 6, 7 }, { country = "91", plus = true, batch = 7 } },
  { "in dialect v1, out of order", { 2, 1, 3, 4, 5, 7, 6 }, { dialect = "v1", label_optional = true } },
  { "with a template", { 1, 2, 3, 4, 5, 6, 7, 0 }, { set = { dynamic_call_reason = "Order {note8} arrives today" } } },
}

describe("the paths agree on rows", function()
  for _, shape in ipairs(SHAPES) do
    it(shape[1], function()
      local taken, refused = 0, 0
      for round = 1, 12 do
        local text = make(120, shape[2], round % 5 == 0 and ";" or round % 7 == 0 and "\t" or ",", round % 4 == 0 and "\r\n" or "\n")
        local want, records, faults = outcome(text, shape[3], "plain")
        taken, refused = taken + (records or 0), refused + (faults or 0)
        for _, path in ipairs(rows.PATHS) do
          if path ~= "plain" and rows.has_path(path) then assert.is_true(want == (outcome(text, shape[3], path)), path) end
        end
      end
      assert.is_true(taken > 100 and refused > 100, taken .. " taken, " .. refused .. " refused")
    end)
  end
end)
