--- tcb inside a cqueues program: its coroutines call the client directly, and the others go on meanwhile.
-- Run it with an account in the environment, or: tcb sandbox -- lua5.4 examples/loops/cqueues.lua
local cqueues = require "cqueues"
local tcb = require "tcb"

require "tcb.loop".wait_with(function(fd, seconds)
  cqueues.poll({ pollfd = fd, events = "r" }, seconds)
end)

local loop, client = cqueues.new(), assert(tcb.client{ store = "memory" })
local ticks, working = 0, 10

loop:wrap(function()                                   -- the program's own work: ten times a second
  while working > 0 do
    cqueues.sleep(0.1)
    ticks = ticks + 1
  end
end)

for i = 1, 10 do
  loop:wrap(function()
    local labels = assert(client:labels():all())
    print(("coroutine %d: %d labels, the first is %s"):format(i, #labels, labels[1].name))
    working = working - 1
  end)
end

assert(loop:loop())
