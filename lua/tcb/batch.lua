--- A batch of personalisations after it was sent: its id, and what became of its records.
-- @module tcb.batch
local core = require "tcb.core"
local errors = require "tcb.errors"
local json = require "tcb.json"
local options = require "tcb.options"
local rows = require "tcb.rows"
local M = {}

local FIRST_POLL_S, SLOWEST_POLL_S = 0.5, 15
local WAIT_S = 900

---@class tcb.Batch
---@field id string? the service's id, an opaque text; nil only for a v1 push whose answer named none
---@field count integer? records sent; nil for a batch that is known by its id alone
---@field message string? v1: the text of the answer
local Batch = {}
Batch.__index = Batch
Batch.__name = "tcb.batch"

--- Used by client:push, client:batch and their v1 forms.
---@param caller table as of tcb.call
---@param call "status"|"v1_status"
---@param id string?
---@param index table? the records sent, as of tcb.rows.index
---@return tcb.Batch
function M.new(caller, call, id, index, message)
  return setmetatable({ id = id, count = index and #index.list or nil, message = message, _caller = caller, _call = call,
    _index = index, _settled = 0 }, Batch)
end

--- Calls a core.record function; what it raises, wrong types and counts, is a mistake at the line of the user's call.
---@param who string
---@param fn function core.record.encode, encode_one or check
function M.checked(who, level, fn, ...)
  local ok, value, err = pcall(fn, ...)
  if not ok then error(("%s: %s"):format(who, tostring(value):match "%((.*)%)$" or tostring(value)), level + 1) end
  return value, err
end

--- Sends 1..500 records; used by client:push and v1:push.
---@param call "push"|"v1_push"
---@param records table[] the user's own tables, with v2 names: rows will point to them
---@param wired table[] the same with the names of the wire
---@param rules table options of core.record
---@return table? index of what was sent, for tcb.rows
---@return tcb.Error|table err, or the answer { status, headers, body }
function M.send(caller, call, records, wired, rules, level)
  local body, err = M.checked("client:push", level + 1, core.record.encode, wired, rules)
  if not body then return nil, err end
  local sent, plain = {}, { country = rules.country, past = true, label_optional = true }
  for i, record in ipairs(records) do
    sent[i], err = core.record.check(record, plain)
    if not sent[i] then return nil, err end
  end
  local res
  res, err = caller:request(call, { body = body, count = #records })
  if not res then return nil, err end
  return rows.index(records, sent), res
end

--- client:push: sends the records and reads the batch's id.
---@return tcb.Batch? batch
---@return tcb.Error? err
function M.push(caller, records, rules, level)
  local index, res = M.send(caller, "push", records, records, rules, level + 1)
  if not index then return nil, res end
  local answer, err = json.decode(res.body)
  if not answer then return nil, err end
  return M.new(caller, "status", answer.batch_id, index)
end

local function poll(self, due_us)
  if not self.id then
    return errors.fail("proto", "the service's answer to this batch named no id, so its status cannot be asked for",
      { call = self._call })
  end
  local res, err = self._caller:request(self._call, { query = { batchId = self.id }, due_us = due_us })
  if not res then return nil, err end
  local list
  list, err = rows.read(res.body, self._call)
  if not list then return nil, err end
  self._settled = rows.match(list, self._index)
  return list
end

--- Asks for the batch's rows, once. Rows may be missing or pending while the service is still at work. Blocks.
---@return tcb.Row[]? rows in the service's order
---@return tcb.Error? err
function Batch:poll()
  local list, err = poll(self)
  return list, err
end

--- Iterator over the rows of one answer; the request is made at the first step. Raises the error object. Blocks.
---@return fun(): tcb.Row?
function Batch:status()
  local list, i = nil, 0
  return function()
    if not list then
      local err
      list, err = self:poll()
      if not list then error(err, 0) end
    end
    i = i + 1
    return list[i]
  end
end

--- Is every record settled? Of a batch known by its id alone: no row is pending, and as many rows came as the time before.
local function is_settled(self, list, before)
  if self._index then return self._settled >= self.count end
  if #list == 0 or #list ~= before then return false end
  for _, row in ipairs(list) do if row.status == "pending" then return false end end
  return true
end

--- Polls, ever more slowly, until each record is `success` or `error`. Blocks (other tasks go on).
---@param opts? { timeout_s: number? } default 900 s; a poll that is under way then may take a second more
---@return tcb.Row[]? rows
---@return tcb.Error? err kind timeout when some are still pending or were never reported
---@return tcb.Row[]? so_far with an error of kind timeout: the rows of the last answer
function Batch:wait(opts)
  opts = options.check("batch:wait", opts, { timeout_s = "seconds" }, 2)
  local runtime = require("tcb.runtime").current()
  local due = core.clock.mono() + math.floor((opts.timeout_s or WAIT_S) * 1e6)
  local pause, before = FIRST_POLL_S, nil
  while true do
    local list, err = poll(self, due)
    if not list then return nil, err end
    if is_settled(self, list, before) then return list end
    local left = (due - core.clock.mono()) / 1e6
    if left <= 0 then
      local message = self.count and ("%d of %d records are not settled after %g s"):format(self.count - self._settled, self.count,
        opts.timeout_s or WAIT_S) or ("the batch is not settled after %g s"):format(opts.timeout_s or WAIT_S)
      local late = errors.new{ kind = "timeout", message = message, call = self._call,
        remedy = "poll again later: the service is still at work" }
      return nil, late, list
    end
    before = #list
    runtime.sleep(math.min(pause, left))
    pause = math.min(pause * 1.5, SLOWEST_POLL_S)
  end
end

function Batch:__tostring()
  return ("tcb.batch %s%s"):format(self.id or "(no id)", self.count and (" (%d records)"):format(self.count) or "")
end

return M
