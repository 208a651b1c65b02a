-- The campaign of the pictures: two hours of pushing, with refusals, late windows, records that fail and some that expire.
-- Usage: tcb rehearse .ci/screenshots.lua FOLDER [RECORDS [PUSHES/SECONDS of a token]]
local tcb = require "tcb"
local folder = arg[1]
local MINUTE = 60000
local RECORDS, TENTH = tonumber(arg[2] or 600000), { [3] = "9002", [41] = "9003", [57] = "9005", [71] = "9004" }

local path = folder .. "/november.csv"
local file = assert(io.open(path, "w"))
file:write "receiver_number,order,starts_at,ends_at\n"
local began = tcb.now()
for i = 1, RECORDS do
  local ending = TENTH[math.random(100)] or ("%04d"):format(math.random(0, 8999))
  local number = math.random(700) == 1 and "12345" or ("9198%04d%s"):format(math.random(0, 9999), ending)
  local starts = began + (i % 90 == 0 and 20 or 150) * MINUTE
  file:write(("%s,A-%06d,%.0f,%.0f\n"):format(number, i, starts, starts + (i % 90 == 0 and 70 or 400) * MINUTE))
end
file:close()

local client = assert(tcb.client{ wait = true, limits = "mint=10/1800 push=" .. (arg[3] or "1/60") .. " personalise=100/1" })
local label = assert(client:labels():find(function(l) return l.label_type == "dynamic" end))
local campaign = tcb.campaign{ client = client, source = tcb.csv(path), journal = folder .. "/november.db", label = label.id,
  caller = "911204567801", set = { dynamic_call_reason = "Order {order} arrives today" } }
assert(campaign:push())
assert(campaign:reconcile())
