-- A campaign end to end: the account's numbers, three of them listed, 5,000 deliveries personalised, their results.
--   TCB_CLOCK=2026-12-01T06:00:00Z tcb --sandbox examples/campaign.lua [JOURNAL]
-- With an account instead of the sandbox: put your own file and columns below, and leave TCB_CLOCK and --sandbox out.
local tcb = require "tcb"

local here = arg[0]:match "^(.*)/" or "."
local path = arg[1] or os.tmpname()
local client = assert(tcb.client{ wait = true })

-- 1. What numbers does the account have?
local states = {}
for number in client:numbers() do states[number.status] = (states[number.status] or 0) + 1 end
for state, count in pairs(states) do print(("%5d numbers %s"):format(count, state)) end

-- 2. List the numbers that the deliveries call from. A number that is listed already is left alone.
local set = assert(client:feature_sets():first())
local job = assert(client:publish(set.id, { "911204567801", "911204567802", "911204567803" }))
local done = assert(job:wait{ timeout_s = 60 })
print(("%5d numbers listed with feature set %s"):format(#done.listed + #done.ignored, set.name))

-- 3. Schedule a personalisation for every delivery of the file. Rows that break a rule are refused, with line and reason.
local campaign = tcb.campaign{
  client = client,
  source = tcb.csv(here .. "/data/deliveries.csv"),
  journal = path,
  label = "Acme Deliveries",
  zone = "Asia/Kolkata",
  map = { receiver_number = "phone", caller_number = "our_number", dynamic_label_name = "sender", dynamic_call_reason = "reason",
    starts_at = "from", ends_at = "until" },
}
assert(campaign:push())

-- 4. What became of each record?
local summary = assert(campaign:reconcile())
print(summary)

if not arg[1] then os.remove(path) end
