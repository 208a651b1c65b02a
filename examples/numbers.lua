-- Which numbers an account has, and listing new ones. Run it: tcb --sandbox examples/numbers.lua
local tcb = require "tcb"
local client = assert(tcb.client())

-- Pages are fetched as the loop reaches them.
local states, known = {}, nil
for number in client:numbers() do
  states[number.status] = (states[number.status] or 0) + 1
  known = known or number
end
for state, count in pairs(states) do print(("%-10s %d"):format(state, count)) end

-- List two numbers with a feature set. The service does this in the background; wait() below tells what became of each.
local feature_set = assert(client:feature_sets():find(function(fs) return fs.name == known.feature_set_name end))
local new = assert(client:publish(feature_set.id, { "+91 77000 00001", "+91 77000 00002" }))

-- Delist a number and list it again. The service silently ignores a number that is listed while its delisting is still being
-- processed: publish() looks the numbers up first, and waits for those.
assert(client:delist(feature_set.id, { known.phone_number }))
local again = assert(client:publish(feature_set.id, { known.phone_number }))

for name, job in pairs{ new = new, again = again } do
  local result = assert(job:wait())
  print(("%s: %d listed, %d ignored, %d failed"):format(name, #result.listed, #result.ignored, #result.failed))
end
