--- The profiles file: `$XDG_CONFIG_HOME/tcb/config.lua`, data only:
--
--     return {
--       default = "acme",
--       profiles = {
--         acme = { base_url = "https://...", account = "...", key_id = "...", api_key_command = "pass show tcb/acme" },
--       },
--     }
--
-- @module tcb.profiles
local core = require "tcb.core"
local errors = require "tcb.errors"
local json = require "tcb.json"
local M = {}

local STEPS = 100000                   -- instructions a file of data may take: a loop in it ends with an error, not never

--- Where the file is: `$XDG_CONFIG_HOME/tcb/config.lua`, else `~/.config/tcb/config.lua`. nil without either variable.
---@return string? path
function M.path()
  local base, home = os.getenv "XDG_CONFIG_HOME", os.getenv "HOME"
  if base and base:sub(1, 1) == "/" then return base .. "/tcb/config.lua" end
  return home and home ~= "" and home .. "/.config/tcb/config.lua" or nil
end

local function refuse(path, why, remedy)
  return errors.fail("config", ("profiles file '%s' %s"):format(path, why), { remedy = remedy })
end

--- Runs the file's text in an empty environment, with a bound on what it may do.
local function run(text, path)
  local chunk, message
  if text:sub(1, 1) == "\27" then return nil, "holds bytecode, not text" end
  if setfenv then                                        -- luacheck: ignore
    chunk, message = loadstring(text, "@" .. path)       -- luacheck: ignore
    if chunk then setfenv(chunk, {}) end                 -- luacheck: ignore
    if chunk and jit then jit.off(chunk, true) end       -- luacheck: ignore
  else
    chunk, message = load(text, "@" .. path, "t", {})
  end
  if not chunk then return nil, "is not valid Lua: " .. message:gsub(" near .*$", "") end   -- what stands there may be a key
  local thread = coroutine.create(chunk)
  local hook, mask, count = debug.gethook()              -- LuaJIT has one hook for all threads: it is put back below
  debug.sethook(thread, function() error("is data only: it must not loop", 0) end, "", STEPS)
  local ok, value = coroutine.resume(thread)
  debug.sethook(thread)
  if jit and hook then debug.sethook(hook, mask, count) end              -- luacheck: ignore
  if not ok then return nil, "failed, it may hold data alone: " .. tostring(value) end
  if coroutine.status(thread) ~= "dead" or type(value) ~= "table" then return nil, "must return a table" end
  return value
end

--- Reads and checks the file's outline; what the profiles hold is checked by tcb.config. Blocks for a short read.
---@return { default: string?, profiles: table<string, table>, path: string, exists: boolean }? data
---@return tcb.Error? err kind config: readable by others, broken, not of this outline
function M.read()
  local path = M.path()
  if not path then return { profiles = {}, path = "~/.config/tcb/config.lua", exists = false } end
  local text, err = core.private_read(path)
  if err then
    err.remedy = err.message:find "open to others" and ("run: chmod 600 '%s'"):format(path) or "make it readable for you alone"
    return nil, err
  end
  if not text then return { profiles = {}, path = path, exists = false } end
  local value, why = run(text, path)
  if not value then return refuse(path, core.log.redact(why), "mend it, or write it anew with `tcb profile add`") end
  for key in pairs(value) do
    if key ~= "default" and key ~= "profiles" then
      return refuse(path, ("has an unknown key '%s'"):format(tostring(key)), "it holds `default` and `profiles` only")
    end
  end
  local profiles = value.profiles or {}
  if type(profiles) ~= "table" or (value.default ~= nil and type(value.default) ~= "string") then
    return refuse(path, "must hold default = \"NAME\" and profiles = { NAME = { ... } }")
  end
  for name, profile in pairs(profiles) do
    if type(name) ~= "string" or type(profile) ~= "table" then
      return refuse(path, ("has a profile '%s' that is not a table with a name"):format(tostring(name)))
    end
  end
  return { default = value.default, profiles = profiles, path = path, exists = true }
end

local function literal(value)
  if type(value) == "string" then return (("%q"):format(value):gsub("\\\n", "\\n"):gsub("\r", "\\r")) end
  if type(value) ~= "table" then return json.encode(value) end
  local keys, parts = {}, {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for _, key in ipairs(keys) do
    parts[#parts + 1] = ("[%s] = %s"):format(literal(key), literal(value[key]))
  end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

--- Writes the file anew, mode 0600, in one step; comments of an older one are lost.
---@param data { default: string?, profiles: table<string, table> }
---@return boolean? ok
---@return tcb.Error? err
function M.write(data)
  local path = M.path()
  if not path then
    return errors.fail("config", "there is no place for the profiles file", { remedy = "set HOME or XDG_CONFIG_HOME" })
  end
  local names, out = {}, { "return {\n" }
  if data.default then out[#out + 1] = ("  default = %s,\n"):format(literal(data.default)) end
  out[#out + 1] = "  profiles = {\n"
  for name in pairs(data.profiles) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    out[#out + 1] = ("    [%s] = {\n"):format(literal(name))
    local keys = {}
    for key in pairs(data.profiles[name]) do keys[#keys + 1] = key end
    table.sort(keys)
    for _, key in ipairs(keys) do out[#out + 1] = ("      %s = %s,\n"):format(key, literal(data.profiles[name][key])) end
    out[#out + 1] = "    },\n"
  end
  out[#out + 1] = "  },\n}\n"
  return core.private_write(path, table.concat(out))
end

return M
