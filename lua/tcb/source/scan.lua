--- One pass over a source for `plan`: every fault of every row, repeats and overlapping windows over the whole input, and the batches
--- that a push would make. Bounded memory whatever the input's size.
-- @module tcb.source.scan
local core = require "tcb.core"

local M = {}

---@class tcb.Fault
---@field line integer physical line on which the row begins; the header is line 1
---@field offset integer? of the row in the input, bytes
---@field code string csv encoding missing number label length charset edge time order past window duplicate overlap
---@field field string? of the record
---@field message string what is wrong with which value, and what to do about it; no whole phone number
---@field severity "error"|"warning" a warning does not keep the record from being sent
---@field other_line integer? of the earlier row, for duplicates and overlaps

local SAY = { duplicate = "same numbers, window and label as line %d", overlap = "window overlaps that of line %d for the same numbers" }

local function later_faults(pairs, sums, on)
  while true do
    local line, other, is_duplicate = pairs:next()
    if not line then return other == nil, other end
    local code = is_duplicate and "duplicate" or "overlap"
    sums[code .. "s"] = sums[code .. "s"] + 1
    if on.fault then
      on.fault{ line = line, code = code, message = SAY[code]:format(other), severity = "warning", other_line = other }
    end
  end
end

local function read(feed, pairs, sums, now, on)
  while true do
    local b, why, rest = feed:next(now, false, pairs)
    if not b and why == "wait" then on.wait(feed:fd())
    elseif not b and type(why) ~= "string" then return nil, why
    else
      local part = b or rest
      sums.refused, sums.excluded = sums.refused + part.refused_count, sums.excluded + part.excluded_count
      if on.fault then
        for line, offset, code, field, message in core.refusals(part.refused, feed.dialect, part.shown) do
          if code ~= "excluded" then
            on.fault{ line = line, offset = offset, code = code, field = field, message = message, severity = "error" }
          end
        end
      end
      if why == "end" then return true end
      if b then
        sums.ok, sums.batches, sums.bytes = sums.ok + b.count, sums.batches + 1, sums.bytes + b.body:len()
        sums.min_starts_at = math.min(sums.min_starts_at or b.min_starts_at, b.min_starts_at)
        sums.max_ends_at = math.max(sums.max_ends_at or b.max_ends_at, b.max_ends_at)
        feed:release(b)
        if on.batch then on.batch(b) end
      end
    end
  end
end

--- Scans a source. Blocks while it reads a file; on a pipe calls on.wait(fd).
---@param source tcb.Source
---@param shape tcb.Shape
---@param now integer instant for the time rules
---@param on { fault: fun(f: tcb.Fault)?, batch: fun(b: table)?, wait: fun(fd: integer)? }? `batch` gets batches without bodies; refused rows
---       come in the order of lines, then duplicates and overlaps, in the order of lines again
---@return { rows: integer, ok: integer, refused: integer, excluded: integer, duplicates: integer, overlaps: integer, batches: integer,
---       bytes: integer, min_starts_at: integer?, max_ends_at: integer? }? sums rows = ok + refused + excluded
---@return tcb.Error? err
function M.run(source, shape, now, on)
  on = on or {}
  local plain = {}
  for k, v in pairs(shape) do plain[k] = v end
  plain.sort = nil                                         -- faults come in the input's order, whatever the batches' is
  local feed, err = source:feed(plain)
  if not feed then return nil, err end
  local pairs
  pairs, err = core.pairs()
  if not pairs then
    feed:close()
    return nil, err
  end
  local sums = { rows = 0, ok = 0, refused = 0, excluded = 0, duplicates = 0, overlaps = 0, batches = 0, bytes = 0 }
  feed:watch(true, true)
  local ok
  ok, err = read(feed, pairs, sums, now, on)
  if ok then ok, err = later_faults(pairs, sums, on) end
  pairs:close()
  feed:close()
  if not ok then return nil, err end
  sums.rows = sums.ok + sums.refused + sums.excluded
  return sums
end

--- See Source:opens.
function M.opens(source, shape, now, sorted)
  local feed, err = source:_feed(shape, nil, false)
  if not feed then return nil, err end
  local opens, order, why = {}, nil, nil
  if sorted then
    order, err = core.order()
    if order then
      feed:watch(true)
      feed._order = order
    end
  end
  local ok = order ~= nil or not sorted
  while ok and why ~= "end" do
    local b
    b, why = feed:next(now)
    if b then
      opens[#opens + 1] = b.min_starts_at
      feed:release(b)
    elseif type(why) ~= "string" then ok, err = nil, why end
  end
  feed:close()
  if order then
    if ok then
      opens, err = order:starts(shape.batch or 500)
      ok = opens ~= nil
    end
    order:close()
  end
  if not ok then return nil, err end
  return opens
end

return M
