--- The webhook inbox: one SQLite file that keeps every event until it was handled, and knows the ones it has had.
-- An event is durable (power loss included) when `put` returns; many events share one commit. Its event_id is remembered for at least
-- 14 days, however often the sender repeats it. Handling is in tcb.inbox.queue and tcb.inbox.runner.
-- @module tcb.inbox
local core = require "tcb.core"
local errors = require "tcb.errors"
local event = require "tcb.event"
local M = {}

local VERSION = 1
local DAY_MS = 86400 * 1000
M.REMEMBER_DAYS = 14                    -- the sender's last retry comes 78 h 38 min after its first attempt
M.STATES = { [0] = "waiting", [1] = "done", [2] = "dead" }
local NUMBERS = { waiting = 0, done = 1, dead = 2 }

local SCHEMA = [[
CREATE TABLE event (
  seq INTEGER PRIMARY KEY,              -- order of arrival
  id TEXT NOT NULL UNIQUE,              -- event_id
  type TEXT NOT NULL,
  number TEXT NOT NULL,                 -- digits to call, '' when none: events of one number are handled in order
  created_at INTEGER NOT NULL,          -- ms, the sender's; 0 when absent
  received_at INTEGER NOT NULL,         -- ms
  state INTEGER NOT NULL DEFAULT 0,     -- 0 waiting, 1 done, 2 dead: handlers gave up on it
  attempts INTEGER NOT NULL DEFAULT 0,  -- runs of a handler that ended
  due_at INTEGER NOT NULL,              -- ms: not to be handled before
  ended_at INTEGER,
  error TEXT,                           -- of the last attempt that failed
  body TEXT NOT NULL                    -- as it came
);
CREATE INDEX event_due ON event (due_at, seq, number) WHERE state = 0;
CREATE INDEX event_order ON event (number, seq) WHERE state = 0;
CREATE INDEX event_time ON event (received_at, number);
CREATE TABLE tally (name TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 1;
]]

---@class tcb.InboxOptions
---@field create boolean? default true
---@field readonly boolean?
---@field keep_days number? how long ended events stay, at least 14; default 90

---@class tcb.InboxFilter
---@field state "waiting"|"done"|"dead"|nil
---@field type string?
---@field number string? digits
---@field number_ends string?
---@field id string?
---@field since integer? received then or later, epoch ms
---@field before integer?
---@field after_seq integer?
---@field limit integer?
---@field newest boolean? the last ones first; for entries alone

---@class tcb.Inbox
local Inbox = {}
Inbox.__index = Inbox
Inbox.__name = "tcb.inbox"

local OPTIONS = { create = true, readonly = true, keep_days = true }

local function prepare(db)
  local found = db:prepare "PRAGMA user_version":row()
  if found[1] == VERSION then return true end
  local ok, err = db:begin()
  if not ok then return nil, err end
  found = db:prepare "PRAGMA user_version":row()                     -- another process may have been first
  if found[1] == 0 then ok, err = db:exec(SCHEMA) end
  if not ok then
    db:rollback()
    return nil, err
  end
  return db:commit()
end

--- The inbox's place when none is named: `inbox.db` in the state directory.
function M.default_path()
  local dir = os.getenv "TCB_STATE_DIR"
  if not dir or dir == "" then
    local state = os.getenv "XDG_STATE_HOME"
    dir = (state and state ~= "" and state or (os.getenv "HOME" or ".") .. "/.local/state") .. "/tcb"
  end
  return dir .. "/inbox.db"
end

--- Opens an inbox, creating it (mode 0600) unless `create = false`. Blocks for the disk.
---@param path? string default: M.default_path()
---@param options? tcb.InboxOptions
---@return tcb.Inbox? inbox nil, err of kind store
---@return tcb.Error? err
function M.open(path, options)
  options = options or {}
  for name in pairs(options) do
    if not OPTIONS[name] then error("tcb.inbox: unknown option '" .. tostring(name) .. "'", 2) end
  end
  path = path or M.default_path()
  local keep_days = options.keep_days or 90
  if type(keep_days) ~= "number" or keep_days < M.REMEMBER_DAYS then
    error("tcb.inbox: keep_days is a number of days, at least " .. M.REMEMBER_DAYS, 2)
  end
  local db, err = require "tcb.sqlite".open(path, { create = options.create ~= false and not options.readonly,
    parents = not options.readonly, readonly = options.readonly, synchronous = "full", version = VERSION })
  if not db then return nil, err end
  local ok
  ok, err = prepare(db)
  if not ok then
    db:close()
    return nil, err
  end
  return setmetatable({ path = path, keep_ms = keep_days * DAY_MS, db = db, statements = {} }, Inbox)
end

--- Used by listeners: a statement, prepared once.
function Inbox:statement(sql)
  local s = self.statements[sql]
  if not s then
    local err
    s, err = self.db:prepare(sql)
    if not s then error(err, 0) end
    self.statements[sql] = s
  end
  return s
end

--- Used by listeners: runs `fn` in one transaction: true, or nil, err with nothing kept. `fn` returns nil, err to undo.
function Inbox:transaction(fn)
  local ok, err = self.db:begin()
  if not ok then return nil, err end
  local fine, result, why = pcall(fn)
  if fine and result ~= nil then
    ok, err = self.db:commit()
    if ok then return result end
  end
  self.db:rollback()
  if not fine then
    if errors.is(result) then return nil, result end
    error(result, 0)
  end
  return nil, why or err
end

local INSERT = "INSERT INTO event (id, type, number, created_at, received_at, due_at, body) VALUES (?, ?, ?, ?, ?, ?, ?) "
  .. "ON CONFLICT (id) DO NOTHING"
local COUNT = "INSERT INTO tally VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET n = n + excluded.n"

local function put_all(self, bodies, results, now)
  local insert, duplicates = self:statement(INSERT), 0
  for i = 1, #bodies do
    local id, kind, number, created = core.event_head(bodies[i])
    if not id then
      results[i] = kind
    else
      local added, err = insert:run(id, kind, number, created, now, now, bodies[i])
      if not added then return nil, err end
      if added == 0 then duplicates = duplicates + 1 end
      results[i] = added == 0 and "duplicate" or "new"
    end
  end
  if duplicates > 0 then
    local ok, err = self:statement(COUNT):run("duplicates", duplicates)
    if not ok then return nil, err end
  end
  return true
end

--- Keeps events, all in one commit. When it returns they are durable. Blocks for the disk.
---@param bodies string[] each one event, as it came
---@return (string|tcb.Error)[]? results for each: "new", "duplicate", or an error of kind input; nil, err: none was kept
---@return tcb.Error? err
function Inbox:put(bodies)
  local results, now = {}, core.clock.now()
  local ok, err = self:transaction(function() return put_all(self, bodies, results, now) end)
  if not ok then return nil, err end
  return results
end

local COLUMNS = "seq, id, type, number, created_at, received_at, state, attempts, due_at, ended_at, error, body"

local function from_row(row)
  return { seq = row[1], id = row[2], type = row[3], number = row[4] ~= "" and row[4] or nil,
    created_at = row[5] ~= 0 and row[5] or nil, received_at = row[6], state = M.STATES[row[7]], attempts = row[8], due_at = row[9], ended_at = row[10], error = row[11],
    body = row[12] }
end

--- One entry { seq, id, type, number, created_at, received_at, state, attempts, due_at, ended_at, error, body } by its event_id, or by
--- its seq; nil when there is none.
---@param id string|integer
---@return table? entry
function Inbox:get(id)
  local row, err = self:statement("SELECT " .. COLUMNS .. " FROM event WHERE id = ?"):row(tostring(id))
  if not row and not err and tostring(id):match "^%d+$" then
    row, err = self:statement("SELECT " .. COLUMNS .. " FROM event WHERE seq = ?"):row(tonumber(id))
  end
  if not row then return nil, err end
  return from_row(row)
end

local FILTERS = {
  state = function(v)
    return "state = ?", NUMBERS[v] or error("tcb.inbox: state is waiting, done or dead, not '" .. tostring(v) .. "'", 0)
  end,
  type = function(v) return "type = ?", v end,
  number = function(v) return "number = ?", v end,
  number_ends = function(v) return "number LIKE '%' || ?", v end,
  id = function(v) return "id = ?", v end,
  since = function(v) return "received_at >= ?", v end,
  before = function(v) return "received_at < ?", v end,
  after_seq = function(v) return "seq > ?", v end,
}

--- SQL and values of a filter.
local function where(filter)
  local parts, values, names = {}, {}, {}
  for name in pairs(filter) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    if name ~= "limit" and name ~= "newest" then
      if not FILTERS[name] then error("tcb.inbox: unknown filter '" .. tostring(name) .. "'", 0) end
      parts[#parts + 1], values[#values + 1] = FILTERS[name](filter[name])
    end
  end
  return #parts > 0 and " WHERE " .. table.concat(parts, " AND ") or "", values
end

local unpack = table.unpack or unpack                                -- luacheck: ignore

--- Iterates over entries in order of arrival. Raises what the disk causes. Pages of 500: writers are not held up.
---@param filter? tcb.InboxFilter
---@return fun(): table?
function Inbox:entries(filter)
  filter = filter or {}
  local clause, values = where(filter)
  local left, at, page, i = filter.limit or math.huge, nil, {}, 0
  local order = filter.newest and " ORDER BY seq DESC LIMIT ?" or " ORDER BY seq LIMIT ?"
  local edge = filter.newest and "seq < ?" or "seq > ?"
  local function fetch()
    local sql = "SELECT " .. COLUMNS .. " FROM event" .. clause .. (clause == "" and " WHERE " or " AND ") .. edge .. order
    local bind = { unpack(values) }
    bind[#bind + 1] = at or (filter.newest and 2 ^ 53 or 0)
    bind[#bind + 1] = math.min(500, left)
    page, i = {}, 0
    for row in self:statement(sql):rows(unpack(bind)) do page[#page + 1] = from_row(row) end
    if #page > 0 then at = page[#page].seq end
  end
  return function()
    if left <= 0 then return nil end
    if i == #page then fetch() end
    i, left = i + 1, left - 1
    return page[i]
  end
end

--- The events of one number between two instants, oldest first: for the life of a campaign's record.
---@param number string digits
---@param since integer epoch ms
---@param before integer epoch ms
---@return tcb.WebhookEvent[]? list nil, err when the inbox cannot be read
---@return tcb.Error? err
function Inbox:of_number(number, since, before)
  local list = {}
  local ok, err = errors.catch(function()
    for entry in self:entries { number = number, since = since, before = before } do
      local e = event.new(entry.body, { seq = entry.seq, received_at = entry.received_at })
      if e then list[#list + 1] = e end
    end
  end)
  if not ok then return nil, err end
  return list
end

--- Makes entries wait for their handlers again, from the first attempt on.
---@param filter tcb.InboxFilter at least one field
---@return integer? count nil, err
---@return tcb.Error? err
function Inbox:replay(filter)
  if next(filter) == nil then error("tcb.inbox: replay needs a filter", 2) end
  local clause, values = where(filter)
  local now = core.clock.now()
  return self:statement("UPDATE event SET state = 0, attempts = 0, error = NULL, ended_at = NULL, due_at = ?" .. clause)
    :run(now, unpack(values))
end

--- Deletes what ended longer ago than keep_days; events that wait stay. Blocks for the disk, 500 rows a commit.
---@return integer? count nil, err
---@return tcb.Error? err
function Inbox:sweep()
  local total, limit = 0, core.clock.now() - self.keep_ms
  local delete = self:statement "DELETE FROM event WHERE seq IN (SELECT seq FROM event WHERE received_at < ? AND state > 0 LIMIT 500)"
  while true do
    local n, err = delete:run(limit)
    if not n then return nil, err end
    total = total + n
    if n < 500 then return total end
  end
end

--- { waiting, done, dead, duplicates, oldest_waiting_at }: duplicates counts deliveries that were dropped.
---@return table? stats nil, err
---@return tcb.Error? err
function Inbox:stats()
  local stats = { waiting = 0, done = 0, dead = 0, duplicates = 0, oldest_waiting_at = nil }
  local ok, err = pcall(function()
    for row in self:statement "SELECT state, count(*) FROM event GROUP BY state":rows() do stats[M.STATES[row[1]]] = row[2] end
    local row = self:statement "SELECT n FROM tally WHERE name = 'duplicates'":row()
    stats.duplicates = row and row[1] or 0
    row = self:statement "SELECT received_at FROM event WHERE state = 0 ORDER BY seq LIMIT 1":row()
    stats.oldest_waiting_at = row and row[1]
  end)
  if ok then return stats end
  return nil, errors.is(err) and err or errors.new { kind = "store", message = tostring(err) }
end

--- Closes it; harmless when repeated.
function Inbox:close()
  for _, s in pairs(self.statements) do s:close() end
  self.statements = {}
  self.db:close()
end

function Inbox:__tostring()
  return "tcb.inbox (" .. self.path .. (self.db:is_open() and ")" or ", closed)")
end

return M
