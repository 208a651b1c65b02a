-- What became of a batch, record by record. Run it: tcb --sandbox examples/reconcile.lua
local tcb = require "tcb"
local client = assert(tcb.client())
local label = assert(client:labels():find(function(l) return l.label_type == "dynamic" end))

-- In the sandbox the ending of a number decides: 9001 to 9006 fail for the documented reasons, others succeed.
local now, records = tcb.now(), {}
for _, ending in ipairs{ "9001", "9002", "9003", "9004", "9005", "1111", "2222", "3333" } do
  records[#records + 1] = { caller_number = "911234567890", receiver_number = "91987654" .. ending, label_id = label.id,
    starts_at = now + 60 * 1000, ends_at = now + 3600 * 1000, order = "A-" .. ending }
end
local batch = assert(client:push(records))

-- wait() polls until each record is settled. row.record is the very table that was pushed, so it still has its order number.
local reasons, again = {}, {}
for _, row in ipairs(assert(batch:wait{ timeout_s = 60 })) do
  local why = row.reason or row.status
  reasons[why] = (reasons[why] or 0) + 1
  print(row.record.order, row.status, row.reason or "")
  if row.reason == "Failed to push" then again[#again + 1] = row.record end    -- the device was out of reach: worth another try
end

print ""
for why, count in pairs(reasons) do print(("%-28s %d"):format(why, count)) end
if again[1] then
  print(("%d sent again as batch %s"):format(#again, assert(client:push(again)).id))
end
