--- The input once more, each row with what became of it: CSV, JSON lines, or a SQLite table.
-- @module tcb.campaign.export
local core = require "tcb.core"
local errors = require "tcb.errors"
local again = require "tcb.campaign.again"
local journal = require "tcb.campaign.journal"
local json = require "tcb.json"

local STATE = journal.STATE
local M = {}

local OUTCOME = { [STATE.waiting] = "waiting", [STATE.intent] = "in_doubt", [STATE.sent] = "sent", [STATE.doubt] = "in_doubt",
  [STATE.rejected] = "failed", [STATE.expired] = "expired" }

--- Where records that were sent again ended up: moved[seq][position] = { seq, position }.
local function moved_records(j)
  local moved = {}
  for row in assert(j:statement("SELECT seq, origin FROM input WHERE origin IS NOT NULL")):rows() do
    local at = 0
    for _, o in ipairs(again.unpack(row[2])) do
      moved[o.seq] = moved[o.seq] or {}
      for _, p in ipairs(o.positions) do
        at = at + 1
        moved[o.seq][p] = { row[1], at }
      end
    end
  end
  return moved
end

--- What the export has to be told of batch `seq`.
local function batch_of(j, seq)
  local b = j:batch(seq)
  local codes, marks, ids, notes = j:outcomes(seq)
  local why = b.reason
  if b.state == STATE.waiting then why = nil end
  return { seq = seq, records = b.records, batch_id = b.batch_id, outcome = OUTCOME[b.state],
    reason = why or (b.state == STATE.intent and "interrupted") or nil,
    codes = codes, marks = marks, ids = ids, notes = notes }
end

--- The places of all records and refusals, from the journal.
local function add_places(x, j)
  local sql = "SELECT i.seq, i.spans, i.refused, b.state FROM input i LEFT JOIN batch b ON b.seq = i.seq"
  for row in assert(j:statement(sql)):rows() do
    local ok, err = true, nil
    if row[3] then ok, err = x:refused(row[3]) end
    if ok and row[2] and row[4] and row[4] ~= STATE.resent then ok, err = x:batch(row[1], row[2]) end
    if not ok then return nil, err end
  end
  return true
end

--- Opens the walk over the input. `o`: format, line, digits.
---@return table? walk { next = function() -> text | nil at the end | nil, err }
local function open(source, shape, j, o)
  local reader, begin, header, delimiter = source:again(shape)
  if not reader then return nil, begin end
  local x, err = core.export(reader, { format = o.format, ndjson = source.format == "ndjson", header = header, delimiter = delimiter,
    begin = begin, done = j.header.input_done == 1,
    line = o.line, digits = o.digits })
  if not x then return nil, err end
  local ok
  ok, err = add_places(x, j)
  local reasons, n = j:reasons(), 0
  while ok and reasons[n] do
    ok, err = x:reason(reasons[n].text)
    n = n + 1
  end
  if ok then return x end
  x:close()
  return nil, err
end

--- Steps until there is text, a row that was looked for, or the end: what, seq, position, line; nil, err.
local function step(x, j, buf, moved)
  while true do
    local what, seq, position, line = x:step(buf)
    if what == "batch" then
      local ok, err = x:know(batch_of(j, seq))
      if not ok then return nil, err end
    elseif what == "moved" then
      moved.map = moved.map or moved_records(j)
      local to = (moved.map[seq] or {})[position]
      if not to then return errors.fail("store", ("batch %d: record %d was sent again, but no batch has it"):format(seq, position)) end
      x:moved(to[1], to[2])
    else
      return what, seq, position, line
    end
  end
end

--- Writes CSV or JSON lines, piece by piece.
---@param write fun(text: string)
---@param begin? fun(names: string[]) told the input's columns first
function M.write(c, j, shape, format, write, begin)
  local x, err = open(c.source, shape, j, { format = format })
  if not x then return nil, err end
  if begin then begin(x:names()) end
  local buf, moved, ok, what = core.buf(), {}, true, nil
  if format == "csv" then ok, err = x:header(buf) end
  while ok do
    what, err = step(x, j, buf, moved)
    if not what then break end
    if buf:len() > 0 then write(buf:string()) end
    buf:clear()
    if what == "end" then break end
  end
  x:close()
  buf:close()
  if not ok or not what then return nil, err end
  return true
end

--- The same with a last column, tcb_events: what the receiver answered by webhook in the campaign's time.
function M.with_events(c, j, shape, o)
  local webhooks = require "tcb.campaign.webhooks"
  local box, err = webhooks.open(o.inbox or require("tcb.inbox").default_path())
  if not box then return nil, err end
  local put, begin = webhooks.writer(box, j, shape, o.format, o.write)
  box:close()
  return M.write(c, j, shape, "json", put, begin)
end

--- The rows that fit `o.line` or `o.digits`: list of { row = table of JSON, seq, position, line }.
function M.find(c, j, shape, o)
  local x, err = open(c.source, shape, j, { format = "json", line = o.line, digits = o.digits })
  if not x then return nil, err end
  local buf, moved, found = core.buf(), {}, {}
  while true do
    local what, seq, position, line = step(x, j, buf, moved)
    if not what then
      x:close()
      return nil, seq
    end
    if what == "found" then
      found[#found + 1] = { row = json.decode(buf:string()), seq = seq, position = position, line = line }
      if o.line or #found >= (o.most or 100) then break end
    elseif what == "end" then
      break
    end
    buf:clear()
  end
  x:close()
  buf:close()
  return found
end

local FATES = { "tcb_line", "tcb_outcome", "tcb_reason", "tcb_batch_id", "tcb_record_id", "tcb_matched" }

--- One row a record in the table `records` of a new SQLite file.
function M.sqlite(c, j, shape, path)
  local db, err = require("tcb.sqlite").open(path, { create = true, wal = false, synchronous = "normal" })
  if not db then return nil, err end
  local names, insert
  local function begin(columns)
    local quoted, marks = {}, {}
    names = columns
    for _, name in ipairs(FATES) do names[#names + 1] = name end
    for i, name in ipairs(names) do quoted[i], marks[i] = '"' .. name:gsub('"', '""') .. '"', "?" end
    assert(db:exec("CREATE TABLE records (" .. table.concat(quoted, ", ") .. ")"))
    insert = assert(db:prepare("INSERT INTO records VALUES (" .. table.concat(marks, ", ") .. ")"))
    assert(db:begin())
  end
  local function fill(text)
    for line in text:gmatch "[^\n]+" do
      local row, values = json.decode(line), {}
      for i, name in ipairs(names) do
        local value = row[name]
        values[i] = type(value) == "table" and json.encode(value) or value
      end
      assert(insert:run((table.unpack or unpack)(values, 1, #names)))   -- luacheck: ignore
    end
  end
  local ok, failed = pcall(function()
    assert(M.write(c, j, shape, "json", fill, begin))
    assert(db:commit())
  end)
  db:close()
  if ok then return true end
  if errors.is(failed) then return nil, failed end
  error(failed, 0)
end

return M
