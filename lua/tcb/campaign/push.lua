--- One run of a push: batches out of the input and the journal, through the governor, into the journal again.
--
-- One dispatcher takes batch after batch and hands each to a task of its own; it goes on to the next as soon as the governor has
-- granted a slot, so that exactly one batch waits for the governor and as many are in flight as it grants. A batch's row is made
-- when it has its slot, and is durable before its first byte leaves; all that happens in one turn shares one commit.
-- @module tcb.campaign.push
local core = require "tcb.core"
local errors = require "tcb.errors"
local journal = require "tcb.campaign.journal"
local again = require "tcb.campaign.again"
local events = require "tcb.campaign.events"
local json = require "tcb.json"
local task = require "tcb.task"

local STATE = journal.STATE
local now, mono = core.clock.now, core.clock.mono
local M = {}

--- Requests under way at once. Without a limit on the account the machine is the limit, and a few keep it busy.
local IN_FLIGHT, IN_FLIGHT_UNLIMITED = 64, 8
--- A batch that the service certainly did not process is tried again after these pauses.
local PAUSE_FIRST_S, PAUSE_MOST_S = 1, 30
--- How often one batch is sent again under `in_doubt = "resend"`.
local RESENDS = 5
--- As many answers of 403 or 404 in a row, and none good, are a mistake in the configuration: the rest stays waiting.
local REJECTIONS = 5

---@class tcb.campaign.Push
local Push = {}
Push.__index = Push

--- Ends the run: nothing new starts; `err` is what push returns, nil when the stop is no failure.
function Push:stop(reason, err)
  if self.stopped then return end
  self.stopped, self.stop_err = reason, err
  self.room:pulse()
  for t in pairs(self.unsent) do task.cancel(t) end
end

--- The journal cannot be written any more: what is on the disk counts.
function Push:journal_failed(err)
  self:stop("journal", err)
  return nil, err
end

--- Runs before each attempt's first byte: what has expired leaves the body, the intent becomes durable.
function Push:before(item, slot)
  local at = now()
  if item.ends_at <= at or (self.strict and item.starts_at <= at) then
    if item.kept_body == item.body then item.kept_body = item.body:string() end       -- the journal keeps all of it
    local left, codes = core.body.expire(item.body, at, self.strict)
    if left then item:expire(codes, left) end
  end
  local j, ok, err = self.journal, true, nil
  item.state = STATE.intent
  if item.left == 0 then item.state = STATE.expired end
  if not item.seq then
    ok, err = j:add(item)
    if ok and item.parent then ok, err = j:mark(item.parent, STATE.resent, nil, events.line("resent", at)) end
    if ok and item.origin then ok, err = again.moved(j, item) end
  else
    ok, err = j:mark(item.seq, item.state, nil, item.events)
    item.events = ""
  end
  if ok and item.codes_changed then
    ok, err = j:outcome(item.seq, item.codes, nil, nil, nil, item.left)
    item.codes_changed = false
  end
  if ok and item.state == STATE.expired then
    self.counts:expired(item)
    ok, err = nil, errors.new{ kind = "cancelled", message = "every window of the batch has passed" }
  end
  slot:set()
  if not ok then
    if item.state ~= STATE.expired then self:journal_failed(err) end
    return nil, err
  end
  ok, err = j:durable()
  if not ok then return self:journal_failed(err) end
  if self.stopped then                                    -- asked to stop while the disk wrote: it has not left
    j:mark(item.seq, STATE.waiting)
    return nil, errors.new{ kind = "cancelled", message = "stopped before it was sent" }
  end
  self.unsent[task.current()] = nil
  return true
end

--- Runs after each attempt: a line in the batch's life; certainly not processed is waiting again.
function Push:after(item, attempt)
  item.events = (item.events or "") .. events.attempt(attempt)
  self.counts:attempt(attempt)
  if item.seq and events.not_processed(attempt) then
    self.unsent[task.current()] = true
    self.journal:mark(item.seq, STATE.waiting, attempt.kind, item.events)
    item.events = ""
  elseif attempt.status == 200 then
    self.succeeded_us = mono()
  end
end

--- The service took it: its id is durable before it counts as sent.
function Push:accepted(item, answer, attempt_at)
  local j, seq = self.journal, item.seq
  local ok, err = j:sent(seq, answer.batch_id, attempt_at, item.events)
  if ok and item.starts_at <= now() then
    local marks = core.body.late(item.body, now(), item.codes)
    if marks then ok, err = j:outcome(seq, item.codes or ("\0"):rep(item.records), marks, nil, nil, item.left or item.records) end
    item.late = marks
  end
  self.rejections = 0
  self:done(item)
  if ok then ok, err = j:durable() end
  if not ok then return self:journal_failed(err) end
  self.counts:sent(item)
  if self.hooks.on_batch then self.hooks.on_batch{ seq = seq, batch_id = answer.batch_id, records = item.left or item.records } end
  return true
end

--- What a failure that the caller has given up on makes of the batch. Returns true when the batch shall go once more.
function Push:failed(item, err)
  local j = self.journal
  if item.state == STATE.expired then
    return false
  elseif err.kind == "in_doubt" then
    local why = err.message:gsub("^.-: ", "", 1)
    j:mark(item.seq, STATE.doubt, why, item.events)
    item.events = ""
    if self.in_doubt ~= "resend" or item.resends >= RESENDS then
      self.counts:doubt(item)
      return false
    end
    item:resend()
    return true
  elseif err.kind == "input" or err.kind == "forbidden" or err.kind == "not_found" then
    j:mark(item.seq, STATE.rejected, "rejected: " .. err.message, item.events)
    self.counts:rejected(item, "rejected: " .. err.message)
    self.rejections = self.rejections + 1
    if err.kind ~= "input" and self.rejections >= REJECTIONS and not self.counts.any_sent then self:stop("rejected", err) end
    return false
  end
  if item.seq and item.state == STATE.intent then
    item.state = STATE.waiting
    if not self.journal._failed then j:mark(item.seq, STATE.waiting, err.kind, item.events) end
    item.events = ""
  end
  if err.kind == "auth" or err.kind == "config" or err.kind == "memory" or err.kind == "store" then self:stop(err.kind, err) end
  if self.stopped or err.kind == "cancelled" then return false end
  self.last_err = err
  return true
end

--- Batches that wait to be sent, this one included, as far as is known: the account gets as many tokens as they need.
function Push:demand()
  return math.max(1, math.ceil(1 + (self.to_come and self.to_come() or 0)))
end

--- Sends one batch until it is accepted, expired, in doubt, rejected, or the run stops.
function Push:send(item, slot)
  local pause = PAUSE_FIRST_S
  while not self.stopped do
    local sent_at
    local res, err = self.caller:request(self.dialect == "v1" and "v1_push" or "push", {
      body = item.body, count = item.left or item.records, deadline_s = self:deadline(), demand = self:demand(),
      need_by_us = mono() + math.max(0, item.starts_at - now()) * 1000,
      before = function() return self:before(item, slot) end,
      after = function(attempt)
        sent_at = attempt.sent_at
        return self:after(item, attempt)
      end,
    })
    local answer
    if res then
      answer, err = M.read_answer(res.body)
      if answer then return self:accepted(item, answer, sent_at) end
    end
    if not self:failed(item, err) then break end
    if err.kind ~= "in_doubt" then
      task.sleep(math.min(pause, math.max(0.01, self:patience_left())))
      pause = math.min(pause * 2, PAUSE_MOST_S)
      if self:patience_left() <= 0 then self:stop("patience", self.last_err) end
    end
  end
  return self:done(item)
end

--- The batch has left the wire: its body goes back, the dispatcher may go on.
function Push:done(item)
  if item.is_done then return end
  item.is_done, self.in_flight = true, self.in_flight - 1         -- first: what follows may fail for want of memory
  item:release()
  self.room:pulse()
end

function Push:patience_left()
  return self.patience_s - (mono() - self.succeeded_us) / 1e6
end

function Push:deadline()
  return math.max(0.1, math.min(self.deadline_s, self:patience_left()))
end

--- Hands out one batch; returns when it has its slot, or is over.
function Push:start(item)
  while self.in_flight >= self.in_flight_max and not self.stopped do self.room:wait() end
  if self.stopped then return item:release() end
  local slot = task.event()
  self.handed_out = self.handed_out + 1
  self.in_flight, self.at_work = self.in_flight + 1, self.at_work + 1
  local t = task.spawn(self.send, self, item, slot)
  t.on_done = function()
    self.at_work = self.at_work - 1
    local no_memory = errors.memory(t.err)
    if no_memory then                                       -- before the next batch: a later row would hide that this one has none
      self.journal:abandon(no_memory)
      self:stop("memory", no_memory)
    elseif t.failed and self.unsent[t] and item.seq and item.state == STATE.intent then    -- cancelled while the disk wrote: it never left
      self.journal:mark(item.seq, STATE.waiting, nil, item.events)
    end
    self.unsent[t] = nil
    self:done(item)
    slot:set()
    self.room:pulse()
    if t.trace and not no_memory then                        -- a hook's error, say: told once what is under way has its answer
      self.raised = self.raised or t.err
      self:stop "raised"
    end
    return t.trace ~= nil
  end
  self.unsent[t] = true
  slot:wait()
end

--- Every window of the batch has passed already: it needs no slot.
function Push:is_over(item)
  local at = now()
  return item.last_ends_at <= at or (self.strict and item.last_starts_at ~= nil and item.last_starts_at <= at)
end

function Push:write_off(item)
  item.state = STATE.expired
  local ok, err
  if item.seq then ok, err = self.journal:mark(item.seq, STATE.expired, nil, item.events) else ok, err = self.journal:add(item) end
  item:release()
  if not ok then return self:journal_failed(err) end
  self.counts:expired(item)
end

--- Takes batches until there are none, the run is stopped, or its bounds are reached.
function Push:dispatch()
  local left = (self.max_records or math.huge) - self.begun
  for item in self.items do
    if item.records > left then
      item:release()
      self.enough = "max_records"
      break
    end
    if item.generation == 0 and self:is_over(item) then
      self:write_off(item)
    else
      left, self.begun = left - item.records, self.begun + item.records
      self:start(item)
    end
    if self.stopped then break end
  end
end

--- Waits until every batch that was handed out is over, its hook included.
function Push:drain()
  while self.at_work > 0 do self.room:wait() end
end

--- The batch id out of an answer of either dialect; nil, err of kind in_doubt when there is none.
function M.read_answer(body)
  local answer = json.decode(body)
  local id = type(answer) == "table" and answer.batch_id
  if type(id) ~= "string" and type(answer) == "table" and type(answer.message) == "string" then
    id = require("tcb.v1").batch_id(answer.message)
  end
  if type(id) == "string" and id ~= "" and not id:find "[^\33-\126]" then return { batch_id = id } end
  return errors.fail("in_doubt", "push: the answer names no batch", { call = "push", sent = true })
end

--- Makes a run.
---@param fields table journal, caller, items (iterator), counts, hooks, in_doubt, strict, patience_s, deadline_s,
--- max_records, unlimited, dialect
function M.new(fields)
  local self = setmetatable({
    in_flight = 0, at_work = 0, begun = 0, handed_out = 0, to_come = nil, enough = nil, room = task.event(), unsent = {}, stopped = nil,
    stop_err = nil, raised = nil, succeeded_us = mono(), rejections = 0,
    in_flight_max = fields.unlimited and IN_FLIGHT_UNLIMITED or IN_FLIGHT,
  }, Push)
  for k, v in pairs(fields) do self[k] = v end
  return self
end

return M
