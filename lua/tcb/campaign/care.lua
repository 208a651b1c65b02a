--- Looking after a journal: is it whole, what can be forgotten, what a person has found out about batches in doubt.
-- @module tcb.campaign.care
local core = require "tcb.core"
local again = require "tcb.campaign.again"
local events = require "tcb.campaign.events"
local journal = require "tcb.campaign.journal"
local json = require "tcb.json"
local setup = require "tcb.campaign.setup"

local STATE, CODE = journal.STATE, core.outcome
local M = {}

local function records_of_spans(spans)
  local list, n = core.spans.list(spans), 0
  for _, s in ipairs(list or {}) do n = n + s.records end
  return list and n
end

local function origin_records(origin)
  local n = 0
  for _, o in ipairs(again.unpack(origin)) do n = n + #o.positions end
  return n
end

--- Has nobody to be asked about the batch, and nothing of it to be sent, any more?
function M.is_over(b)
  return b.state == STATE.rejected or b.state == STATE.expired or b.state == STATE.resent or b.state == STATE.sent and b.open == 0
end

--- What is wrong with one batch: a sentence, or nil.
local function fault_of(j, b)
  local row = j:input(b.seq)
  if not row then return "has no input row" end
  if not journal.STATE_NAME[b.state] then return ("has the unknown state %s"):format(tostring(b.state)) end
  local is_purged = row.hashes == "" and M.is_over(b)
  if not is_purged and (not row.hashes or #row.hashes ~= 8 * b.records) then return "has not one hash a record" end
  local placed = row.origin and origin_records(row.origin) or row.spans and records_of_spans(row.spans)
  if placed ~= b.records then return ("has places for %s of its %d records"):format(tostring(placed), b.records) end
  if b.state == STATE.sent and b.open > 0 and not b.batch_id then return "counts as sent without the service's id" end
  local codes, marks, ids, notes = j:outcomes(b.seq)
  if not codes then return b.open ~= b.records and b.state == STATE.sent and b.open ~= 0 and "misses its outcomes" or nil end
  if #codes ~= b.records or (marks and #marks ~= b.records) or (ids and #ids ~= 16 * b.records) then
    return "has outcomes for another number of records"
  end
  if notes and not core.outcome.notes(notes) then return "has notes that cannot be read" end
  local open = #(CODE.where(codes, CODE.OPEN))
  if b.state == STATE.sent and open ~= b.open and b.open ~= 0 then return ("says %d open records and has %d"):format(b.open, open) end
  return nil
end

--- Is the input still the one that the batches were made of?
local function check_input(j, source, problems)
  local shape, checked = j.header.shape and json.decode(j.header.shape), 0
  if not shape or j.header.keeps_bodies == 1 then return 0 end
  for b in j:batches("parent IS NULL AND generation = 0") do
    local row = j:input(b.seq)
    if row.hashes ~= "" then                               -- not purged
      local made, err = source:rebuild(shape, row.spans)
      if not made or made.hashes ~= row.hashes then
        problems[#problems + 1] = { seq = b.seq,
          message = ("batch %d: %s"):format(b.seq, made and "the input holds other records now" or err.message) }
        if #problems >= 20 then break end
      end
      if made then made.body:close() end
      checked = checked + 1
    end
  end
  source:close()
  return checked
end

--- Checks a journal, and the input where it is there. Blocks while it reads.
---@return { batches: integer, records: integer, version: integer, input_batches: integer, problems: { seq: integer?, message: string }[] }? report
---@return tcb.Error? err
function M.verify(path, source)
  local j, err = journal.open(path, { readonly = true })
  if not j then return nil, err end
  local report = { batches = 0, records = 0, version = j:value "PRAGMA user_version", input_batches = 0, problems = {} }
  local ok, raised = pcall(function()
    for row in assert(j:statement "PRAGMA integrity_check"):rows() do
      if row[1] ~= "ok" then report.problems[#report.problems + 1] = { message = "SQLite says: " .. tostring(row[1]) } end
    end
    if #report.problems > 0 then return end
    for b in j:batches() do
      report.batches, report.records = report.batches + 1, report.records + b.records
      local fault = fault_of(j, b)
      if fault then report.problems[#report.problems + 1] = { seq = b.seq, message = ("batch %d %s"):format(b.seq, fault) } end
    end
    source = source or setup.stored_source(j)
    local there = source and source.identity and source:identity()
    if there and there.size then report.input_batches = check_input(j, source, report.problems) end
  end)
  j:close()
  if not ok then
    if require("tcb.errors").is(raised) then report.problems[#report.problems + 1] = { message = raised.message } else error(raised, 0) end
  end
  return report
end

local function change(path, what, fn)
  local j, err = journal.open(path, { what = what })
  if not j then return nil, err end
  local ok, result, failed = pcall(fn, j)
  if ok and result then
    local done
    done, failed = j:commit()
    if not done then result = nil end
  end
  j:close()
  if not ok then error(result, 0) end
  return result, failed
end

--- What is left of a campaign whose batches are all purged needs its kept input no more.
local function remove_kept(j)
  local left = j:value "SELECT count(*) FROM batch JOIN hash USING (seq) WHERE hashes <> x''"
  local kept = setup.kept_path(j.path)
  return j.header.input_done == 1 and left == 0 and os.remove(kept) or false
end

--- Forgets what is not needed for counts of batches whose last window ended over `older_s` ago and that are settled: bodies, notes, the
--- service's ids, match hashes, events. Outcomes stay; `export` and `why` lose these batches' details. Once all batches are purged, the
--- copy of the input that was kept beside the journal goes, too.
---@return { batches: integer, input: boolean }? purged batches, and whether the kept input was removed
---@return tcb.Error? err
function M.purge(path, older_s)
  return change(path, "journal purge", function(j)
    local before, sum = core.clock.now() - older_s * 1000, { batches = 0, input = false }
    for b in j:batches("last_ends_at < ?", before) do
      if M.is_over(b) and j:hashes(b.seq) ~= "" then
        local ok, err = j:purge(b.seq)
        if not ok then return nil, err end
        sum.batches = sum.batches + 1
      end
    end
    local ok, err = j:commit()
    if ok and sum.batches > 0 then ok, err = j.db:exec "VACUUM" end         -- what was deleted leaves the file
    if not ok then return nil, err end
    sum.input = remove_kept(j)
    return sum
  end)
end

--- Settles what a person knows about batches in doubt: "sent": they arrived (their records stay `sent`, nobody can be asked about them);
--- "resend": the next push sends them again.
---@param as "sent"|"resend"
---@return { batches: integer, records: integer }?
function M.resolve(path, as)
  return change(path, "journal resolve", function(j)
    local sum, at = { batches = 0, records = 0 }, core.clock.now()
    for b in j:batches("state = ? OR state = ?", STATE.doubt, STATE.intent) do
      local ok, err = j:mark(b.seq, as == "sent" and STATE.sent or STATE.waiting, nil, events.line("resolved", at, as))
      if ok and as == "sent" then ok, err = j:settle_open(b.seq) end
      if not ok then return nil, err end
      sum.batches, sum.records = sum.batches + 1, sum.records + b.open
    end
    return sum
  end)
end

return M
