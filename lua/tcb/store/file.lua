--- The file store: one SQLite file an account and base URL, through which the processes of a machine share tokens, mints and
-- pace. Readable by its owner alone: it holds tokens. A crashed process leaves no lock behind; a stopped one blocks for 5 s at
-- most, which is then an error. A damaged file is set aside as NAME.corrupt-TIME.
-- @module tcb.store.file
local core = require "tcb.core"
local errors = require "tcb.errors"
local M = {}

local FORM = 1                          -- PRAGMA user_version; the state inside has a form of its own
local BUSY_S = 5

local File = {}
File.__index = File

local REMEDY = {
  readonly = "make it writable, set TCB_STATE_DIR to a folder that is, or use --no-store (store = \"memory\")",
  full = "make room, set TCB_STATE_DIR to another disk, or use --no-store (store = \"memory\")",
  newer = "update this tcb, set TCB_STATE_DIR to another folder, or use --no-store (store = \"memory\")",
  busy = "another process holds it; if none should, look for one that hangs",
}

local function explain(err)
  if errors.is(err) and err.kind == "store" and not err.remedy then
    err.remedy = REMEDY[err.slug] or "set TCB_STATE_DIR to another folder, or use --no-store (store = \"memory\")"
  end
  return nil, err
end

--- The file of an account below `dir`. Its name tells accounts apart and gives none away.
function M.path(dir, base_url, account)
  return ("%s/account-%s.db"):format(dir, core.sha256(base_url .. "\n" .. account):sub(1, 16))
end

--- A store at `path`; nothing is opened before the first update.
function M.new(path)
  return setmetatable({ kind = "file", path = path, live = false }, File)
end

local function need_sqlite()
  local ok, module = pcall(require, "tcb.sqlite")
  if ok then return module end
  return errors.fail("config", "the account's state file needs the module tcb.sqlite and SQLite (package libsqlite3-0)",
    { remedy = "install them, or use --no-store (store = \"memory\")" })
end

local function open(self)
  local sqlite, err = need_sqlite()
  if not sqlite then return nil, err end
  local db
  db, err = sqlite.open(self.path, { parents = true, synchronous = "normal", busy_s = BUSY_S, version = FORM })
  if not db then return nil, err end
  local ok
  ok, err = db:exec(("CREATE TABLE IF NOT EXISTS state(id INTEGER PRIMARY KEY CHECK(id = 1), bytes BLOB NOT NULL);"
    .. "PRAGMA user_version=%d"):format(FORM))
  local read = ok and db:prepare "SELECT bytes FROM state WHERE id = 1"
  local write = read and db:prepare "INSERT OR REPLACE INTO state(id, bytes) VALUES(1, ?)"
  if not write then
    db:close()
    if not err then
      err = errors.new{ kind = "store", slug = "damaged", message = ("cannot use '%s': its table is missing"):format(self.path) }
    end
    return nil, err
  end
  self.db, self.read, self.write = db, read, write
  return true
end

function File:close()
  if self.db then self.db:close() end
  self.db, self.read, self.write = nil, nil, nil
end

--- Moves the damaged file out of the way, once: whoever comes second finds the new one in order.
local function set_aside(self, is_damaged)
  local sqlite = require "tcb.sqlite"
  self:close()
  local lock, err = sqlite.open(self.path .. ".lock", { wal = false, synchronous = "off", busy_s = BUSY_S })
  if not lock then return nil, err end
  local ok
  ok, err = lock:begin()
  if ok and is_damaged() then
    self:close()
    local aside = ("%s.corrupt-%s"):format(self.path, os.date("!%Y%m%dT%H%M%SZ", math.floor(core.clock.now() / 1000)))
    local renamed, why = os.rename(self.path, aside)
    if renamed then
      os.rename(self.path .. "-wal", aside .. "-wal")
      os.remove(self.path .. "-shm")
      self.is_fresh = true
      core.log.write("warn", ("'%s' is damaged: set aside as '%s'; tokens are minted one at a time until the mints that "
        .. "it knew of no longer count"):format(self.path, aside))
    else
      ok, err = errors.fail("store", ("cannot set the damaged file aside: %s"):format(why), { slug = "readonly" })
    end
  end
  lock:close()
  return ok, err
end

local function transact(self, fn, durable)
  local db = self.db
  if durable then db:exec "PRAGMA synchronous=FULL" end
  local ok, err = db:begin()
  local row
  if ok then
    row, err = self.read:row()
    ok = row ~= nil or err == nil
  end
  if not ok then
    db:rollback()
    return false, err
  end
  local results = { n = 0, pcall(fn, row and row[1]) }
  if results[1] and results[2] ~= nil then
    ok, err = self.write:run(results[2])
    if ok then ok, err = db:commit() end
  else
    db:rollback()
  end
  if durable then db:exec "PRAGMA synchronous=NORMAL" end
  if not ok then
    db:rollback()
    return false, err
  end
  return true, results
end

local unpack = table.unpack or unpack                              -- luacheck: ignore

--- Does this file still open, and hold a state that `check` accepts? Only for a file that was found damaged.
local function is_damaged(self, check)
  local ok, err = open(self)
  if ok then
    local row
    row, err = self.read:row()
    if row then ok, err = check(row[1]) else ok = err == nil end
  end
  return not ok and errors.is(err) and err.slug == "damaged"
end

--- See tcb.store.memory. `check(bytes) -> true | nil, err` tells whether a state is in order (damaged: slug "damaged"). Blocks
-- for a few microseconds, for the disk when `durable`, for up to 5 s when another process hangs while it holds the file.
---@param fn fun(bytes: string?): any, ...
---@param durable boolean? survives a loss of power
---@param check fun(bytes: string): boolean?, tcb.Error?
function File:update(fn, durable, check)
  for attempt = 1, 2 do
    if self.db and self.db:has_moved() then self:close() end
    local ok, err = true, nil
    if not self.db then ok, err = open(self) end
    local results
    if ok then
      ok, results = transact(self, function(bytes)
        if bytes then
          local good, wrong = check(bytes)
          if not good then return nil, wrong end
        end
        return fn(bytes)
      end, durable)
      if not ok then err = results end
    end
    if ok and not results[1] then error(results[2], 0) end
    local wrong = ok and results[2] == nil and results[3]
    local failed = not ok and err or (errors.is(wrong) and wrong.kind == "store" and wrong)
    if not failed then return unpack(results, 3, 12) end
    if failed.slug ~= "damaged" or attempt == 2 then return explain(failed) end
    ok, err = set_aside(self, function() return is_damaged(self, check) end)
    if not ok then return explain(err) end
  end
end

return M
