--- Records that are sent once more: failures worth another try, gathered out of settled batches into new ones.
-- @module tcb.campaign.again
local core = require "tcb.core"
local journal = require "tcb.campaign.journal"

local STATE, CODE = journal.STATE, core.outcome
local M = {}

--- The reason that a later try may mend: the device was out of reach (API reference, batch personalisation).
M.REASON = "Failed to push"

--- Origins are text in a blob: `SEQ:POSITION,POSITION;SEQ:...`, positions from 1.
function M.pack(origin)
  local parts = {}
  for i, o in ipairs(origin) do parts[i] = ("%d:%s"):format(o.seq, table.concat(o.positions, ",")) end
  return table.concat(parts, ";")
end

function M.unpack(text)
  local list = {}
  for seq, positions in text:gmatch "(%d+):([%d,]+)" do
    local o = { seq = tonumber(seq), positions = {} }
    for p in positions:gmatch "%d+" do o.positions[#o.positions + 1] = tonumber(p) end
    list[#list + 1] = o
  end
  return list
end

--- Marks the records of `item` as moved in the batches they come from; in the turn in which the new batch is made.
function M.moved(j, item)
  for _, o in ipairs(M.unpack(item.origin)) do
    local codes, marks, ids, notes = j:outcomes(o.seq)
    local bytes = { codes:byte(1, -1) }
    for _, p in ipairs(o.positions) do bytes[p] = CODE.MOVED end
    for i, byte in ipairs(bytes) do bytes[i] = string.char(byte) end
    local ok, err = j:outcome(o.seq, table.concat(bytes), marks, ids, notes)
    if not ok then return nil, err end
  end
  return true
end

local function codes_of_reason(j)
  local list = {}
  for n, reason in pairs(j:reasons()) do
    if reason.text == M.REASON then list[#list + 1] = CODE.FAILED + n end
  end
  return list
end

--- Positions of the records of batch `b` that may go again.
local function candidates(j, b, codes_wanted)
  local codes, positions = j:outcomes(b.seq), {}
  for _, code in ipairs(codes and codes_wanted or {}) do
    for _, p in ipairs((CODE.where(codes, code))) do positions[#positions + 1] = p end
  end
  table.sort(positions)
  return positions
end

local function gather(j, tries, most, now)
  local wanted, open = codes_of_reason(j), {}
  local function close(generation)
    local g = open[generation]
    open[generation] = nil
    if g then coroutine.yield{ origin = g.origin, hashes = table.concat(g.hashes), records = g.records, generation = generation } end
  end
  local function add(b, position, hash)
    local generation = b.generation + 1
    local g = open[generation]
    if g and (g.records == most or g.seen[hash]) then close(generation) end
    g = open[generation] or { origin = {}, seen = {}, hashes = {}, records = 0 }
    open[generation] = g
    local last = g.origin[#g.origin]
    if not last or last.seq ~= b.seq then
      last = { seq = b.seq, positions = {} }
      table.insert(g.origin, last)
    end
    table.insert(last.positions, position)
    table.insert(g.hashes, hash)
    g.records, g.seen[hash] = g.records + 1, true
  end
  for b in j:batches("state = ? AND generation < ? AND last_ends_at > ?", STATE.sent, tries, now) do
    local positions = candidates(j, b, wanted)
    local hashes = #positions > 0 and j:hashes(b.seq)
    for _, p in ipairs(positions) do add(b, p, hashes:sub(8 * p - 7, 8 * p)) end
  end
  for generation = 1, tries do close(generation) end
end

--- Iterates over groups of at most `most` records that may go again, no match key twice in one; each record at most `tries` times.
---@return fun(): { origin: table, hashes: string, records: integer, generation: integer }?
function M.groups(j, tries, most, now)
  return coroutine.wrap(function() gather(j, tries, most, now) end)
end

return M
