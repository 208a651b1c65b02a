--- The store inside nginx: a `lua_shared_dict`, so that all workers of an nginx share tokens, mints and pace. It survives a reload,
--- not a restart. The lock is held for one stretch of Lua that never yields; a worker that dies in it blocks the others for LOCK_S.
-- @module tcb.store.shared
local core = require "tcb.core"
local errors = require "tcb.errors"

local M = {}
local ngx = rawget(_G, "ngx")
local unpack = table.unpack or unpack                              -- luacheck: ignore
local LOCK_S = 2
local TRIES = 6000                  -- most of them half a millisecond apart: longer than LOCK_S in all
local LARGER = "make the lua_shared_dict larger"

local Shared = {}
Shared.__index = Shared

--- A store in the dictionary `name` (default "tcb"). nil, err (config) when nginx has none of that name.
function M.new(base_url, account, name)
  name = name or "tcb"
  local dict = ngx.shared[name]
  if not dict then
    return errors.fail("config", ("nginx has no shared dictionary '%s'"):format(name),
      { remedy = ("add `lua_shared_dict %s 1m;` to the http block"):format(name) })
  end
  local key = "state:" .. core.sha256(base_url .. "\n" .. account):sub(1, 16)
  return setmetatable({ kind = "shared", live = false, dict = dict, key = key }, Shared)
end

--- Takes the lock; sleeps between tries where nginx lets it, else spins: the holder never yields, so it is soon free.
local function lock(self)
  local key = self.key .. ":lock"
  for try = 1, TRIES do
    local ok, why = self.dict:safe_add(key, ngx.worker.pid(), LOCK_S)
    if ok then return key end
    if why ~= "exists" then return errors.fail("store", "cannot lock the shared dictionary: " .. tostring(why), { remedy = LARGER }) end
    if try > 20 then pcall(ngx.sleep, 0.0005) end
  end
  return errors.fail("store", "the shared dictionary stays locked")
end

--- See tcb.store.memory; `durable` means nothing here: the state lives as long as nginx does.
function Shared:update(fn, _, check)
  local key, err = lock(self)
  if not key then return nil, err end
  local bytes = self.dict:get(self.key)
  if bytes and not check(bytes) then
    bytes, self.is_fresh = nil, true                               -- of another release of tcb: mints are taken one at a time
  end
  local results = { pcall(fn, bytes) }
  local ok, why = true, nil
  if results[1] and results[2] ~= nil then
    local keep = results[2]
    ok, why = self.dict:safe_set(self.key, type(keep) == "userdata" and keep:string() or keep)
  end
  self.dict:delete(key)
  if not results[1] then error(results[2], 0) end
  if not ok then return errors.fail("store", "cannot keep the account's state: " .. tostring(why), { remedy = LARGER }) end
  return unpack(results, 3, 12)
end

function Shared:close() end

return M
