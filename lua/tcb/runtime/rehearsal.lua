--- The runtime without a socket: requests are handed to the sandbox's rules in this very thread, and the time that they would
-- take passes on the virtual clock. Used by `tcb rehearse` and by specs.
-- @module tcb.runtime.rehearsal
local core = require "tcb.core"
local errors = require "tcb.errors"
local task = require "tcb.task"

local mono = core.clock.mono
local M = {}

local function fail(kind, message, sent)
  return errors.fail(kind, message, { sent = sent })
end

--- Waits; nil when the task was cancelled. An error of the clock's kind is not possible.
local function pass(seconds)
  return seconds <= 0 or task.park({}, seconds) ~= nil
end

local function split(url)
  local path = url:match "^%a+://[^/?]*(.*)$" or url
  local before, query = path:match "^([^?]*)%?(.*)$"
  return before or path, query
end

local function read_headers(list)
  local map = {}
  for _, line in ipairs(list or {}) do
    local name, value = line:match "^([^:]+):%s*(.*)$"
    map[name:lower()] = value
  end
  return map
end

local function copy(body, request)
  if request.into then
    request.into:clear()
    request.into:add(body)
    return request.into
  end
  if request.want == "buf" then return core.buf(body) end
  return type(body) == "userdata" and body:string() or body
end

local function lower(headers)
  local out = {}
  for name, value in pairs(headers or {}) do out[name:lower()] = tostring(value) end
  return out
end

--- What a cut makes of an answer.
local function cut_off(answer)
  if answer.cut == "truncate" then return fail("proto", "the answer ended early", true) end
  if answer.cut == "reset-before" or answer.cut == "reset-after-commit" then
    return fail("net", "the connection was reset before the answer", true)
  end
end

--- Makes a runtime on the given rules (tcb.sandbox.rules).
---@return table runtime as of tcb.runtime, with `requests`: how many were sent
function M.new(rules)
  local rt = { name = "rehearsal", requests = 0 }

  function rt.send(request)
    local path, query = split(request.url)
    local started = mono()
    local left_s = request.timeout_s or 30
    rt.requests = rt.requests + 1
    local asked = { method = request.method, path = path, query = query, headers = read_headers(request.headers),
      body = request.body or "", count = request.count }
    if request.on_sent then request.on_sent(started) end
    local count_ms, answer_ms = rules:delays(asked)
    if not pass(count_ms / 1000) then return fail("cancelled", "the request was cancelled", true) end
    local answer = rules:handle(asked)
    local body = answer.body and copy(answer.body, request)
    local wait_s = answer_ms / 1000 + (answer.cut == "stall" and answer.stall_s or 0)
    local late = count_ms / 1000 + wait_s > left_s
    if late then wait_s = math.max(0, left_s - count_ms / 1000) end
    if not pass(wait_s) then return fail("cancelled", "the request was cancelled", true) end
    if late then return fail("timeout", ("no answer within %g s"):format(left_s), true) end
    local cut, err = cut_off(answer)
    if err then return cut, err end
    return { status = answer.status, headers = lower(answer.headers), body = body or "", sent_us = started, done_us = mono() }
  end

  rt.sleep, rt.now_us = task.sleep, mono
  return rt
end

return M
