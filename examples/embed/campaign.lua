--- The Lua side of examples/embed/host.c: a campaign as a task, and what the host calls. Arguments: CSV file, journal.
local tcb, loop = require "tcb", require "tcb.loop"

local csv, journal = ...
local host = { fd = loop.fd, timeout = loop.timeout, step = loop.step }

local batches = 0
local client = assert(tcb.client{ store = "memory", wait = true })
local campaign = assert(tcb.campaign{
  client = client, source = tcb.csv(csv), journal = journal, label = "Acme Deliveries", zone = "Asia/Kolkata",
  map = { receiver_number = "phone", caller_number = "our_number", dynamic_label_name = "sender", dynamic_call_reason = "reason",
    starts_at = "from", ends_at = "until" },
  on_batch = function() batches = batches + 1 end,
})

local work = tcb.spawn(function()
  assert(campaign:push())
  return assert(campaign:reconcile())
end)

--- One line for the host's timer.
function host.progress()
  return ("%s, %d batches"):format(tostring(work), batches)
end

--- nil while the campaign runs, then its summary; raises its error.
function host.result()
  if work.done then return tostring(work:wait()) end
end

return host
