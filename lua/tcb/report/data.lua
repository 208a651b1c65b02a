--- What a report tells, read from the journal in one pass; memory is bounded whatever the campaign's size.
--
-- The input is asked only for the receivers of the failures in the table; without it those cells stay empty.
-- @module tcb.report.data
local core = require "tcb.core"
local html = require "tcb.report.html"
local items = require "tcb.campaign.items"
local journal = require "tcb.campaign.journal"
local json = require "tcb.json"
local setup = require "tcb.campaign.setup"
local summary = require "tcb.campaign.summary"

local STATE, CODE = journal.STATE, core.outcome
local M = {}

local MINUTE = 60000
local EXCLUDED = "excluded"                                         -- rows on the exclude list were dropped, not refused
local SLOWEST = 10
local EXPIRED = "its window passed before it could be sent"

local function count_byte(codes, code)
  local _, n = codes:gsub(string.char(code), "")
  return n
end

---@class tcb.report.Reader
local Reader = {}
Reader.__index = Reader

--- A code's outcome and reason; nothing for a record that succeeded, is under way, or is counted elsewhere.
function Reader:fate(b, code, position, notes)
  if code == CODE.OPEN then
    local outcome = summary.OUTCOME[b.state]
    if outcome == "failed" or outcome == "in_doubt" then return outcome, b.reason or "interrupted" end
    if outcome == "expired" then return outcome, EXPIRED end
  elseif code == CODE.EXPIRED then
    return "expired", EXPIRED
  elseif code == CODE.UNREPORTED then
    return "in_doubt", "not reported"
  elseif code == CODE.NOTED then
    for _, note in ipairs(notes and CODE.notes(notes) or {}) do
      if note.kind == "r" and note.record == position then return "failed", note.text:match "^[^%z]*" end
    end
    return "failed", "unknown"
  elseif code >= CODE.FAILED then
    local reason = self.reasons[code - CODE.FAILED]
    return "failed", reason and reason.text or "unknown"
  end
end

--- Receiver and start of each record of a batch, out of the input; an empty list when that cannot be read (any more).
function Reader:records_of(seq)
  if self.unreadable then return {} end
  local ok, body, err = pcall(self.bodies.of, self.bodies, seq)
  if not ok or not body then
    self.unreadable = ok and err or body
    return {}
  end
  local decoded = json.decode(body:string())
  body:close()
  if type(decoded) ~= "table" then return {} end
  local list = decoded[1] and decoded or decoded.call_records or select(2, next(decoded))
  return type(list) == "table" and list or {}
end

--- The line of each record of a batch, from where the journal says that it lies.
local function lines_of(spans)
  local list = {}
  for _, span in ipairs(spans and core.spans.list(spans) or {}) do
    for i = 0, span.records - 1 do list[#list + 1] = span.line + i end
  end
  return list
end

function Reader:add_refusals(packed)
  for line, _, code, _, message in core.refusals(packed) do
    if #self.failures >= self.most then return end
    if code ~= EXCLUDED then
      self.failures[#self.failures + 1] = { line = line, number = "", outcome = "refused", reason = message }
    end
  end
end

function Reader:add_failures(b, spans, codes, notes)
  local lines, records
  for i = 1, b.records do
    local outcome, reason = self:fate(b, codes and codes:byte(i) or CODE.OPEN, i, notes)
    if outcome then
      lines, records = lines or lines_of(spans), records or self:records_of(b.seq)
      local r = records[i] or {}
      local number = r.receiver_number or r.receiver
      self.failures[#self.failures + 1] = { line = lines[i], number = type(number) == "string" and core.phone.mask(number) or "",
        starts_at = tonumber(r.starts_at), outcome = outcome, reason = reason, seq = b.seq }
      if #self.failures >= self.most then return end
    end
  end
end

--- Could any record of the batch be one for the table?
local function may_fail(b, codes)
  if b.state == STATE.resent then return false end
  local is_under_way = b.state == STATE.waiting or b.state == STATE.sent
  return not is_under_way or codes ~= nil and codes:find "[^%z\1\4]" ~= nil
end

--- Minutes and windows: what was committed when, what was too late, what never was.
function Reader:add_batch(b, codes, marks)
  local w = self.windows
  local expired, moved = codes and count_byte(codes, CODE.EXPIRED) or 0, codes and count_byte(codes, CODE.MOVED) or 0
  if b.state == STATE.sent then
    local minute = b.sent_at - b.sent_at % MINUTE
    self.minutes[minute] = (self.minutes[minute] or 0) + b.records - expired
    local late = 0
    if marks and moved == 0 then
      late = select(2, CODE.tally():add(codes, marks):counts())
    elseif marks then
      for i = 1, #marks do
        if marks:byte(i) % 2 == CODE.LATE and codes:byte(i) ~= CODE.MOVED then late = late + 1 end
      end
    end
    w.late, w.missed = w.late + late, w.missed + expired
    w.met = w.met + b.records - expired - moved - late
  elseif b.state == STATE.rejected or b.state == STATE.expired then
    w.missed = w.missed + b.records - moved
  end
end

local PASS = "SELECT i.seq, i.refused, i.spans, b.state, b.records, b.reason, b.sent_at, o.codes, o.marks, o.notes"
  .. " FROM input i LEFT JOIN batch b ON b.seq = i.seq LEFT JOIN outcome o ON o.seq = i.seq ORDER BY i.seq"

function Reader:pass(j)
  for row in assert(j:statement(PASS)):rows() do
    local b = { seq = row[1], state = row[4], records = row[5], reason = row[6], sent_at = row[7] }
    local codes, marks, notes = row[8], row[9], row[10]
    if row[2] and #self.failures < self.most then self:add_refusals(row[2]) end
    if b.state then
      self:add_batch(b, codes, marks)
      if #self.failures < self.most and may_fail(b, codes) then self:add_failures(b, row[3], codes, notes) end
    end
  end
end

local function timeline_of(minutes)
  local list = {}
  for at, n in pairs(minutes) do list[#list + 1] = { at = at, records = n } end
  table.sort(list, function(a, b) return a.at < b.at end)
  return list
end

local function slowest_of(j)
  local list = {}
  local sql = "SELECT seq, batch_id, records, sent_at, polled_at FROM batch WHERE batch_id IS NOT NULL AND open = 0 AND polled_at IS NOT NULL"
    .. " ORDER BY polled_at - sent_at DESC, seq LIMIT " .. SLOWEST
  for row in assert(j:statement(sql)):rows() do
    list[#list + 1] = { seq = row[1], batch_id = row[2], records = row[3], sent_at = row[4], seconds = (row[5] - row[4]) / 1000 }
  end
  return list
end

local function reasons_of(s)
  local list = {}
  for _, outcome in ipairs{ "failed", "in_doubt", "refused" } do
    for _, r in ipairs(s:ranked(outcome)) do list[#list + 1] = { outcome = outcome, text = r.text, records = r.records } end
  end
  if s.expired > 0 then list[#list + 1] = { outcome = "expired", text = EXPIRED, records = s.expired } end
  return list
end

--- Reads the report of a campaign. Blocks while it reads; nothing is written.
---@param c tcb.Campaign made with its journal, and its source where the input's place is known
---@param options? { rows: integer? } failures in the table, at most html.ROWS_MAX; 0: none, then the input is not read for it
---@return tcb.ReportData? data
---@return tcb.Error? err
function M.read(c, options)
  local j, err = journal.open(c.journal, { readonly = true })
  if not j then return nil, err end
  local most = math.min(options and options.rows or html.ROWS_MAX, html.ROWS_MAX)
  local ok, data = pcall(function()
    local known, source = true, c.source
    if not source then known, source = pcall(setup.stored_source, j) end
    c.source = known and source or nil
    local self = setmetatable({ most = most, failures = {}, minutes = {}, windows = { met = 0, late = 0, missed = 0 }, reasons = j:reasons(),
      unreadable = not c.source, bodies = items.bodies(j, c.source, setup.stored(c, j)) }, Reader)
    local s = summary.read(j, setup.rest(c, j))
    self:pass(j)
    return { title = c.journal:match "[^/]*$", generated_at = core.clock.now(), summary = s, reasons = reasons_of(s),
      timeline = timeline_of(self.minutes), ceiling = j.header.ceiling or 0, windows = self.windows, slowest = slowest_of(j),
      failures = self.failures, failures_total = s.refused + s.failed + s.expired + s.in_doubt, export = "tcb export " .. c.journal }
  end)
  if c.source and c.source.close then c.source:close() end
  j:close()
  if ok then return data end
  if require("tcb.errors").is(data) then return nil, data end
  error(data, 0)
end

return M
