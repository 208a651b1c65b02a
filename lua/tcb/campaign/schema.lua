--- The journal's tables, and how a journal of an earlier version becomes one of this.
-- @module tcb.campaign.schema
local M = {}

--- Kept in `PRAGMA user_version`; each version after the first has one step in UPGRADES that makes it out of the one before.
M.VERSION = 2
--- `PRAGMA application_id`: "tcbj".
M.APPLICATION = 0x7463626a

--- What a batch is. Records without an outcome of their own are what their batch is.
M.STATE = {
  waiting = 0,                        -- planned, not sent: certainly not processed
  intent = 1,                         -- its first byte may have left; after a crash it is in doubt
  sent = 2,                           -- accepted: batch_id is known
  doubt = 3,                          -- the service may or may not have it
  rejected = 4,                       -- answered 400, 403, 404
  expired = 5,                        -- every window passed before it could be sent
  resent = 6,                         -- in doubt once; a later batch holds the same records and counts them
}
M.STATE_NAME = {}
for name, n in pairs(M.STATE) do M.STATE_NAME[n] = name end

--- Two full batches' hashes, or one's ids, fill a page.
M.PAGE_BYTES = 8192

local TABLES = [[
-- name, value: what the campaign is. Options that shape a body, the input's identity, who made it, counters of requests.
CREATE TABLE header (name TEXT PRIMARY KEY, value) WITHOUT ROWID;

-- One row a batch, in the order of sending. `planned_at` is the instant that the time rules used; starts_at, ends_at: the earliest of
-- its records, last_ends_at: the latest. `open`: records that have no outcome yet. `events`: a line each request, for `tcb why`.
CREATE TABLE batch (
  seq INTEGER PRIMARY KEY,
  state INTEGER NOT NULL,
  records INTEGER NOT NULL,
  open INTEGER NOT NULL,
  planned_at INTEGER NOT NULL,
  starts_at INTEGER NOT NULL,
  ends_at INTEGER NOT NULL,
  last_ends_at INTEGER NOT NULL,
  batch_id TEXT,
  sent_at INTEGER,
  reason TEXT,
  parent INTEGER,
  generation INTEGER NOT NULL DEFAULT 0,
  polls INTEGER NOT NULL DEFAULT 0,
  polled_at INTEGER,
  events TEXT NOT NULL DEFAULT ''
);

-- Where the records of a batch come from; written once. A row without a batch carries the refusals behind the last one.
-- refused: what was refused since the row before; checkpoint: where the input goes on behind it; origin: seq and position of each record
-- in earlier batches, for records that are sent again.
CREATE TABLE input (
  seq INTEGER PRIMARY KEY,
  refused_count INTEGER NOT NULL DEFAULT 0,
  dropped INTEGER NOT NULL DEFAULT 0,
  split INTEGER NOT NULL DEFAULT 0,
  checkpoint BLOB,
  refused BLOB,
  spans BLOB,
  origin BLOB
);

-- 8 bytes a record: the hash of its match key (src/core/match.h). Large columns have tables of their own, so that the others lie close.
CREATE TABLE hash (seq INTEGER PRIMARY KEY, hashes BLOB NOT NULL);

-- The encoded body, under a hook or a schedule, until its records are settled.
CREATE TABLE body (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);

-- What became of the records of a batch: codes, marks: a byte a record (src/core/outcome.h).
CREATE TABLE outcome (seq INTEGER PRIMARY KEY, codes BLOB NOT NULL, marks BLOB, notes BLOB);

-- The service's ids, 16 bytes a record.
CREATE TABLE record_id (seq INTEGER PRIMARY KEY, ids BLOB NOT NULL);

-- Reasons of failures; code 16 + n in `outcome`.
CREATE TABLE reason (n INTEGER PRIMARY KEY, text TEXT NOT NULL, field TEXT NOT NULL);
]]

--- Version 1 kept the large columns in `input` and `outcome`.
local FROM_1 = [[
CREATE TABLE hash (seq INTEGER PRIMARY KEY, hashes BLOB NOT NULL);
CREATE TABLE body (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE record_id (seq INTEGER PRIMARY KEY, ids BLOB NOT NULL);
INSERT INTO hash SELECT seq, hashes FROM input WHERE hashes IS NOT NULL;
INSERT INTO body SELECT seq, body FROM input WHERE body IS NOT NULL;
INSERT INTO record_id SELECT seq, ids FROM outcome WHERE ids IS NOT NULL;
ALTER TABLE input DROP COLUMN hashes;
ALTER TABLE input DROP COLUMN body;
ALTER TABLE outcome DROP COLUMN ids;
]]

--- Does the database have this table?
local function has_table(db, name)
  return db:prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"):row(name) ~= nil
end

--- UPGRADES[v](db): SQL that makes version v out of v - 1.
M.UPGRADES = { [2] = function(db) return has_table(db, "hash") and "" or FROM_1 end }

--- Makes a new database a journal, or an old journal one of this version, in one transaction. Returns true, or nil, err.
---@param db table an open tcb.sqlite connection
---@param from integer its user_version; 0: new
function M.upgrade(db, from)
  if from == M.VERSION then return true end
  local ok, err = db:begin()
  if ok and from == 0 then ok, err = db:exec(TABLES) end
  for v = from == 0 and M.VERSION + 1 or from + 1, M.VERSION do
    if ok then ok, err = db:exec(M.UPGRADES[v](db)) end
  end
  if ok then ok, err = db:exec(("PRAGMA user_version=%d; PRAGMA application_id=%d"):format(M.VERSION, M.APPLICATION)) end
  if ok then return db:commit() end
  db:rollback()
  return nil, err
end

return M
