--- Asks the service what became of the batches that were sent, until all is settled.
-- A batch is asked for once it had time to settle, then ever more slowly; batches with no open record are never asked for again.
-- @module tcb.campaign.reconcile
local core = require "tcb.core"
local errors = require "tcb.errors"
local events = require "tcb.campaign.events"
local journal = require "tcb.campaign.journal"
local json = require "tcb.json"
local task = require "tcb.task"

local STATE, CODE = journal.STATE, core.outcome
local now, mono = core.clock.now, core.clock.mono
local M = {}

local IN_FLIGHT = 8
local FIRST_MS, LONGEST_MS = 1000, 60000                 -- after the push, then doubling from poll to poll
local LAG_S = 0.1                                        -- what a poll said may be asked again: commits need not follow each turn
local LATEST_S = 60                                      -- a pass looks at all that is due at least this often

---@class tcb.campaign.Reconcile
local Reconcile = {}
Reconcile.__index = Reconcile

function Reconcile:stop(reason, err)
  if self.stopped then return end
  self.stopped, self.stop_err = reason, err
  self.room:pulse()
  self.wake:set()
end

--- When a batch should be asked for next, epoch ms.
local function due_at(b, at)
  local last = b.polled_at or b.sent_at or 0
  if last > at then return at end                         -- the clock went back
  return last + math.min(FIRST_MS * 2 ^ b.polls, LONGEST_MS)
end

--- Rows that the scan in C left: decoded, with v2 names.
local V1 = { caller = "caller_number", receiver = "receiver_number" }
function M.take_odd(settle, body, odd)
  for i = 1, #odd, 2 do
    local text = body:string(odd[i] + 1, odd[i] + odd[i + 1])
    local row = json.decode(text)
    if type(row) == "table" then
      for old, new in pairs(V1) do row[new] = row[new] or row[old] end
      local info = type(row.status_info) == "table" and row.status_info or row
      row.status, row.message, row.field = info.status, info.message, info.field
      for _, name in ipairs{ "starts_at", "ends_at" } do row[name] = tonumber(row[name]) end
      local ok, err = settle:take(row, text)
      if not ok then return nil, err end
    end
  end
  return true
end

--- Puts one status document into the journal. Returns its counts and what tells on_settled of it, or nil, err of kind proto (nothing was
--- changed) or store.
function Reconcile:settle(b, body)
  local j, settle = self.journal, self.settler
  local codes, marks, ids, notes = j:outcomes(b.seq)
  local ok, odd = settle:begin(j:hashes(b.seq, self.hashes), codes, ids, marks, notes)
  if ok then ok, odd = settle:scan(body, b.batch_id) end
  if ok and odd then ok, odd = M.take_odd(settle, body, odd) end
  if not ok then return nil, odd end
  local counts = settle:finish(self.result)
  local err
  if counts.changed > 0 or counts.grouped > 0 or not codes then
    marks, notes = settle:results(self.codes, self.ids)
    for n, text, field in function() return settle:fresh() end do
      ok, err = j:reason(n, text, field)
      if not ok then return nil, err end
    end
    ok, err = j:outcome(b.seq, self.codes, marks, self.ids, notes)
    if not ok then return nil, err end
    self.counts:settled(codes, self.codes, counts)
    if self.on_settled then
      local new, new_ids = self.codes:string(), self.ids:string()
      return counts, function() self.on_settled(b, codes, new, new_ids) end
    end
  end
  return counts
end

--- Records that were never reported although their windows are long over: in doubt.
function Reconcile:give_up(b, at)
  local codes, marks, ids, notes = self.journal:outcomes(b.seq)
  local open, given_up = CODE.where(codes or ("\0"):rep(b.records), CODE.OPEN, CODE.UNREPORTED)
  local ok, err = self.journal:outcome(b.seq, given_up, marks, ids, notes)
  if ok then ok, err = self.journal:polled(b.seq, 0, at, events.line("given-up", at, #open, "records")) end
  self.counts:unreported(#open)
  return ok, err
end

local function document_error(err)
  return { kind = err.kind, status = 200, slug = err.slug }
end

--- One poll: the answer of the service, or what its absence means.
function Reconcile:poll(b)
  local text = ""
  local res, err = self.caller:request(self.call, {
    query = { batchId = b.batch_id }, want = "buf", into = table.remove(self.spare), deadline_s = self.deadline_s,
    after = function(attempt)
      text = text .. events.attempt(attempt)
      self.counts:attempt(attempt)
    end,
  })
  local counts, tell
  if res then
    self.succeeded_us = mono()
    counts, tell = self:settle(b, res.body)
    if not counts then err, tell = tell, nil end
    self.spare[#self.spare + 1] = res.body
  end
  local at, open = now(), counts and counts.open or b.open
  if counts then
    text = text .. events.line("rows", at, counts.rows, "rows", counts.open, "open", counts.extra, "extra", counts.duplicates, "twice")
  end
  if err and err.kind == "store" then return self:stop("journal", err) end
  local ok, failed = self.journal:polled(b.seq, open, at, text)
  if ok and open > 0 and at >= b.last_ends_at + self.give_up_s * 1000 and (counts or err.kind == "not_found" or err.kind == "proto") then
    ok, failed = self:give_up(b, at)
  end
  if not ok then return self:stop("journal", failed) end
  if tell then tell() end
  if not err or document_error(err).kind == "proto" or err.kind == "not_found" then return end
  if err.kind == "auth" or err.kind == "forbidden" or err.kind == "config" then return self:stop(err.kind, err) end
  if err.kind ~= "cancelled" and (mono() - self.succeeded_us) / 1e6 >= self.patience_s then self:stop("patience", err) end
end

function Reconcile:open_batches()
  return self.journal:batches("state = ? AND open > 0" .. (self.where or ""), STATE.sent)
end

--- Polls those that are due, one after the other.
function Reconcile:work(batches)
  for b in batches do
    local at = now()
    if due_at(b, at) <= at then self:poll(b) end
    if self.stopped then break end
  end
end

--- One pass over the open batches, which a few tasks share.
function Reconcile:pass()
  local batches = self:open_batches()
  for _ = 1, IN_FLIGHT do
    local t = task.spawn(self.work, self, batches)
    self.in_flight = self.in_flight + 1
    t.on_done = function()
      local no_memory = errors.memory(t.err)
      if no_memory then
        self.journal:abandon(no_memory)
        self:stop("memory", no_memory)
      end
      self.in_flight = self.in_flight - 1
      self.room:pulse()
      if t.trace and not no_memory then                      -- a hook's error, say: told once what is under way has its answer
        self.raised = self.raised or t.err
        self:stop "raised"
      end
      return t.trace ~= nil
    end
  end
  while self.in_flight > 0 do self.room:wait() end
  if self.raised then error(self.raised, 0) end
end

--- Polls until no record is open, the time is over, or the run is stopped. Returns true when all is settled.
function Reconcile:go()
  self.journal.lag_s = LAG_S
  local ok, settled = pcall(self._go, self)
  self.journal.lag_s = nil
  if not ok then error(settled, 0) end
  return settled
end

function Reconcile:_go()
  local until_us = self.timeout_s and mono() + self.timeout_s * 1e6 or math.huge
  while not self.stopped do
    self:pass()
    local at, soonest = now(), math.huge
    for b in self:open_batches() do soonest = math.min(soonest, due_at(b, at)) end
    if soonest == math.huge then return true end
    if self.stopped or mono() >= until_us then break end
    local wait = math.min((soonest - at) / 1000, (until_us - mono()) / 1e6, LATEST_S)
    self.wake:wait(math.max(0.001, wait))
  end
  return false
end

local function settler(j)
  local s, err = core.settle()
  if not s then return nil, err end
  local reasons, n = j:reasons(), 0
  while reasons[n] do
    local ok
    ok, err = s:learn(n, reasons[n].text, reasons[n].field)
    if not ok then return nil, err end
    n = n + 1
  end
  return s
end

--- Makes a run. `fields`: journal, caller, counts, give_up_s, patience_s, deadline_s, timeout_s, dialect, where (SQL that narrows the
--- batches), on_settled.
---@return tcb.campaign.Reconcile? run
---@return tcb.Error? err
function M.new(fields)
  local s, err = settler(fields.journal)
  if not s then return nil, err end
  local self = setmetatable({ settler = s, in_flight = 0, room = task.event(), wake = task.event(), succeeded_us = mono(),
    hashes = core.buf(), codes = core.buf(), ids = core.buf(), spare = {}, result = {},
    call = fields.dialect == "v1" and "v1_status" or "status" }, Reconcile)
  for k, v in pairs(fields) do self[k] = v end
  return self
end

--- The error of a run that did not settle all; nil when there was none.
function M.unsettled(seconds)
  return errors.new{ kind = "timeout", message = ("some records are not settled after %g s"):format(seconds),
    remedy = "run reconcile again later" }
end

return M
