--- tcb inside a program that has an event loop of its own: cqueues, libuv, a C program with poll(2).
--
-- Two ways, which may be mixed. (1) Start work with `tcb.spawn`; the program watches `fd()` for reading, for `timeout()` seconds at
-- most, and then calls `step()`, which never waits. (2) Where the program's own coroutines call tcb directly, `wait_with(fn)` says
-- how such a coroutine waits: until the descriptor is readable or the time is over, while the program's loop goes on.
-- Plain Lua programs need none of this, nginx and HAProxy have it built in.
-- @module tcb.loop
local loop = require "tcb.task.loop"
local M = {}

local function transport()
  return require("tcb.runtime").current()
end

local function rouse(on) transport().rouse(on) end

--- A descriptor that becomes readable when `step` has something to do, a task that was spawned just now included. The same for the whole life of the program. Opens libcurl's
--- engine when that was not needed yet; raises when it cannot.
---@return integer
function M.fd()
  local fd = transport().fd()
  loop.watched_by(rouse)
  return fd
end

--- Seconds after which `step` is wanted even if `fd()` stays quiet; 0: at once; nil: nothing is waited for.
---@return number?
function M.timeout()
  return loop.timeout()
end

--- Moves bytes and runs the tasks that can run. Does not block. Raises what a function of the program's raised in it; the errors of
--- tasks go to whoever waits for them, else to the log.
function M.step()
  return loop.step()
end

--- Lets coroutines that are not tcb's wait: `fn(fd, seconds)` is called in them, and returns when fd is readable or the time is
--- over (sooner is harmless). Many may wait at the same time. nil: they block the program, as at the start. Inside a generator of a
--- task, and on the main thread, waiting blocks.
---@param fn? fun(fd: integer, seconds: number)
function M.wait_with(fn)
  if fn == nil then return loop.use_host(nil) end
  loop.use_host{
    may_block = function()
      local co, is_main = coroutine.running()
      return loop.current() ~= nil or co == nil or is_main or not coroutine.isyieldable()
    end,
    sleep = function(seconds) fn(transport().fd(), seconds) end,
    rouse = rouse,
  }
end

return M
