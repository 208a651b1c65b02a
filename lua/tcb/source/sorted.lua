--- A feed whose records come in the order of starts_at: a first pass over the input sorts where they lie (external sort, bounded
-- memory), a second one takes them from there. Rows that break a rule are reported by the first pass; windows that have passed
-- meanwhile by the second. A pipe is read to its end first, so it must be kept (Source:keep).
-- @module tcb.source.sorted
local core = require "tcb.core"
local errors = require "tcb.errors"

local M = {}

---@class tcb.SortedFeed: tcb.Feed
local Sorted = {}
Sorted.__index = Sorted

local FIRST, SECOND = "1", "2"      -- of a checkpoint: the pass it was made in
local LONG_AGO = -2^53
local REFUSED_BYTES = 131072        -- refusals of the first pass that are given at once

local function without(shape, ...)
  local copy = {}
  for k, v in pairs(shape) do copy[k] = v end
  for _, name in ipairs { ... } do copy[name] = nil end
  return copy
end

--- Opens both passes. Does not block on a pipe.
---@param source tcb.Source
---@param shape tcb.Shape
---@param checkpoint string? of an earlier batch
---@return tcb.SortedFeed? feed
---@return tcb.Error? err
function M.open(source, shape, checkpoint)
  if not source.kept and not (source.is_file and source:is_file()) then
    return errors.fail("input", "input that cannot be read again cannot be sorted unless it is kept", { remedy = "use a journal, or a file" })
  end
  if not source.kept and source:is_packed() then             -- each record would be a walk from the start
    return errors.fail("input", "a compressed file cannot be read in the order of starts_at", { place = source.path,
      remedy = "unpack it first: gunzip -k " .. source.path })
  end
  local plain = without(shape, "sort")
  local first, err = source:feed(plain)
  if not first then return nil, err end
  local order
  order, err = core.order()
  if not order then
    first:close()
    return nil, err
  end
  first:watch(true)
  first._order = order
  local pass, skip, inner = FIRST, 0, nil
  if checkpoint then pass, skip, inner = checkpoint:match "^([12])(%d+):(.*)$" end
  if not pass then
    first:close()
    order:close()
    return errors.fail("store", "a place in the input cannot be read: the journal is damaged, or of another version")
  end
  return setmetatable({ _source = source, _plain = plain, _first = first, _second = nil, _order = order, _pass = pass, _known = tonumber(skip),
    _inner = inner, _given = 0, _rest = nil, _taken = 0, _spare = {}, _fd = first:fd(), name = first.name, dialect = first.dialect,
    identity = first.identity, passed = first.passed }, Sorted)
end

local function new_rest() return { parts = {}, bytes = 0, refused_count = 0, excluded_count = 0, dropped = 0, split = 0 } end

--- Refusals that were gathered, as a rest; nil when an earlier run has given them already.
function Sorted:_give()
  local rest = self._rest
  self._rest = nil
  self._given = self._given + rest.refused_count + rest.excluded_count
  if self._pass == SECOND or self._given <= self._known then return nil end
  rest.refused, rest.parts, rest.bytes = table.concat(rest.parts), nil, nil
  return rest
end

--- The first pass, until it has something to say: "wait", or "refused" with the rest; nil when it is over; or nil, err.
function Sorted:_sort()
  while self._first do
    local b, why, part = self._first:next(LONG_AGO)
    if b then
      self._first:release(b)
      part = b
    elseif why == "wait" then return "wait"
    elseif type(why) ~= "string" then return nil, why end
    local rest = self._rest or new_rest()
    self._rest = rest
    rest.parts[#rest.parts + 1], rest.bytes = part.refused, rest.bytes + #part.refused
    rest.refused_count, rest.excluded_count = rest.refused_count + part.refused_count, rest.excluded_count + part.excluded_count
    if why == "end" then
      self._first:close()
      self._first = nil
    end
    if rest.bytes >= REFUSED_BYTES or (why == "end" and rest.bytes > 0) then
      rest = self:_give()
      if rest then return "refused", rest end
    end
  end
end

--- Opens the second pass, behind what an earlier run took out of the order.
function Sorted:_begin()
  local feed, err = self._source:_feed(without(self._plain, "unique", "exclude"), nil, false)
  if not feed then return nil, err end
  local ok = true
  if self._pass == SECOND then
    ok, err = self._order:skip(self._known)
    self._taken = self._known
    if ok and self._inner ~= "" then ok, err = feed._core:resume(self._inner) end
  end
  if not ok then
    feed:close()
    return nil, err
  end
  self._pass, self._second = SECOND, feed
  return true
end

--- As Feed:next.
function Sorted:next(now)
  if not self._second then
    local why, part = self:_sort()
    if why then return nil, why, why == "refused" and part or nil end
    if part then return nil, part end
    local ok, err = self:_begin()
    if not ok then return nil, err end
  end
  local spare = table.remove(self._spare)
  local b, x, y, z = self._second._core:next_in_order(now, self._order, spare)
  if b then
    self._taken = self._taken + x
    b.checkpoint = self:checkpoint()
    return b
  end
  if spare then self._spare[#self._spare + 1] = spare end
  if type(x) == "string" then self._taken = self._taken + z end
  return nil, x, type(x) == "string" and y or nil
end

function Sorted:checkpoint()
  if self._pass == FIRST then return FIRST .. ("%d:"):format(self._given) end
  return SECOND .. ("%d:"):format(self._taken) .. (self._second and self._second._core:checkpoint() or self._inner or "")
end

function Sorted:release(b)
  if b.body then
    b.body:clear()
    self._spare[#self._spare + 1] = b.body
    b.body = nil
  end
end

--- Counts as Feed:drain does; the order makes no difference to it.
function Sorted:drain(now, wait)
  local feed, err = self._source:feed(self._plain)
  if not feed then return nil, err end
  local sums
  sums, err = feed:drain(now, wait)
  feed:close()
  return sums, err
end

function Sorted:each()
  error("records that come in the order of starts_at cannot pass through a hook: the hook may change starts_at", 2)
end

--- What was read of the input, as Feed:consumed.
function Sorted:consumed()
  if not self.passed then return nil end
  local from, to, hash = self.passed:digest()
  return ("%.0f:%.0f:%s"):format(from, to, hash)
end

function Sorted:sync()
  if self._first then return self._first:sync() end
  return true
end

function Sorted:offset() return (self._second or self._first):offset() end

--- The descriptor to wait on after "wait"; nil for files.
function Sorted:fd() return self._fd end

--- How much of the input has been taken, 0..1.
function Sorted:fraction()
  local count = self._order:count()
  return self._second and count > 0 and self._taken / count or 0
end

function Sorted:header() return (self._second or self._first):header() end
function Sorted:encoding() return (self._second or self._first):encoding() end

function Sorted:close()
  if self._first then self._first:close() end
  if self._second then self._second:close() end
  self._order:close()
end

return M
