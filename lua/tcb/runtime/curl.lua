--- The runtime of plain Lua programs: libcurl's multi engine, stepped by the scheduler of tcb.task.
-- @module tcb.runtime.curl
local core = require "tcb.core"
local errors = require "tcb.errors"
local hosts = require "tcb.hosts"
local task = require "tcb.task"

local M = { name = "curl", sleep = task.sleep, now_us = core.clock.mono }

local engine                        -- made when first needed
local waiters = {}                  -- [id] = the waiter of the task that sent it
local on_sent = {}                  -- [id] = function
local is_forced = false             -- into a host that it blocks

--- What the scheduler sees of the engine. Also for foreign loops, see docs/embedding.md.
local poller = { sleeps = true }

function poller.fd()
  if engine and engine:active() > 0 then return engine:fd() end
end

function poller.timeout()
  if engine and engine:active() > 0 then return engine:timeout() end
end

function poller.busy()
  return engine ~= nil and engine:active() > 0
end

local function tell_sent()
  local id, at_us = engine:sent()
  while id do
    local fn = on_sent[id]
    on_sent[id] = nil
    if fn then fn(at_us) end
    id, at_us = engine:sent()
  end
end

--- Moves bytes, for at most `timeout_s`, and wakes the tasks whose requests have ended.
function poller.step(timeout_s)
  local ok, err = engine:step(timeout_s)
  if not ok then error(err, 0) end
  if next(on_sent) then tell_sent() end
  local id = engine:done()
  while id do
    local waiter = waiters[id]
    if waiter then task.wake(waiter) end
    id = engine:done()
  end
end

local function open()
  local refused = hosts.name() == "nginx" and hosts.refuse("the curl runtime, which would block the event loop,",
    "use the nginx runtime, which is the default there; TCB_FORCE_CURL=1 in the environment of the workers forces it")
  is_forced = refused and (os.getenv "TCB_FORCE_CURL" or "") ~= ""
  if refused and not is_forced then return nil, refused end
  local loaded, curl = pcall(require, "tcb.curl")
  if not loaded then
    return errors.fail("config", "libcurl's module tcb.curl cannot be loaded: " .. tostring(curl):match "^[^\n]*",
      { remedy = "install libcurl4 and tcb's module curl.so" })
  end
  local err
  engine, err = curl.engine()
  if not engine then return nil, err end
  if not is_forced then task.add_poller(poller) end
  return true
end

local function forget(id)
  waiters[id], on_sent[id] = nil, nil
  return engine:cancel(id)
end

--- Ends a wait that an error (an interrupt) has broken off.
local function abandon(waiter)
  forget(waiter.id)
end

--- Waits for the end of `id`; false when the task was cancelled meanwhile.
local function wait(id, on_wait)
  while is_forced and not engine:done(id) do poller.step(1) end
  while not engine:done(id) do
    local waiter = { id = id, cleanup = abandon }
    waiters[id] = waiter
    local why = task.park(waiter, on_wait and 1)
    if why == nil then return false end
    if why == false then on_wait() end
  end
  return true
end

--- Sends one request and waits for its answer; see tcb.runtime. Blocks the calling task only.
function M.send(request)
  local ok, id, err
  if not engine then
    ok, err = open()
    if not ok then return nil, err end
  end
  local me = task.current()
  if me and me.cancelled then return errors.fail("cancelled", "the request was cancelled before it was sent") end
  id, err = engine:start(request)
  if not id then return nil, err end
  on_sent[id] = request.on_sent
  if not wait(id, request.on_wait) then
    local sent = forget(id)
    return errors.fail("cancelled", "the request was cancelled", { sent = sent or nil })
  end
  waiters[id], on_sent[id] = nil, nil
  return engine:take(id, request.want == "buf" or request.into ~= nil)
end

--- For foreign loops: the descriptor to watch for reading, the seconds until a step is wanted (nil: none), and that step.
function M.fd()
  if not engine then assert(open()) end
  return engine:fd()
end

--- Keeps that descriptor readable while `on`.
function M.rouse(on)
  if engine then engine:rouse(on) end
end

M.timeout, M.step, M.poller = poller.timeout, poller.step, poller

--- Ends all requests and closes all connections; the next request opens the engine again.
function M.close()
  if not engine then return end
  if not is_forced then task.remove_poller(poller) end
  engine:close()
  engine, waiters, on_sent = nil, {}, {}
end

return M
