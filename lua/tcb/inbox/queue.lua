--- The handlers' side of an inbox: what is due, in each number's order, and what became of it. No handler runs here.
-- An event of a number is due only when no earlier one of that number waits. One process at a time handles an inbox.
-- @module tcb.inbox.queue
local core = require "tcb.core"
local errors = require "tcb.errors"
local M = {}

local SCAN_MAX = 4096                   -- rows looked at in one go

---@class tcb.InboxQueue
local Queue = {}
Queue.__index = Queue
Queue.__name = "tcb.inbox.queue"

--- Takes the right to handle the inbox's events: nil, err of kind config when another process has it.
---@param inbox tcb.Inbox
---@param options { attempts: integer, backoff_s: number[] } attempts before an event is dead; waits between them, the last one repeated
function M.new(inbox, options)
  local lock, err = core.lock(inbox.path .. ".lock", ("%d\n"):format(core.pid and core.pid() or 0))
  if lock == nil then return nil, err end
  if not lock then
    return errors.fail("config", "another process handles the events of " .. inbox.path, { remedy = "stop it first, or give --inbox" })
  end
  return setmetatable({ inbox = inbox, lock = lock, attempts = options.attempts, backoff_s = options.backoff_s, busy_seq = {},
    busy_number = {}, busy = 0 }, Queue)
end

local EARLIER = "SELECT due_at FROM event WHERE state = 0 AND number = ? AND seq < ? ORDER BY seq LIMIT 1"

--- Whether an earlier event of this number stands in the way; then also until when, if that one waits for a repeat.
local function blocked(self, seq, number, now)
  if number == "" then return false end
  if self.busy_number[number] then return true end
  local row, err = self.inbox:statement(EARLIER):row(number, seq)
  if err then error(err, 0) end
  if not row then return false end
  return true, row[1] > now and row[1] or nil
end

local function scan(self, n, now)
  local due, later, looked, seen = {}, {}, 0, {}
  local rows = self.inbox:statement("SELECT seq, number, due_at FROM event WHERE state = 0 AND due_at <= ? ORDER BY due_at, seq LIMIT ?")
  for row in rows:rows(now, SCAN_MAX) do
    local seq, number = row[1], row[2]
    looked = looked + 1
    if not self.busy_seq[seq] and not seen[number] then
      local is_blocked, until_ms = blocked(self, seq, number, now)
      if not is_blocked then due[#due + 1] = seq elseif until_ms then later[#later + 1] = { seq, until_ms } end
      if number ~= "" then seen[number] = true end
    end
    if #due == n then break end
  end
  rows:reset()
  return due, later
end

local GET = "SELECT seq, id, number, received_at, attempts, body FROM event WHERE seq = ?"

--- Up to `n` events whose handlers may run now; each is busy until `finish`. An empty list when none is due.
---@return { seq: integer, id: string, number: string, received_at: integer, attempts: integer, body: string }[]? list nil, err
---@return tcb.Error? err
function Queue:take(n)
  local now, list = core.clock.now(), {}
  local ok, err = errors.catch(function()
    local due, later = scan(self, n, now)
    if #later > 0 then
      local fine, why = self.inbox:transaction(function()
        for _, l in ipairs(later) do self.inbox:statement("UPDATE event SET due_at = ? WHERE seq = ? AND state = 0"):run(l[2], l[1]) end
        return true
      end)
      if not fine then error(why, 0) end
    end
    for _, seq in ipairs(due) do
      local row, why = self.inbox:statement(GET):row(seq)
      if why then error(why, 0) end
      list[#list + 1] = { seq = row[1], id = row[2], number = row[3], received_at = row[4], attempts = row[5], body = row[6] }
    end
  end)
  if not ok then return nil, err end
  for _, e in ipairs(list) do
    self.busy_seq[e.seq], self.busy = true, self.busy + 1
    if e.number ~= "" then self.busy_number[e.number] = true end
  end
  return list
end

--- Milliseconds until the next event is due that waits for a repeat; nil when none waits.
function Queue:next_due_ms()
  local row = self.inbox:statement("SELECT due_at FROM event WHERE state = 0 AND due_at > ? ORDER BY due_at LIMIT 1"):row(core.clock.now())
  return row and math.max(0, row[1] - core.clock.now())
end

--- How long an event waits after its n-th failed attempt, in ms; nil: it is dead.
function Queue:wait_ms(attempts)
  if attempts >= self.attempts then return nil end
  return math.floor(self.backoff_s[math.min(attempts, #self.backoff_s)] * 1000)
end

local END = "UPDATE event SET state = ?, attempts = ?, due_at = ?, ended_at = ?, error = ? WHERE seq = ? AND state = 0"
local UNBLOCK = "UPDATE event SET due_at = ? WHERE state = 0 AND number = ? AND due_at > ?"

local function end_one(self, e, now)
  local attempts = e.attempts + 1
  local wait_ms = e.error and self:wait_ms(attempts)
  local state = not e.error and 1 or wait_ms and 0 or 2
  e.is_dead = state == 2
  local ok, err = self.inbox:statement(END):run(state, attempts, now + (wait_ms or 0), state > 0 and now or nil, e.error, e.seq)
  if ok and state > 0 and e.attempts > 0 and e.number ~= "" then
    ok, err = self.inbox:statement(UNBLOCK):run(now, e.number, now)
  end
  return ok, err
end

--- Records the ends of events that were taken, in one commit: `error` (text) makes it a failed attempt. Afterwards `is_dead` is set.
---@return boolean? ok nil, err: nothing was recorded, they are still busy
---@return tcb.Error? err
function Queue:finish(list)
  local now = core.clock.now()
  local ok, err = self.inbox:transaction(function()
    for _, e in ipairs(list) do
      local fine, why = end_one(self, e, now)
      if not fine then return nil, why end
    end
    return true
  end)
  if not ok then return nil, err end
  for _, e in ipairs(list) do self:release(e) end
  return true
end

--- Forgets that an event is busy: it is due again at once.
function Queue:release(e)
  if not self.busy_seq[e.seq] then return end
  self.busy_seq[e.seq], self.busy = nil, self.busy - 1
  self.busy_number[e.number] = nil
end

--- Gives the right up. Harmless when repeated.
function Queue:close()
  self.lock:close()
end

return M
