--- What happens later: a heap of due functions, ties in the order in which they were added.
-- @module tcb.sandbox.timeline
local M = {}

local function before(a, b)
  if a.due ~= b.due then return a.due < b.due end
  return a.seq < b.seq
end

function M.new()
  local heap, seq = {}, 0
  local self = {}

  local function down(i)
    local n, entry = #heap, heap[i]
    while true do
      local child = 2 * i
      if child > n then break end
      if child < n and before(heap[child + 1], heap[child]) then child = child + 1 end
      if not before(heap[child], entry) then break end
      heap[i] = heap[child]
      i = child
    end
    heap[i] = entry
  end

  --- `fn(due)` is called by `run` once `due` (ms) has come.
  function self.add(due, fn)
    seq = seq + 1
    local entry, i = { due = due, seq = seq, fn = fn }, #heap + 1
    while i > 1 do
      local parent = math.floor(i / 2)
      if not before(entry, heap[parent]) then break end
      heap[i] = heap[parent]
      i = parent
    end
    heap[i] = entry
  end

  function self.next_due() return heap[1] and heap[1].due end

  --- Does everything that is due at `now`, in order, each at its own time.
  function self.run(now)
    while heap[1] and heap[1].due <= now do
      local first, n = heap[1], #heap
      heap[1] = heap[n]
      heap[n] = nil
      if n > 1 then down(1) end
      first.fn(first.due)
    end
  end

  return self
end

return M
