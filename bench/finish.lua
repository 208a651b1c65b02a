-- `tcb rehearse bench/finish.lua FILE`: when a push of the file ends, as planned and as rehearsed; seconds from its beginning.
local tcb = require "tcb"

local journal = os.tmpname()
os.remove(journal)
local campaign = tcb.campaign{ client = assert(tcb.client{}), source = tcb.csv(arg[1]), journal = journal }
local begun = tcb.now()
local plan = assert(campaign:plan())
assert(campaign:push())
print((plan.finishes_at - begun) / 1000, (tcb.now() - begun) / 1000)
for _, tail in ipairs{ "", "-wal", "-shm", "-lock" } do os.remove(journal .. tail) end
