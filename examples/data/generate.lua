-- Makes deliveries.csv: 5,000 made-up deliveries, the same every time: `lua5.4 examples/data/generate.lua > examples/data/deliveries.csv`.
-- 60 rows break a rule each, 5 of each of 12 kinds. Receivers that end in 9001 to 9006 and 9009 to 9011 behave in the sandbox as
-- docs/sandbox.md says. All windows lie on 2 December 2026, in the hours of Asia/Kolkata; TCB_CLOCK keeps them in the future.
local ROWS, BAD_EACH = 5000, 5
local state = 20261202
local function random(n)                                 -- 1..n; our own, so that every Lua makes the same file
  state = (state * 16807) % 2147483647
  return state % n + 1
end
local function pick(list) return list[random(#list)] end

local SENDERS = { "Acme Deliveries", "Fresh Mart Orders", "City Pharmacy", "Smith, Jones & Co", 'The "Quick" Courier', "राष्ट्रीय डाक सेवा",
  "சென்னை டெலிவரி", "Доставка Еды", "株式会社サンプル配送", "Café Déjà Vu" }
local NAMES = { "Asha", "Ravi", "Zoë", "Müller", "O'Neil", "José", "Priya", "Chen", "Ольга", "सुनीता", "கண்ணன்", "山田" }
local CITIES = { "Mumbai", "Delhi, NCR", "Bengaluru", "Chennai", "Kolkata", "Pune", "Hyderabad", "Jaipur, Rajasthan" }
local REASONS = {
  "Your parcel %d arrives today, %s", "Delivery of order %d to %s", "Rückruf zu Ihrer Lieferung %d für %s", "ऑर्डर %d की डिलीवरी आज होगी, %s",
  "配送番号 %d のご確認のお電話です %s様", "Заказ %d приедет сегодня, %s", "உங்கள் பார்சல் %d இன்று வரும் %s",
  'About "express" order %d for %s', "Cash on delivery for order %d: please be at home, %s",
}
local CALLERS = { "911204567801", "911204567802", "911204567803" }
local SLOTS = { { 9, 12 }, { 12, 15 }, { 15, 18 }, { 18, 21 } }
local ENDINGS = { "9001", "9002", "9002", "9002", "9003", "9003", "9004", "9005", "9005", "9006", "9009", "9010", "9011" }

local function quote(cell)
  if cell:find '[,"\n]' then return '"' .. cell:gsub('"', '""') .. '"' end
  return cell
end

local function write(cells)
  for i, cell in ipairs(cells) do cells[i] = quote(cell) end
  io.write(table.concat(cells, ","), "\n")
end

local function receiver(i)
  local ending = i % 23 == 0 and pick(ENDINGS) or nil
  local tail = ending and ("%02d%s"):format(random(100) - 1, ending) or ("%06d"):format(random(1000000) - 1)
  if not ending and tail:match "90[01]%d$" then tail = tail:sub(1, 2) .. "1234" end
  local number = ("%d%03d%s"):format(random(4) + 5, random(1000) - 1, tail)
  local form = random(5)
  if form == 1 then return "+91 " .. number:sub(1, 5) .. " " .. number:sub(6) end
  if form == 2 then return "0091" .. number end
  return "91" .. number
end

local function row(i)
  local order, name, slot = 400000 + i, pick(NAMES), pick(SLOTS)
  return { tostring(order), name, receiver(i), pick(CITIES), pick(CALLERS), pick(SENDERS), pick(REASONS):format(order, name),
    ("2026-12-02 %02d:00"):format(slot[1]), ("2026-12-02 %02d:00"):format(slot[2]) }
end

-- Columns by number, and what spoils a row: a rule of docs/reference.md each.
local RECEIVER, SENDER, REASON, FROM, UNTIL = 3, 6, 7, 8, 9
local BAD = {
  function(r) r[RECEIVER] = "" end,                                            -- missing
  function(r) r[RECEIVER] = "9198765" end,                                     -- number: too short
  function(r) r[RECEIVER] = "9.19877E+11" end,                                 -- number: damaged by a spreadsheet
  function(r) r[SENDER] = "Öl" end,                                            -- length: a name of 2
  function(r) r[REASON] = "too small" end,                                     -- length: a reason of 9
  function(r) r[FROM], r[UNTIL] = "2025-12-02 09:00", "2025-12-02 12:00" end,  -- past
  function(r) r[REASON] = "Write to help@example.com" end,                     -- charset
  function(r) r[REASON] = "Your parcel arrives today." end,                    -- edge
  function(r) r[FROM] = "2 December, 10 o'clock" end,                          -- time
  function(r) r[FROM], r[UNTIL] = r[UNTIL], r[FROM] end,                       -- order
  function(r) r[UNTIL] = "2026-12-04 10:00" end,                               -- window: longer than 24 h
  function(r) r[#r] = nil end,                                                 -- csv: a column too few
}

local bad = {}
for kind = 1, #BAD do
  for n = 1, BAD_EACH do bad[(n - 1) * 997 + kind * 79] = BAD[kind] end
end
write{ "order_id", "customer", "phone", "city", "our_number", "sender", "reason", "from", "until" }
for i = 1, ROWS do
  local r = row(i)
  if bad[i] then bad[i](r) end
  write(r)
end
