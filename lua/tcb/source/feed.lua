--- A feed: rows of a source -> checked, encoded batches. What every source's `:feed` gives; the work is done in C.
-- @module tcb.source.feed
local core = require "tcb.core"
local errors = require "tcb.errors"

local M = {}

---@class tcb.Shape every option that forms a body
---@field label_id string? UUID for rows without one
---@field caller string? caller number for rows without one
---@field starts_at integer|string? instant for rows without one: epoch ms, or ISO 8601
---@field ends_at integer|string?
---@field map table<string, string>? field -> column
---@field set table<string, string>? field -> text for a missing column or an empty cell; {column} inserts a cell
---@field zone string? time zone of instants that name none
---@field country string? country code that completes national numbers
---@field plus boolean? numbers with + (dialect v2 alone)
---@field dialect "v2"|"v1"|nil
---@field batch integer? records of a batch, 1..500
---@field label_optional boolean? records without a label are no fault
---@field unique boolean? of records with the same match key all but the first are refused (code duplicate)
---@field sort boolean? records come in the order of starts_at
---@field exclude string? path of a do-not-call list: a number a line, or the first column of a CSV file
local SHAPE = { label_id = "string", caller = "string", starts_at = "instant", ends_at = "instant", map = "table", set = "table",
  zone = "string", country = "string", plus = "boolean", dialect = "string", batch = "number", label_optional = "boolean",
  exclude = "string", unique = "boolean", sort = "boolean" }

--- Which defaults fill which field, by the field's place in the rule table.
local FILLS = { label_id = 3, caller = 1, starts_at = 6, ends_at = 7 }

local function braces(text)
  return (text:gsub("{", "{{"))
end

--- The public shape -> what core.feed takes. Raises on unknown names and wrong types.
function M.shape(shape)
  for name, value in pairs(shape) do
    local want = SHAPE[name]
    if not want then error("unknown option '" .. tostring(name) .. "'", 3) end
    local got = type(value)
    if got ~= want and not (want == "instant" and (got == "number" or got == "string")) then
      error(("option '%s': %s expected, got %s"):format(name, want, got), 3)
    end
  end
  local dialect = shape.dialect or "v2"
  local out = { dialect = dialect, plus = dialect ~= "v1" and shape.plus or nil, batch = shape.batch, country = shape.country, map = shape.map, fill = {},
    label_optional = shape.label_optional }
  local rules = core.record.rules()
  for name, place in pairs(FILLS) do
    local value = shape[name]
    if value then
      local field = dialect == "v1" and rules[place].v1 or rules[place].name
      out.fill[field] = braces(type(value) == "number" and ("%d"):format(value) or value)
    end
  end
  for field, text in pairs(shape.set or {}) do out.fill[field] = text end
  if shape.zone then
    local zone, err = core.instant.zone(shape.zone)
    if not zone then return nil, err end
    out.zone = zone
  end
  return out
end

--- Reads a do-not-call list into a feed, a piece at a time.
local function exclude(feed, path, country)
  local file, why = io.open(path, "r")
  if not file then return errors.fail("input", "cannot open the exclude list: " .. why) end
  local lines, ok, err, at = 0, true, nil, nil
  while ok do
    local piece, line_rest = file:read(65536, "*l")
    if not piece then break end
    ok, err, at = feed:exclude(piece .. (line_rest or "") .. "\n", country, lines)
    lines = ok or at
  end
  file:close()
  if ok then return true end
  err.place = path .. ":" .. lines
  return nil, err
end

---@class tcb.Feed
local Feed = {}
Feed.__index = Feed

--- Opens a feed over a reader (core.reader). Does not block: a pipe's header may still be to come.
---@param reader userdata taken over
---@param shape tcb.Shape
---@param o { checkpoint: string?, name: string?, format: "csv"|"ndjson"|nil, pull: (fun(): true?, tcb.Error?)? }? `pull` brings more
---       input when there is none: it fills the queue that the reader reads
---@return tcb.Feed? feed
---@return tcb.Error? err
function M.open(reader, shape, o)
  o = o or {}
  local made, err = M.shape(shape)
  if not made then return nil, err end
  made.format = o.format
  local feed
  feed, err = core.feed(reader, made)
  if not feed then return nil, err end
  local self = setmetatable({ _core = feed, _spare = {}, _zone = made.zone, _said = false, _each = nil, _row = nil, _pull = o.pull,
    _closed = false, _order = nil, _twins = nil, remembers = false, name = o.name, dialect = made.dialect }, Feed)
  local ok, why = feed:start()
  if not ok and why ~= "wait" then err = why
  elseif shape.exclude then ok, err = exclude(feed, shape.exclude, shape.country) if ok then err = nil end
  else err = nil end
  if not err and o.checkpoint then ok, err = feed:resume(o.checkpoint) if ok then err = nil end end
  if err then
    feed:close()
    return nil, err
  end
  return self
end

--- The next batch: body (tcb.buf), count, spans, hashes, refused, refused_count, excluded_count, first_line, last_line, min_starts_at,
--- max_starts_at, min_ends_at, max_ends_at, now, checkpoint; with a hook dropped, split and keep (its body cannot be made again from the
--- input). Does not block.
---@param now integer instant for the time rules, epoch ms
---@param flush boolean? give an unfinished batch when a pipe has no more just now
---@param pairs userdata? core.pairs that gets every record read, after :watch(true)
---@return table? batch
---@return "wait"|"refused"|"end"|tcb.Error|nil why "refused": many rows were refused, call again
---@return table? rest with "refused" and "end": refused, refused_count, excluded_count since the batch before
function Feed:next(now, flush, pairs)
  local spare = table.remove(self._spare)
  local b, why, rest = self._core:next(now, flush, spare, pairs, self._order, self._twins)
  while why == "row" or (why == "wait" and self._pull) do
    local ok, err
    if why == "row" then ok, err = self:_hooked() else ok, err = self._pull() end
    if not ok then return nil, err end
    b, why, rest = self._core:next(now, flush, spare, pairs, self._order, self._twins)
  end
  if not b and spare then self._spare[#self._spare + 1] = spare end
  self:_say()
  if not b then return nil, why, rest end
  b.checkpoint = self._core:checkpoint()
  b.keep = self._each ~= nil
  return b
end

--- Sets the hook: each(r) for every row that keeps the rules. nil or true keeps it (with the fields that were set on `r`), false drops
--- it, a table or a list of tables replaces it; what comes out is checked again. An error of the hook is raised by :next.
--- `r` has the record's fields, the input's other columns and `line`; it is good for this call only (r:table() keeps the fields).
function Feed:each(each)
  self._each, self._row = each, self._core:row()
  self._core:hook(true)
  if self._twins then                                      -- what the hook makes is not known in advance
    self._twins:close()
    self._twins = nil
    self:remember()
  end
end

--- Refuses whatever has the key of a record before it: every key is remembered, 16 bytes of memory each. Files without a hook need
--- it not: their repeats are found by a first pass.
---@param hashes string? of batches made by an earlier run
function Feed:remember(hashes)
  self.remembers = true
  return self._core:remember(hashes)
end

--- The hook's turn on the row at hand.
function Feed:_hooked()
  local row = self._row
  local result = self._each(row)
  if result == nil or result == true or result == row then return self._core:put(row) end
  if result == false then return true end
  if type(result) ~= "table" then error("the hook gave a " .. type(result) .. "; nil, a boolean, a record or a list of records is expected", 0) end
  if result[1] == nil then
    if next(result) == nil then return true end
    return self._core:put(result)
  end
  for _, record in ipairs(result) do
    local ok, err = self._core:put(record)
    if not ok then return nil, err end
  end
  return true
end

--- Says once that the input is converted: a wrong guess shows on people's phones.
function Feed:_say()
  local encoding, converted = self._core:encoding()
  if converted and not self._said then
    self._said = true
    core.log.write("warn", ("%s is %s: converted to UTF-8"):format(self.name or "the input", encoding))
  end
end

--- Gives a batch's body back: its memory serves the next batch.
function Feed:release(b)
  if b.body then
    b.body:clear()
    self._spare[#self._spare + 1] = b.body
    b.body = nil
  end
end

--- The batch that spans describe once more. Blocks on a file's reading.
function Feed:rebuild(spans)
  return self._core:rebuild(spans, table.remove(self._spare))
end

--- The whole dry run: {records, refused, excluded, batches, bytes, hash, codes}. `wait` is called when a pipe has nothing yet.
function Feed:drain(now, wait)
  while true do
    local sums, why = self._core:drain(now, self._twins)
    self:_say()
    if sums or (why ~= "wait" and why ~= "more") then return sums, why end
    if why == "wait" and self._pull then
      local ok, err = self._pull()
      if not ok then return nil, err end
    elseif why == "wait" then wait(self._core:fd()) end
  end
end

--- Where to go on behind what was given last: opaque bytes, for Source:feed.
function Feed:checkpoint() return self._core:checkpoint() end
--- The encoding as far as it is known, and whether it is converted.
function Feed:encoding() return self._core:encoding() end
--- Makes durable what a kept input holds so far; to be called before anything that was read from it counts.
function Feed:sync() return self._closed or self._core:sync() end
--- The header as it stands in the input, and the delimiter.
function Feed:header() return self._core:header() end
--- What is noted besides batches: every record read (for `pairs`), and all faults of a row instead of its first.
function Feed:watch(notes, all_faults) self._core:watch(notes, all_faults) end
--- Chooses how rows are taken, for measurements and specs: "avx2", "sse2", "portable", or "plain" for the reference alone.
function Feed:path(name) return self._core:path(name) end
--- The descriptor to wait on after "wait"; nil for files.
function Feed:fd() return self._core:fd() end
--- Offset behind the last row taken (at first: behind the header), of the bytes after decoding.
function Feed:offset() return self._core:offset() end
--- What was read of the file since it was opened or its place was found: "from:to:hash"; nil where nothing counts.
function Feed:consumed()
  if not self.passed then return nil end
  local from, to, hash = self.passed:digest()
  return ("%.0f:%.0f:%s"):format(from, to, hash)
end
--- How much of the input has been taken, 0..1; nil for a pipe, and where the file's size does not tell (compressed input).
function Feed:fraction()
  local size = self.identity and self.identity.size
  local fraction = size and size > 0 and self._core:offset() / size
  return fraction and fraction <= 1 and fraction or nil
end
function Feed:close()
  self._closed = true
  self._core:close()
  if self._twins then self._twins:close() end
end

return M
