--- Timers: a binary heap of entries ordered by `due`, ties by creation. Entries know their place, so that removing one is cheap.
-- @module tcb.task.heap
local M = {}
local Heap = {}
Heap.__index = Heap

--- A new empty heap: `heap[1]` is the earliest entry, `heap.n` their count.
function M.new()
  return setmetatable({ n = 0, made = 0 }, Heap)
end

local function before(a, b)
  return a.due < b.due or (a.due == b.due and a.order < b.order)
end

local function up(heap, at, entry)
  while at > 1 do
    local parent = (at - at % 2) / 2
    local other = heap[parent]
    if not before(entry, other) then break end
    heap[at], other.at = other, at
    at = parent
  end
  heap[at], entry.at = entry, at
end

local function down(heap, at, entry)
  local n = heap.n
  while true do
    local child = 2 * at
    if child > n then break end
    local other = heap[child]
    if child < n and before(heap[child + 1], other) then
      child = child + 1
      other = heap[child]
    end
    if not before(other, entry) then break end
    heap[at], other.at = other, at
    at = child
  end
  heap[at], entry.at = entry, at
end

--- Adds `entry`, a table; sets its fields `due`, `order` and `at`.
function Heap:add(entry, due)
  self.made = self.made + 1
  self.n = self.n + 1
  entry.due, entry.order = due, self.made
  up(self, self.n, entry)
end

--- Takes `entry` out; harmless when it is not in.
function Heap:remove(entry)
  local at, n = entry.at, self.n
  if not at then return end
  local last = self[n]
  self[n], self.n, entry.at = nil, n - 1, nil
  if last == entry then return end
  if at > 1 and before(last, self[(at - at % 2) / 2]) then up(self, at, last) else down(self, at, last) end
end

return M
