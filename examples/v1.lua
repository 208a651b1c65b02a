-- The deprecated calls, for accounts that still have them. Nothing in tcb uses them by default; each names what replaces it.
--   tcb --sandbox examples/v1.lua
local tcb = require "tcb"

local client = assert(tcb.client())
local v1 = client.v1
local label = assert(client:labels():find(function(l) return l.label_type == "dynamic" end))
local now = tcb.now()

local function record(receiver, more)
  local r = { caller_number = "911234567890", receiver_number = receiver, label_id = label.id,
    dynamic_call_reason = "Your parcel arrives today", starts_at = now + 60000, ends_at = now + 3600000 }
  for k, v in pairs(more or {}) do r[k] = v end
  return r
end

-- Row 11. Now client:personalise. Records may carry the names of either edition.
assert(v1:personalise(record "919876541111"))
assert(v1:personalise { caller = "911234567890", receiver = "919876541111", label_id = label.id, starts_at = now + 60000, ends_at = now + 3600000 })
print "personalised"

-- Rows 12 and 13. Now client:push, batch:status. The service puts the batch's id into a sentence; tcb reads it out.
local batch = assert(v1:push { record "919876542222", record "919876549002" })
for _, row in ipairs(assert(batch:wait())) do print(row.status, row.reason or "") end
print(#assert(v1:batch_status(batch.id)) .. " rows by the batch's id")

-- A whole campaign in the old edition: tcb push FILE --dialect v1, or tcb.client{ dialect = "v1" }.
local old = assert(tcb.client { dialect = "v1" })
print(assert(old:push { record "919876543333" }).id and "pushed in the old edition")

-- Rows 14 and 15. Now the webhooks user_feedback and cmb (tcb.listen). The service documents both calls as not working.
local file = os.tmpname()
local path, err = v1:feedback_log { survey = "delivery-check", from_date = now - 86400000, file = file }
print(path and "feedback log downloaded" or "no feedback log: " .. err.kind)
os.remove(file)
local rows
rows, err = v1:call_me_back_log { from = now - 86400000, to = now }
print(rows and #rows .. " call-me-back requests" or "no call-me-back log: " .. err.kind)
