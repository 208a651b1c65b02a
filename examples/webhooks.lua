-- Webhooks without an account: a receiver, and a sandbox that delivers events to it, twice and shuffled, as the service may.
--   tcb examples/webhooks.lua
-- With an account, run `tcb listen --port 8080 --key-file hook.key --script examples/handlers.lua` behind your proxy instead, and give
-- https://your.host/hook?key=... to the service.
local tcb = require "tcb"

local here = arg[0]:match "^(.*)/[^/]*$" or "."
local on = dofile(here .. "/handlers.lua")
local key = "example-" .. tostring(tcb.now())
local inbox = os.tmpname()
os.remove(inbox)

local listener = assert(tcb.listen { port = 0, key = key, inbox = inbox, on = on })
local sandbox = assert(tcb.sandbox { seed = 7, webhook = listener.url .. "?key=" .. key })

-- Three customers ask to be called: one with a slot, one whose SIM could not be read, one who is not interested; two answer a survey.
for _, scenario in ipairs { "interested", "sim-unreadable", "not-interested" } do
  assert(sandbox:trigger { event_type = "cmb", scenario = scenario, duplicates = 3, shuffle = true })
end
assert(sandbox:trigger { event_type = "user_feedback", count = 2, duplicates = 2, shuffle = true })

-- Handlers run while the program waits.
local give_up = tcb.now() + 10000
local stats
repeat
  tcb.sleep(0.05)
  stats = assert(listener:stats())
until (stats.done == 5 and stats.waiting == 0) or tcb.now() > give_up
tcb.sleep(0.2)                                  -- late duplicates
stats = assert(listener:stats())
print(("%d deliveries, %d events handled, %d duplicates dropped"):format(stats.requests, stats.done, stats.duplicates))

sandbox:close()
listener:close()
for _, tail in ipairs { "", "-wal", "-shm", ".lock" } do os.remove(inbox .. tail) end
