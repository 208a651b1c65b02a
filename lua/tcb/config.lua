--- What a client works with, put together from its options, the environment and the profiles file, and checked.
-- The first that names a setting wins: options and the host's flags; a profile asked for by name; the environment (TCB_*);
-- the default profile, which is not even read when the environment holds all four of base URL, account, key id and key.
-- @module tcb.config
local core = require "tcb.core"
local errors = require "tcb.errors"
local profiles = require "tcb.profiles"
local M = {}

M.PRODUCTION = "https://enterprise-portal-noneu.truecaller.com"      -- API reference, "Verified Business APIs"

--- Limits of the service (API reference, 2026): requests in a sliding window; `mint` an account, the others a token.
local LIMITS = {
  mint = { count = 10, window_s = 1800 }, push = { count = 60, window_s = 60 }, personalise = { count = 100, window_s = 1 },
}

-- A check returns the value to use; or nil, what is wrong, and true when it is the type.
local function text(value)
  if type(value) ~= "string" then return nil, "must be a string", true end
  if value == "" then return nil, "is empty" end
  if #value > 4096 or value:find "[%c]" then return nil, "holds a line break or another control character" end
  return value
end

local function one_of(...)
  local list = { ... }
  return function(value)
    for _, known in ipairs(list) do if value == known then return value end end
    return nil, "must be one of " .. table.concat(list, ", ")
  end
end

local function number(low, high, whole)
  return function(value)
    if type(value) ~= "number" then return nil, "must be a number", true end
    if not (value >= low and value <= high) or (whole and value ~= math.floor(value)) then
      return nil, ("must be a %snumber, %g..%g"):format(whole and "whole " or "", low, high)
    end
    return value
  end
end

local function boolean(value)
  if type(value) ~= "boolean" then return nil, "must be true or false", true end
  return value
end

local function country(value)
  local digits = tostring(value):gsub("^%+", "")
  if not digits:match "^[1-9]%d?%d?$" then return nil, "must be a country code such as 91" end
  return digits
end

local function limit(value)
  if value == 0 or value == "0" or value == false then return false end
  if type(value) == "table" then
    value = ("%s/%s"):format(tostring(value[1] or value.count), tostring(value[2] or value.window_s))
  end
  local count, window = tostring(value):match "^(%d+)/(%d*%.?%d+)$"
  count, window = tonumber(count), tonumber(window)
  if not count or count < 1 or count > 1e9 or not window or window <= 0 or window > 86400 then return nil end
  return { count = count, window_s = window }
end

--- Reads limits: `'mint=10/1800 push=60/60 personalise=100/1'` or `{ push = { 60, 60 } }`; 0 means none. What is not named
-- keeps the documented value. Pure.
---@param value string|table|nil
---@return table<string, {count: integer, window_s: number}|false>? limits false: no limit
---@return string? wrong
---@return boolean? is_type
function M.limits(value)
  local all, given = {}, value or {}
  for name, default in pairs(LIMITS) do all[name] = default end
  if type(given) == "string" then
    given = {}
    for word in value:gmatch "[^%s,]+" do
      local name, rest = word:match "^(%a+)=(.+)$"
      if not name then return nil, ("has '%s' in it"):format(word) end
      given[name] = rest
    end
  elseif type(given) ~= "table" then
    return nil, "must be a string or a table", true
  end
  for name, v in pairs(given) do
    if not LIMITS[name] then return nil, ("names '%s'; the limits are mint, push, personalise"):format(tostring(name)) end
    local one = limit(v)
    if one == nil then return nil, ("has a '%s' that is not COUNT/SECONDS or 0"):format(name) end
    all[name] = one
  end
  return all
end

--- Every setting: { check, default, environment variable }.
local SETTINGS = {
  base_url = { text, nil, "TCB_BASE_URL" }, account = { text, nil, "TCB_ACCOUNT" },
  key_id = { text, nil, "TCB_KEY_ID" }, api_key = { text, nil, "TCB_API_KEY" }, api_key_command = { text },
  ca = { text }, proxy = { text },
  connect_timeout_s = { number(0.001, 3600), 10 }, timeout_s = { number(0.001, 3600), 30 },
  deadline_s = { number(0.001, 86400), 120 },
  wait = { boolean, false }, limits = { M.limits, nil, "TCB_LIMITS" }, tokens = { number(1, 20, true), 10 },
  store = { one_of("file", "memory"), "file" }, country = { country }, plus = { boolean, false },
  dialect = { one_of("v2", "v1"), "v2" },
}
local CREDENTIALS = { "base_url", "account", "key_id", "api_key" }

--- Names of all settings, sorted: options of tcb.client{} besides `profile`, and keys of a profile.
M.names = {}
for name in pairs(SETTINGS) do M.names[#M.names + 1] = name end
table.sort(M.names)

local function env(name)
  local value = name and os.getenv(name)
  return value ~= "" and value or nil
end

local function fail(message, remedy, field)
  return errors.fail("config", message, { remedy = remedy, field = field })
end

--- The profile of that name, or the default one, or nothing. Unknown names and keys are errors.
local function read_profile(name)
  local data, err = profiles.read()
  if not data then return nil, err end
  local wanted = name or data.default or (data.profiles.default and "default")
  if not wanted then return {} end
  local profile = data.profiles[wanted]
  if not profile then
    local known = {}
    for key in pairs(data.profiles) do known[#known + 1] = key end
    table.sort(known)
    local remedy = #known > 0 and "known profiles: " .. table.concat(known, ", ")
      or ("make it with `tcb profile add %s`"):format(wanted)
    return fail(("there is no profile '%s' in '%s'"):format(wanted, data.path), remedy, "profile")
  end
  for key in pairs(profile) do
    if not SETTINGS[key] then
      return fail(("profile '%s' in '%s' has an unknown key '%s'"):format(wanted, data.path, tostring(key)),
        "known keys: " .. table.concat(M.names, ", "))
    end
  end
  return profile, nil, wanted
end

local function is_complete(get)
  for _, name in ipairs(CREDENTIALS) do if get(name) == nil then return false end end
  return true
end

--- What options, host and environment say, as a list of { origin, lookup }, the strongest first.
local function layers(options)
  local ambient = require "tcb.ambient"
  local own = options.base_url and select(2, core.base_url(tostring(options.base_url)))
  local list = { { "options", options } }
  if ambient.credentials and not own then
    local forced, err = ambient.credentials()
    if not forced then return nil, err end
    return { { "--sandbox", forced }, { "options", options } }
  end
  local environment = setmetatable({}, { __index = function(_, name) return env(SETTINGS[name][3]) end })
  local named = options.profile or ambient.profile
  local function has(name) return options[name] or environment[name] end
  local wanted, from_file, name = named or env "TCB_PROFILE", nil, nil
  if wanted or not is_complete(has) then
    local profile, err
    profile, err, name = read_profile(wanted)
    if not profile then return nil, err end
    from_file = { "profile " .. tostring(name), profile }
  end
  if named then list[#list + 1] = from_file end
  list[#list + 1] = { "environment", environment }
  if not named and from_file then list[#list + 1] = from_file end
  return list, name
end

--- Runs api_key_command by the shell and takes its first line. Blocks until the command ends.
local function key_from(command)
  local pipe = io.popen("( " .. command .. "\n); printf '\\n%s' $?", "r")
  local out = pipe and pipe:read(8192) or ""
  if pipe then pipe:close() end
  local key, status = out:match "^(.-)\n.-(%d+)$"
  if not key then key, status = "", "?" end
  core.log.secret(key)
  if status ~= "0" then
    return fail(("api_key_command failed with status %s"):format(status), "run the command by hand to see why", "api_key_command")
  end
  if key == "" then return fail("api_key_command printed nothing", "its first line must be the API key", "api_key_command") end
  return key
end

local function collect(list)
  local conf = { from = {} }
  for _, name in ipairs(M.names) do
    local setting, value, origin = SETTINGS[name], nil, nil
    for _, layer in ipairs(list) do
      value, origin = layer[2][name], layer[1]
      if value ~= nil then break end
    end
    if value ~= nil then
      local checked, wrong, is_type = setting[1](value)
      if wrong then
        if origin == "options" and is_type then return nil, nil, ("option '%s' %s"):format(name, wrong) end
        local where = origin == "environment" and setting[3] or ("%s in the %s"):format(name, origin)
        return fail(("%s %s"):format(where, wrong), "correct it, or take it out", name)
      end
      conf[name], conf.from[name] = checked, origin
    elseif setting[2] ~= nil then
      conf[name] = setting[2]
    end
  end
  -- A key of a stronger layer than the command's wins; the command is then not run.
  if conf.api_key_command and conf.api_key then
    for _, layer in ipairs(list) do
      if layer[2].api_key ~= nil then break end
      if layer[2].api_key_command ~= nil then conf.api_key = nil break end
    end
  end
  return conf
end

local MISSING = {
  base_url = "the service's own is " .. M.PRODUCTION, account = "the client account id of the portal's Manage API Keys page",
  key_id = "the id of an API key of the portal's Manage API Keys page", api_key = "the secret of that API key",
}

local function check_credentials(conf)
  local lacking = {}
  for _, name in ipairs(CREDENTIALS) do if conf[name] == nil then lacking[#lacking + 1] = name end end
  if #lacking == #CREDENTIALS then
    return fail("no account to work with: neither options, TCB_* variables nor a profile name one",
      "add a profile with `tcb profile add NAME`, set TCB_BASE_URL, TCB_ACCOUNT, TCB_KEY_ID and TCB_API_KEY, or try `--sandbox`")
  elseif lacking[1] then
    local name = lacking[1]
    return fail(("%s %s missing"):format(table.concat(lacking, ", "), lacking[2] and "are" or "is"),
      ("set %s, or %s in the profile: %s"):format(SETTINGS[name][3], name, MISSING[name]), name)
  end
  local base_url, err = core.base_url(conf.base_url)
  if not base_url then
    err.remedy = ("correct it in the %s"):format(conf.from.base_url)
    return nil, err
  end
  conf.base_url, conf.is_loopback = base_url, err
  if conf.ca then
    local file = io.open(conf.ca, "rb")
    if not file then
      return fail(("cannot open the CA file '%s'"):format(conf.ca), "name a PEM file or a folder of hashed certificates", "ca")
    end
    file:close()
  end
  return true
end

local function check_environment(conf)
  local level = env "TCB_LOG"
  if level and not pcall(core.log.level, level) then
    return fail(("TCB_LOG is '%s'"):format(level), "it is one of error, warn, info, debug, trace")
  end
  local format = env "TCB_LOG_FORMAT"
  if format and not pcall(core.log.format, format) then
    return fail(("TCB_LOG_FORMAT is '%s'"):format(format), "it is text or json")
  end
  local clock = env "TCB_CLOCK"
  if not clock then return true end
  if not conf.is_loopback then
    return fail("TCB_CLOCK is set, and the base URL is not on loopback", "unset TCB_CLOCK: windows would be sent at the wrong time")
  end
  return require "tcb.timeshift".apply(clock)
end

--- Where files that outlive a run are kept: TCB_STATE_DIR, else `$XDG_STATE_HOME/tcb`, else `~/.local/state/tcb`.
---@return string? folder nil when the environment names no home
function M.state_dir()
  local base, home = env "XDG_STATE_HOME", env "HOME"
  return env "TCB_STATE_DIR" or (base and base .. "/tcb") or (home and home .. "/.local/state/tcb") or nil
end

--- What settings there are, unchecked and perhaps incomplete; no command is run for the key. For a greeting, not for sending.
---@return table? conf
---@return tcb.Error? err kind config
function M.preview(options)
  local list, name = layers(options)
  if not list then return nil, name end
  local conf, err = collect(list)
  if not conf then return nil, err end
  if conf.api_key then core.log.secret(conf.api_key) end
  conf.profile = name
  return conf
end

--- Puts the settings together and checks them. Raises on unknown options and wrong types (mistakes in the program); whatever the
-- environment or a file can cause comes back. Registers the key and a proxy's password as secrets. Blocks only while an api_key_command runs.
---@param options? table as of tcb.client
---@param level? integer where a raised error points to; 1 = the caller
---@return table? conf every setting, and: is_loopback, state_dir, profile (its name), from (setting -> where it came from)
---@return tcb.Error? err kind config
function M.resolve(options, level)
  level = (level or 1) + 1
  if options ~= nil and type(options) ~= "table" then error("tcb.client: a table of options is expected", level) end
  options = options or {}
  for name in pairs(options) do
    if not SETTINGS[name] and name ~= "profile" then error(("tcb.client: unknown option '%s'"):format(tostring(name)), level) end
  end
  if options.profile ~= nil and not text(options.profile) then error("tcb.client: option 'profile' must be a name", level) end
  if options.api_key then core.log.secret(tostring(options.api_key)) end
  if env "TCB_API_KEY" then core.log.secret(env "TCB_API_KEY") end
  local list, name = layers(options)
  if not list then return nil, name end
  local conf, err, wrong = collect(list)
  if wrong then error("tcb.client: " .. wrong, level) end
  if not conf then return nil, err end
  if conf.api_key_command and not conf.api_key then
    conf.api_key, err = key_from(conf.api_key_command)
    if not conf.api_key then return nil, err end
  end
  if conf.api_key then core.log.secret(conf.api_key) end
  local password = conf.proxy and conf.proxy:match "://[^/@]-:([^/]*)@"
  if password then core.log.secret(password) end
  local ok
  ok, err = check_credentials(conf)
  if ok then ok, err = check_environment(conf) end
  if not ok then return nil, err end
  conf.limits = conf.limits or M.limits()
  conf.profile, conf.state_dir = name, M.state_dir()
  return conf
end

return M
