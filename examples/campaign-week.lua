-- A made-up campaign over five days: each morning the day's calls get their reason, shown from 10:00 to 19:00 in India; each
-- night the results are read. A week takes a second or two:
--   tcb rehearse examples/campaign-week.lua --seed 7
local tcb = require "tcb"

local DAYS, RECEIVERS = 5, 4000
local DAY = 24 * 3600 * 1000
local ZONE = "+05:30"
local REASONS = { "Your parcel arrives today", "Your order is at the depot", "Please confirm your address",
  "Your refund is on its way" }

local client = assert(tcb.client{ wait = true })
local label = assert(client:labels():find(function(l) return l.label_type == "dynamic" end))

--- 00:00 in India of the day that the clock shows there, epoch ms.
local function midnight()
  local offset = 5.5 * 3600 * 1000
  return math.floor((tcb.now() + offset) / DAY) * DAY - offset
end

local function sleep_until(at)
  if at > tcb.now() then tcb.sleep((at - tcb.now()) / 1000) end
end

local function instant(at)
  return os.date("!%Y-%m-%dT%H:%M:%S", math.floor((at + 5.5 * 3600 * 1000) / 1000)) .. ZONE
end

--- The day's file, as an order system would write it overnight.
local function write_day(path, day)
  local file = assert(io.open(path, "w"))
  file:write "caller_number,receiver_number,dynamic_call_reason,starts_at,ends_at\n"
  for i = 1, RECEIVERS do
    file:write(("+91 120 456 78%02d,%d,%s,%s,%s\n"):format(i % 20, 919800000000 + math.random(0, 99999999),
      REASONS[math.random(#REASONS)], instant(day + 10 * 3600 * 1000), instant(day + 19 * 3600 * 1000)))
  end
  file:close()
end

local function run_day(n, day)
  local path = os.tmpname()
  sleep_until(day + 7 * 3600 * 1000)
  write_day(path, day)
  local campaign = tcb.campaign{ client = client, source = tcb.csv(path), journal = path .. ".tcb.db", label = label.id,
    unique = true }
  assert(campaign:push())
  sleep_until(day + 20 * 3600 * 1000)
  local s = assert(campaign:reconcile())
  print(("day %d: %d records, %d shown, %d failed, %d refused"):format(n, s.records, s.success, s.failed, s.refused))
  for _, tail in ipairs{ "", ".tcb.db", ".tcb.db-wal", ".tcb.db-shm", ".tcb.db-lock" } do os.remove(path .. tail) end
end

local first = midnight()
for n = 1, DAYS do run_day(n, first + (n - 1) * DAY) end
