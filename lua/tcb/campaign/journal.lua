--- The journal: a SQLite file that knows what was sent and what became of it, whatever dies in between.
--
-- Writes of one turn of the scheduler share one commit, made when no task can run; `durable` waits for it. Durable means power loss
-- (WAL, synchronous FULL). After a failed commit nothing more is written: the next run continues from what is on the disk.
-- @module tcb.campaign.journal
local core = require "tcb.core"
local errors = require "tcb.errors"
local schema = require "tcb.campaign.schema"
local task = require "tcb.task"

local STATE = schema.STATE

---@class tcb.Journal
local Journal = {}
Journal.__index = Journal
Journal.__name = "tcb.journal"
local M = { STATE = STATE, STATE_NAME = schema.STATE_NAME }

local SQL = {
  set = "INSERT OR REPLACE INTO header (name, value) VALUES (?, ?)",
  get = "SELECT name, value FROM header",
  clear = "DELETE FROM header WHERE name NOT IN ('requests', 'mints', 'rate_limited')",
  batch = "INSERT INTO batch (seq, state, records, open, planned_at, starts_at, ends_at, last_ends_at, parent, generation)"
    .. " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
  input = "INSERT INTO input (seq, spans, origin, refused, refused_count, dropped, split, checkpoint)"
    .. " VALUES (?, CAST(? AS BLOB), CAST(? AS BLOB), CAST(? AS BLOB), ?, ?, ?, CAST(? AS BLOB))",
  hash = "INSERT INTO hash (seq, hashes) VALUES (?, CAST(? AS BLOB))",
  body = "INSERT INTO body (seq, body) VALUES (?, CAST(? AS BLOB))",
  state = "UPDATE batch SET state = ?, reason = ?, events = events || ? WHERE seq = ?",
  sent = "UPDATE batch SET state = ?, batch_id = ?, sent_at = ?, reason = NULL, events = events || ? WHERE seq = ?",
  polled = "UPDATE batch SET open = ?, polls = polls + 1, polled_at = ?, events = events || ? WHERE seq = ?",
  open = "UPDATE batch SET open = ? WHERE seq = ?",
  outcome = "INSERT OR REPLACE INTO outcome (seq, codes, marks, notes)"
    .. " VALUES (?, CAST(? AS BLOB), CAST(? AS BLOB), CAST(? AS BLOB))",
  ids = "INSERT OR REPLACE INTO record_id (seq, ids) VALUES (?, CAST(? AS BLOB))",
  reason = "INSERT OR REPLACE INTO reason (n, text, field) VALUES (?, ?, ?)",
  forget = "DELETE FROM body WHERE seq = ?",
  purge_hash = "UPDATE hash SET hashes = x'' WHERE seq = ?",
  purge_ids = "DELETE FROM record_id WHERE seq = ?",
  purge_outcome = "UPDATE outcome SET notes = NULL WHERE seq = ? AND instr(codes, x'05') = 0",   -- reasons that stand in notes alone stay
  purge_batch = "UPDATE batch SET events = '' WHERE seq = ?",
}

--- Columns of a batch row, in the order of `BATCH`; rows come as tables with these names.
local COLUMNS = { "seq", "state", "records", "open", "planned_at", "starts_at", "ends_at", "last_ends_at", "batch_id", "sent_at",
  "reason", "parent", "generation", "polls", "polled_at", "events" }
local BATCH = "SELECT " .. table.concat(COLUMNS, ", ") .. " FROM batch "

local function named(row, columns)
  local out = {}
  for i, name in ipairs(columns) do out[name] = row[i] end
  return out
end

--- Statements are prepared once.
function Journal:statement(sql)
  local s = self._statements[sql]
  if s then return s end
  local err
  s, err = self.db:prepare(sql)
  if not s then return nil, err end
  self._statements[sql] = s
  return s
end

--- Runs SQL[name]. A failure makes the journal unusable for writing: what is on the disk counts.
function Journal:_run(name, ...)
  if self._failed then return nil, self._failed end
  local s, err = self:statement(SQL[name])
  local changes
  if s then changes, err = s:run(...) end
  if not s or not changes then
    self:abandon(err)
    return nil, err
  end
  return changes
end

--- `err` has left something unwritten or half written: drops what is not committed, and writes nothing more.
function Journal:abandon(err)
  self._failed = self._failed or err
  if self.db:is_open() then self.db:rollback() end
  self._dirty = false
  self._committed:pulse()
end

--- Opens the transaction of this turn and asks for its commit. Every writing method calls it first.
function Journal:_touch()
  if self._failed then return nil, self._failed end
  if self._dirty then return true end
  task.on_idle(function() self:_idle() end)
  local ok, err = self.db:begin()
  if not ok then
    self:abandon(err)
    return nil, err
  end
  self._dirty = true
  return true
end

--- Nothing can run: commits, or with a lag puts it off, unless somebody waits for it.
function Journal:_idle()
  local left = self.lag_s and self._waiting == 0 and self.lag_s - (core.clock.mono() - self._committed_us) / 1e6 or 0
  if left <= 0 then return self:commit() end
  if self._later then return end
  self._later = task.spawn(function()
    pcall(task.sleep, left)
    self._later = nil
    self:commit()
  end)
end

--- Makes durable what was written. Does not wait for tasks; blocks for one fdatasync.
function Journal:commit()
  if not self._dirty then return self._failed == nil, self._failed end
  local failed = self.before_commit and self.before_commit()
  if failed then self:abandon(failed) end
  if self._failed then return nil, self._failed end
  self._dirty = false
  local ok, err = self.db:commit()
  if not ok then self:abandon(err) end
  if self._later then task.cancel(self._later) end
  self.commits, self._committed_us = self.commits + 1, core.clock.mono()
  self._committed:pulse()
  return ok, err
end

--- Waits until all that was written so far is durable: true, or nil, err.
function Journal:durable()
  if self._dirty and task.current() then
    self._waiting = self._waiting + 1
    if self._later then task.on_idle(function() self:_idle() end) end
    local ok, err = pcall(self._committed.wait, self._committed)
    self._waiting = self._waiting - 1
    if not ok then error(err, 0) end
  elseif self._dirty then
    self:commit()
  end
  if self._failed then return nil, self._failed end
  return true
end

--- Sets one value of the header, or several: set{ name = value }. Durable with the turn's commit.
function Journal:set(values)
  local ok, err = self:_touch()
  if not ok then return nil, err end
  for name, value in pairs(values) do
    ok, err = self:_run("set", name, value)
    if not ok then return nil, err end
    self.header[name] = value
  end
  return true
end

--- Forgets the header, but for its counters of requests.
function Journal:clear_header()
  local ok, err = self:_touch()
  if not ok then return nil, err end
  ok, err = self:_run "clear"
  if not ok then return nil, err end
  local h = self.header
  self.header = { requests = h.requests, mints = h.mints, rate_limited = h.rate_limited }
  return true
end

--- Adds `n` to a counter of the header.
function Journal:count(name, n)
  return self:set{ [name] = (self.header[name] or 0) + n }
end

--- One more batch, or a row of refusals behind the last (b.records == 0). Sets b.seq.
---@param b table records, state, planned_at, starts_at, ends_at, last_ends_at, parent, generation, spans, hashes, origin, refused,
--- refused_count, dropped, split, checkpoint, kept_body
function Journal:add(b)
  local ok, err = self:_touch()
  if not ok then return nil, err end
  local seq = self._next
  if b.records > 0 then
    ok, err = self:_run("batch", seq, b.state, b.records, b.records, b.planned_at, b.starts_at, b.ends_at, b.last_ends_at, b.parent,
      b.generation or 0)
    if not ok then return nil, err end
  end
  ok, err = self:_run("input", seq, b.spans, b.origin, b.refused, b.refused_count or 0, b.dropped or 0, b.split or 0,
    b.checkpoint)
  if ok and b.hashes then ok, err = self:_run("hash", seq, b.hashes) end
  if ok and b.kept_body then ok, err = self:_run("body", seq, b.kept_body) end
  if not ok then return nil, err end
  self._next, b.seq = seq + 1, seq
  return true
end

--- Changes what a batch is. `event` is appended to its life; "" for none.
function Journal:mark(seq, state, reason, event)
  local ok, err = self:_touch()
  if not ok then return nil, err end
  return self:_run("state", state, reason, event or "", seq)
end

--- The service accepted it.
function Journal:sent(seq, batch_id, sent_at, event)
  local ok, err = self:_touch()
  if not ok then return nil, err end
  return self:_run("sent", STATE.sent, batch_id, sent_at, event or "", seq)
end

--- A poll of its status: `open` records are left. Bodies go when none is.
function Journal:polled(seq, open, at, event)
  local ok, err = self:_touch()
  if not ok then return nil, err end
  ok, err = self:_run("polled", open, at, event or "", seq)
  if ok and open == 0 and self.header.keeps_bodies == 1 then ok, err = self:_run("forget", seq) end
  return ok, err
end

--- Outcomes of its records, as tcb.core's settle gives them; strings or nil. `open`: how many are left.
function Journal:outcome(seq, codes, marks, ids, notes, open)
  local ok, err = self:_touch()
  if not ok then return nil, err end
  ok, err = self:_run("outcome", seq, codes, marks, notes)
  if ok and ids then ok, err = self:_run("ids", seq, ids) end
  if ok and open then ok, err = self:_run("open", open, seq) end
  return ok, err
end

--- A new reason of the message table.
function Journal:reason(n, text, field)
  local ok, err = self:_touch()
  if not ok then return nil, err end
  return self:_run("reason", n, text, field)
end

--- Nobody will be asked about its open records any more.
function Journal:settle_open(seq)
  local ok, err = self:_touch()
  if not ok then return nil, err end
  return self:_run("open", 0, seq)
end

--- Forgets the details of a batch: body, hashes (an empty one says so), ids, notes, events.
function Journal:purge(seq)
  local ok, err = self:_touch()
  for _, name in ipairs{ "forget", "purge_hash", "purge_ids", "purge_outcome", "purge_batch" } do
    if ok then ok, err = self:_run(name, seq) end
  end
  return ok, err
end

--- All reasons: { [n] = { text =, field = } }.
function Journal:reasons()
  local list = {}
  for row in assert(self:statement("SELECT n, text, field FROM reason ORDER BY n")):rows() do
    list[row[1]] = { text = row[2], field = row[3] ~= "" and row[3] or nil }
  end
  return list
end

--- Iterates over batches as tables of COLUMNS. `where` is SQL behind BATCH ("WHERE state = ? ORDER BY seq"). The rows are read in
--- pages, so that the journal may be written meanwhile.
function Journal:batches(where, ...)
  local values, last, page, at = { ... }, 0, {}, 0
  local sql = BATCH .. "WHERE seq > ? AND (" .. (where or "1") .. ") ORDER BY seq LIMIT 512"
  return function()
    at = at + 1
    if at > #page then
      if last == nil then return nil end
      page, at = {}, 1
      for row in assert(self:statement(sql)):rows(last, (table.unpack or unpack)(values)) do page[#page + 1] = named(row, COLUMNS) end
      last = #page == 512 and page[#page].seq or nil
    end
    return page[at]
  end
end

--- One batch, or nil.
function Journal:batch(seq)
  local row = assert(self:statement(BATCH .. "WHERE seq = ?")):row(seq)
  return row and named(row, COLUMNS)
end

local INPUT = { "spans", "hashes", "origin", "refused", "refused_count", "dropped", "split", "checkpoint", "body" }
local FROM_INPUT = "SELECT " .. table.concat(INPUT, ", ") ..
  " FROM input LEFT JOIN hash USING (seq) LEFT JOIN body USING (seq) WHERE seq = ?"
--- Where the records of a batch come from; nil when there is no such row.
function Journal:input(seq)
  local row = assert(self:statement(FROM_INPUT)):row(seq)
  return row and named(row, INPUT)
end

--- The hashes of a batch alone; with a tcb.buf `into`: that buffer, which holds them.
function Journal:hashes(seq, into)
  local s = assert(self:statement("SELECT hashes FROM hash WHERE seq = ?"))
  if into then return s:into(into, seq) end
  local row = s:row(seq)
  return row and row[1]
end

--- codes, marks, ids, notes of a batch; nothing when no record has an outcome of its own.
function Journal:outcomes(seq)
  local row = assert(self:statement("SELECT codes, marks, ids, notes FROM outcome LEFT JOIN record_id USING (seq) WHERE seq = ?")):row(seq)
  if row then return row[1], row[2], row[3], row[4] end
end

--- One value of a query that gives one row: journal:value("SELECT count(*) FROM batch").
function Journal:value(sql, ...)
  local row = assert(self:statement(sql)):row(...)
  return row and row[1]
end

--- Where the input goes on: the checkpoint of the newest row that has one.
function Journal:checkpoint()
  return self:value("SELECT checkpoint FROM input WHERE checkpoint IS NOT NULL ORDER BY seq DESC LIMIT 1")
end

--- Was nothing of the input planned yet? Then there is nothing that could be lost.
function Journal:is_blank()
  return self:value "SELECT count(*) FROM input" == 0
end

--- Closes a journal that is blank and takes its files away, as if the campaign had never been begun.
function Journal:discard()
  self.db:close()
  for _, tail in ipairs{ "", "-wal", "-shm", ".input" } do os.remove(self.path .. tail) end
  self:close()
end

--- Commits, closes and lets go. Harmless when repeated.
function Journal:close()
  if self.db and self.db:is_open() then
    if self._dirty then self:commit() end
    self.db:close()
  end
  self._statements = {}
  if self._lock then self._lock:close() end
  self._lock = nil
end

local function holder_text(what)
  return ("%d\n%s\n%d\n"):format(core.pid(), what, core.clock.now())
end

local function held_by(text)
  local pid, what, since = text:match("^(%d+)\n([^\n]*)\n(%d+)")
  if not pid then return "another process" end
  return ("process %s (tcb %s, since %s)"):format(pid, what, os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(tonumber(since) / 1000)))
end

local function take_lock(path, what)
  local lock, holder = core.lock(path .. "-lock", holder_text(what))
  if lock then return lock end
  if lock == nil then return nil, holder end
  return errors.fail("store", ("journal '%s' is held by %s"):format(path, held_by(holder)),
    { slug = "held", remedy = "wait until it has ended, or stop it; status, export and report read a journal that is held" })
end

local function is_journal(db, path)
  local s, err = db:prepare "PRAGMA user_version"
  if not s then return nil, err end
  local version = s:row()[1]
  local application = assert(db:prepare "PRAGMA application_id"):row()[1]
  if version > 0 and application ~= schema.APPLICATION then
    return errors.fail("store", ("'%s' is a database, but not a journal of tcb"):format(path), { slug = "foreign" })
  end
  return version
end

local function load_header(self)
  self.header = {}
  for row in assert(self:statement(SQL.get)):rows() do self.header[row[1]] = row[2] end
  self._next = (self:value("SELECT max(seq) FROM input") or 0) + 1
end

--- Opens a journal.
---@param path string
---@param options { create: boolean?, readonly: boolean?, what: string? } what: the command, told to a second process
---@return tcb.Journal? journal nil, err when it is absent, held, damaged, of a newer version, or no journal
function M.open(path, options)
  local ok, sqlite = pcall(require, "tcb.sqlite")
  if not ok then
    return errors.fail("config", "the journal needs the module tcb.sqlite: " .. tostring(sqlite):match("^[^\n]*"),
      { remedy = "install libsqlite3 (Debian: libsqlite3-0) and tcb's sqlite module" })
  end
  local lock, db, version, err
  if not options.readonly then
    lock, err = take_lock(path, options.what or "push")
    if not lock then return nil, err end
  end
  local function give_up(why)
    if db then db:close() end
    if lock then lock:close() end
    return nil, why
  end
  db, err = sqlite.open(path, { create = options.create or false, readonly = options.readonly, version = schema.VERSION, busy_s = 10,
    page_bytes = schema.PAGE_BYTES })
  if not db then return give_up(err) end
  version, err = is_journal(db, path)
  if not version then return give_up(err) end
  if version == 0 and not options.create then
    return give_up(errors.new{ kind = "store", slug = "foreign", message = ("'%s' is no journal of tcb"):format(path) })
  end
  if options.readonly and version < schema.VERSION then                   -- only who may write can upgrade it
    db:close()
    local upgraded
    upgraded, err = M.open(path, { what = "upgrade" })
    if not upgraded then return nil, err end
    upgraded:close()
    return M.open(path, options)
  end
  if not options.readonly then
    ok, err = schema.upgrade(db, version)
    if ok then ok, err = db:exec "PRAGMA cache_size=-256" end                 -- kB; what is written is hardly ever read again
    if not ok then return give_up(err) end
  end
  local self = setmetatable({ path = path, db = db, _lock = lock, _statements = {}, _dirty = false, _failed = nil, _next = 1,
    _committed = task.event(), _committed_us = 0, _waiting = 0, _later = nil, lag_s = nil, commits = 0, header = {},
    is_new = version == 0 }, Journal)
  local loaded, why = pcall(load_header, self)
  if not loaded then return give_up(errors.is(why) and why or errors.new{ kind = "store", message = tostring(why) }) end
  return self
end

function Journal:__tostring()
  return ("tcb.journal (%s%s)"):format(self.path, self.db and self.db:is_open() and "" or ", closed")
end

return M
