--- What a run has done so far: the numbers of its progress, and the journal's counters of requests.
-- @module tcb.campaign.counts
local core = require "tcb.core"
local summary = require "tcb.campaign.summary"

local CODE = core.outcome
local mono = core.clock.mono
local M = {}

---@class tcb.campaign.Counts
local Counts = {}
Counts.__index = Counts

--- `j`: requests, mints and answers 429 are added to its header with each commit.
function M.new(j, rest)
  local self = setmetatable({ journal = j, before = summary.read(j, rest), requests = 0, mints = 0, rate_limited = 0, records = 0,
    settled_now = 0, began_us = mono(), any_sent = false, noted = {} }, Counts)
  self.now = {}
  for _, name in ipairs(summary.FIELDS) do self.now[name] = self.before[name] end
  for _, name in ipairs{ "requests", "mints", "rate_limited" } do self.noted[name] = 0 end
  j.before_commit = function() self:note() end
  return self
end

--- Writes the counters of requests into the header; called in the transaction of each commit.
function Counts:note()
  for name, noted in pairs(self.noted) do
    if self[name] ~= noted then
      self.noted[name] = self[name]
      self.journal:count(name, self[name] - noted)
    end
  end
end

--- One request of the campaign, a mint included.
function Counts:attempt(a)
  if self.on_answer and a.status then
    local first = self.on_answer
    self.on_answer = nil
    first()
  end
  self.requests = self.requests + 1
  if a.call == "token" then self.mints = self.mints + 1 end
  if a.status == 429 then self.rate_limited = self.rate_limited + 1 end
end

--- A batch joined the journal, with the refusals before it.
function Counts:planned(item)
  if item.parent or item.generation > 0 then return end
  local n, refused = self.now, item.refused_count or 0
  n.refused, n.records = n.refused + refused, n.records + refused + item.records
  n.input = n.input + refused + item.records + (item.dropped or 0) - (item.split or 0)
  n.dropped, n.split = n.dropped + (item.dropped or 0), n.split + (item.split or 0)
end

function Counts:refused(b)
  self:planned{ records = 0, generation = 0, refused_count = b.refused_count, dropped = (b.dropped or 0) + (b.excluded_count or 0),
    split = b.split }
end

function Counts:sent(item)
  self.any_sent = true
  self.records = self.records + item.left
  self.now.sent, self.now.batches = self.now.sent + item.left, self.now.batches + 1
  if item.codes then self.now.expired = self.now.expired + item.records - item.left end
end

function Counts:expired(item) self.now.expired = self.now.expired + item.records end
function Counts:doubt(item) self.now.in_doubt = self.now.in_doubt + item.left end
function Counts:rejected(item) self.now.failed = self.now.failed + item.left end

local function by_outcome(codes)
  local success, failed = 0, 0
  for code, n in pairs((core.outcome.tally():add(codes):counts())) do
    if code == CODE.SUCCESS then success = success + n
    elseif code >= CODE.FAILED or code == CODE.NOTED then failed = failed + n end
  end
  return success, failed
end

--- A status document changed the codes of a batch.
function Counts:settled(old, new, counts)
  local success, failed = by_outcome(new)
  if old then
    local s, f = by_outcome(old)
    success, failed = success - s, failed - f
  end
  local n = self.now
  n.success, n.failed, n.sent = n.success + success, n.failed + failed, n.sent - success - failed
  self.settled_now = self.settled_now + counts.changed
end

function Counts:unreported(n)
  self.now.sent, self.now.in_doubt = self.now.sent - n, self.now.in_doubt + n
end

--- What a progress display shows: the summary's numbers so far, and the pace of this run.
---@param more table? in_flight, tokens, ceiling (records a minute), fraction of the input read, fraction_begin: where this run began
function Counts:progress(more)
  local p, elapsed = {}, (mono() - self.began_us) / 1e6
  for name, n in pairs(self.now) do p[name] = n end
  for name in pairs(self.noted) do p[name] = self.before[name] + self[name] end
  p.elapsed_s = elapsed
  p.sent_now = self.records
  p.records_per_minute = elapsed > 0 and self.records * 60 / elapsed or 0
  for name, value in pairs(more or {}) do p[name] = value end
  if p.fraction and p.fraction > 0 and p.fraction < 1 and p.fraction_begin and p.fraction > p.fraction_begin then
    p.eta_s = elapsed * (1 - p.fraction) / (p.fraction - p.fraction_begin)
  end
  p.fraction_begin = nil
  return p
end

return M
