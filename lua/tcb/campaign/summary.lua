--- What became of all records, counted from the journal. At every moment the outcomes add up to the records.
-- @module tcb.campaign.summary
local core = require "tcb.core"
local journal = require "tcb.campaign.journal"

local STATE, CODE = journal.STATE, core.outcome
local M = {}

--- The counters in the order in which they are shown.
M.FIELDS = { "input", "dropped", "split", "records", "refused", "success", "failed", "expired", "in_doubt", "waiting", "sent", "late",
  "batches", "requests", "mints", "rate_limited" }

---@class tcb.Summary
---@field journal string path
---@field input integer rows read (with those that an interrupted run has not reached, where the input is there)
---@field dropped integer rows that a hook dropped
---@field split integer records more than rows: by a hook or a schedule
---@field records integer refused + success + failed + expired + in_doubt + waiting + sent
---@field refused integer
---@field success integer
---@field failed integer
---@field expired integer
---@field in_doubt integer
---@field waiting integer
---@field sent integer
---@field late integer
---@field batches integer accepted by the service
---@field requests integer
---@field mints integer
---@field rate_limited integer answers 429
---@field reasons table<string, integer> of the failed and the doubtful
---@field by_outcome table<string, table<string, integer>> reasons of failed and in_doubt, codes and fields of refused
local Summary = {}
Summary.__index = Summary
Summary.__name = "tcb.summary"

--- What a record is whose batch is in that state and that has no outcome of its own.
local OUTCOME = { [STATE.waiting] = "waiting", [STATE.intent] = "in_doubt", [STATE.sent] = "sent", [STATE.doubt] = "in_doubt",
  [STATE.rejected] = "failed", [STATE.expired] = "expired" }
M.OUTCOME = OUTCOME

local function add(t, key, n)
  if n and n > 0 then t[key] = (t[key] or 0) + n end
end

--- `n` records with this outcome, for this reason.
local function add_reason(s, outcome, text, n)
  add(s.reasons, text, n)
  s.by_outcome[outcome] = s.by_outcome[outcome] or {}
  add(s.by_outcome[outcome], text, n)
end

local function count_codes(s, counts, reasons, state, why)
  for code, n in pairs(counts) do
    if code == CODE.OPEN then
      s[OUTCOME[state]] = s[OUTCOME[state]] + n
      if OUTCOME[state] == "failed" or OUTCOME[state] == "in_doubt" then add_reason(s, OUTCOME[state], why or "interrupted", n) end
    elseif code == CODE.SUCCESS then
      s.success = s.success + n
    elseif code == CODE.EXPIRED then
      s.expired = s.expired + n
    elseif code == CODE.UNREPORTED then
      s.in_doubt = s.in_doubt + n
      add_reason(s, "in_doubt", "not reported", n)
    elseif code >= CODE.FAILED or code == CODE.NOTED then
      s.failed = s.failed + n
      local reason = reasons[code - CODE.FAILED]
      if code >= CODE.FAILED then add_reason(s, "failed", reason and reason.text or "unknown", n) end
    end
  end
end

local function count_notes(s, codes, notes)
  for _, note in ipairs(assert(core.outcome.notes(notes))) do
    if note.kind == "r" and note.record and codes:byte(note.record) == CODE.NOTED then
      add_reason(s, "failed", note.text:match "^[^%z]*", 1)
    end
  end
end

local function count_outcomes(s, j)
  local reasons, settled = j:reasons(), core.outcome.tally()
  local sql = "SELECT b.state, b.records, b.reason, o.codes, o.marks, o.notes FROM batch b LEFT JOIN outcome o ON o.seq = b.seq"
  for row in assert(j:statement(sql)):rows() do
    local state, records, why, codes, marks, notes = row[1], row[2], row[3], row[4], row[5], row[6]
    if state == STATE.resent then
      codes = nil
    elseif not codes then
      count_codes(s, { [CODE.OPEN] = records }, reasons, state, why)
    elseif state == STATE.sent then
      settled:add(codes, marks)
    else
      count_codes(s, core.outcome.tally():add(codes):counts(), reasons, state, why)
    end
    if codes and notes and codes:find(string.char(CODE.NOTED), 1, true) then count_notes(s, codes, notes) end
  end
  local counts, late = settled:counts()
  count_codes(s, counts, reasons, STATE.sent)
  s.late = late
end

local function count_refusals(s, j)
  local counts = {}
  for row in assert(j:statement("SELECT refused FROM input WHERE refused IS NOT NULL")):rows() do CODE.refused(row[1], counts) end
  s.by_outcome.refused = counts
end

local function count_input(s, j)
  local row = assert(j:statement("SELECT total(refused_count), total(dropped), total(split) FROM input")):row()
  local planned = j:value("SELECT total(records) FROM batch WHERE parent IS NULL AND generation = 0")
  s.refused, s.dropped, s.split = math.floor(row[1]), math.floor(row[2]), math.floor(row[3])
  s.records = s.refused + math.floor(planned)
  s.input = s.records + s.dropped - s.split
end

--- Counts what the journal says. `rest`: what a run that was interrupted has not read yet: { waiting, refused }.
---@param j tcb.Journal
---@return tcb.Summary
function M.read(j, rest)
  local s = setmetatable({ journal = j.path, reasons = {}, by_outcome = {} }, Summary)
  for _, name in ipairs(M.FIELDS) do s[name] = 0 end
  count_input(s, j)
  count_outcomes(s, j)
  count_refusals(s, j)
  s.batches = j:value("SELECT count(*) FROM batch WHERE batch_id IS NOT NULL")
  for _, name in ipairs{ "requests", "mints", "rate_limited" } do s[name] = j.header[name] or 0 end
  if rest then
    s.waiting, s.refused = s.waiting + rest.waiting, s.refused + rest.refused
    s.records, s.dropped = s.records + rest.waiting + rest.refused, s.dropped + (rest.dropped or 0)
    s.input = s.records + s.dropped - s.split
  end
  return s
end

--- The exit code that the outcomes call for.
function Summary:exit_code()
  if self.in_doubt > 0 then return 7 end
  if self.refused > 0 or self.failed > 0 or self.expired > 0 then return 4 end
  return 0
end

--- Reasons of one outcome ("failed", "in_doubt", "refused") as a list, the most frequent first: { { text =, records = } }.
function Summary:ranked(outcome)
  local list = {}
  for text, n in pairs(self.by_outcome[outcome] or {}) do list[#list + 1] = { text = text, records = n } end
  table.sort(list, function(a, b) return a.records > b.records or (a.records == b.records and a.text < b.text) end)
  return list
end

local SHOWN = { "success", "failed", "refused", "expired", "in_doubt", "sent", "waiting" }

--- A table for people: a line an outcome, its reasons below it.
function Summary:__tostring()
  local lines = { ("%10d records of %d rows"):format(self.records, self.input) }
  for _, name in ipairs(SHOWN) do
    if self[name] > 0 then lines[#lines + 1] = ("%10d %s"):format(self[name], (name:gsub("_", " "))) end
    for _, r in ipairs(self:ranked(name)) do lines[#lines + 1] = ("%10d   %s"):format(r.records, r.text) end
  end
  if self.late > 0 then lines[#lines + 1] = ("%10d late: their window had begun"):format(self.late) end
  return table.concat(lines, "\n")
end

return M
