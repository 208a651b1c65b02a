--- The script of embed_fail.c: CSV file, journal. Loads all that the example needs, then lets the allocator count, and is the example;
--- with EMBED_STYLE=blocking a campaign in four batches that blocks the program instead.
local modules = { "tcb", "tcb.loop", "tcb.client", "tcb.campaign", "tcb.source.csv", "tcb.call", "tcb.runtime.curl", "tcb.curl", "tcb.sqlite",
  "tcb.store.memory", "tcb.campaign.push", "tcb.campaign.reconcile", "tcb.campaign.summary", "tcb.campaign.drive", "tcb.json" }
for _, name in ipairs(modules) do require(name) end
hurry()
arm()

local csv, journal = ...
if os.getenv "EMBED_STYLE" ~= "blocking" then return assert(loadfile "examples/embed/campaign.lua")(csv, journal) end

local tcb = require "tcb"
local campaign = assert(tcb.campaign{
  client = assert(tcb.client{ store = "memory", wait = true }), source = tcb.csv(csv), journal = journal, batch = 5,
  label = "Acme Deliveries", zone = "Asia/Kolkata",
  map = { receiver_number = "phone", caller_number = "our_number", dynamic_call_reason = "reason", starts_at = "from", ends_at = "until" },
})
require("tcb.core").clock.virtual(require("tcb.core").clock.now())    -- it waits by itself: no waiting then
assert(campaign:push())
local summary = tostring(assert(campaign:reconcile()))
return { step = function() end, result = function() return summary end }
