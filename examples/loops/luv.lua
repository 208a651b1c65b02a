--- tcb inside a libuv program (luv): work is spawned as tcb's tasks, libuv watches one descriptor and one timer for them.
-- Run it with an account in the environment, or: tcb sandbox -- lua5.4 examples/loops/luv.lua
local uv = require "luv"
local tcb = require "tcb"
local loop = require "tcb.loop"

local poll, timer = uv.new_poll(loop.fd()), uv.new_timer()

--- Gives tcb its turn, and asks libuv for the next one.
local function turn()
  loop.step()
  local seconds = loop.timeout()
  timer:stop()
  if seconds then timer:start(math.ceil(seconds * 1000), 0, turn) end
end
poll:start("r", turn)

local client = assert(tcb.client{ store = "memory" })
local left = 10
for i = 1, 10 do
  tcb.spawn(function()
    local labels = assert(client:labels():all())
    print(("task %d: %d labels, the first is %s"):format(i, #labels, labels[1].name))
    left = left - 1
    if left == 0 then
      poll:stop()
      timer:close()
    end
  end)
end

turn()
uv.run()
