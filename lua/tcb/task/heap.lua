--- Timers: a binary heap of entries ordered by `due`, ties by creation. Entries know their place, so that removing one is cheap.
-- @module tcb.task.heap
local M = {}
local Heap = {}
Heap.__index = Heap

--- A new empty heap: `heap[1]` is the earliest entry, `heap.n` their count.
function M.new()
  return setmetatable({ n = 0, made = 0 }, Heap)
end

--- Puts `entry` where it belongs in a heap of `n` whose place `at` is free. Calls nothing and allocates nothing: want of memory
--- cannot end it halfway.
local function place(heap, n, at, entry)
  local due, order = entry.due, entry.order
  heap.n = n
  while at > 1 do
    local parent = (at - at % 2) / 2
    local other = heap[parent]
    if other.due < due or (other.due == due and other.order < order) then break end
    heap[at], other.at = other, at
    at = parent
  end
  while 2 * at <= n do
    local child = 2 * at
    local other, right = heap[child], child < n and heap[child + 1]
    if right and (right.due < other.due or (right.due == other.due and right.order < other.order)) then child, other = child + 1, right end
    if due < other.due or (due == other.due and order < other.order) then break end
    heap[at], other.at = other, at
    at = child
  end
  heap[at], entry.at = entry, at
end

--- Adds `entry`, a table; sets its fields `due`, `order` and `at`.
function Heap:add(entry, due)
  local n = self.n + 1
  self.made = self.made + 1
  entry.due, entry.order, entry.at = due, self.made, n
  self[n] = entry                                        -- what needs memory comes before what counts
  place(self, n, n, entry)
end

--- Takes `entry` out; harmless when it is not in.
function Heap:remove(entry)
  local at, n = entry.at, self.n
  if not at then return end
  local last = self[n]
  if last == entry then self.n = n - 1 else place(self, n - 1, at, last) end
  self[n], entry.at = nil, nil
end

return M
