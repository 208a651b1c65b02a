-- What receivers see when a call comes tomorrow between 10:00 and 12:00 UTC. Run it: tcb --sandbox examples/schedule.lua
local tcb = require "tcb"
local client = assert(tcb.client())

-- Only dynamic labels can be used.
local label = assert(client:labels():find(function(l) return l.label_type == "dynamic" end), "the account has no dynamic label")

-- Instants are epoch milliseconds; a window is at most 24 hours long.
local DAY, HOUR = 24 * 3600 * 1000, 3600 * 1000
local midnight = tcb.now() - tcb.now() % DAY + DAY
local orders = { { "+91 98765 40001", "4711" }, { "+91 98765 40002", "4712" }, { "+91 98765 40003", "4713" } }

local records = {}
for _, order in ipairs(orders) do
  records[#records + 1] = {
    caller_number = "911234567890", receiver_number = order[1], label_id = label.id,
    dynamic_call_reason = ("Order %s arrives before noon"):format(order[2]),
    starts_at = midnight + 10 * HOUR, ends_at = midnight + 12 * HOUR,
  }
end

-- One batch holds up to 500 records. Nothing is sent when a record breaks a rule: the error names it.
local batch = assert(client:push(records))
print(("batch %s with %d records"):format(batch.id, batch.count))

-- One receiver, for a call that is about to be made.
assert(client:personalise{
  caller_number = "911234567890", receiver_number = "919876540004", label_id = label.id,
  dynamic_call_reason = "Our courier is at your door", starts_at = tcb.now(), ends_at = tcb.now() + HOUR,
})
print "one record in real time"

-- What goes wrong comes back as nil and an error object, whose text says what to do.
local ok, err = client:personalise{ caller_number = "911234567890", receiver_number = "12", label_id = label.id,
  starts_at = tcb.now(), ends_at = tcb.now() + HOUR }
print(ok, err)
