--- `tcb profile`: accounts and settings kept under a name in the profiles file.
local core = require "tcb.core"
local config = require "tcb.config"
local errors = require "tcb.errors"
local json = require "tcb.json"
local native = require "tcb.host.native"
local profiles = require "tcb.profiles"
local table_of = require "tcb.host.table"

local function ask(env, text, otherwise)
  env.note(text .. (otherwise and " [" .. otherwise .. "]" or "") .. ": ")
  local line = io.read()
  if line == nil then return otherwise end
  line = line:match "^%s*(.-)%s*$"
  return line ~= "" and line or otherwise
end

--- The API key from a file, the environment or a prompt without echo; "" when it comes from a command | nil, err.
local function read_key(opts, env)
  local key
  if opts.api_key_file then
    local file, why = opts.api_key_file == "-" and io.stdin or io.open(opts.api_key_file, "r")
    if not file then return errors.fail("config", "cannot open the key's file " .. tostring(why), { field = "api_key" }) end
    key = file:read "*l"
    if file ~= io.stdin then file:close() end
  elseif opts.api_key_env then
    key = os.getenv(opts.api_key_env)
    if not key then return errors.fail("config", "the environment has no " .. opts.api_key_env, { field = "api_key" }) end
  elseif native.isatty(0) then
    key = native.read_secret "API key (not shown): "
  end
  key = key and key:match "^%s*(.-)%s*$"
  if not key or key == "" then
    return errors.fail("config", "no API key was given", { field = "api_key",
      remedy = "give --api-key-file FILE, --api-key-command CMD or --api-key-env NAME; the key itself never stands in the command line" })
  end
  core.log.secret(key)
  return key
end

--- `KEY=VALUE` of --set into the profile | nil, what is wrong.
local function set_value(profile, text)
  local key, value = text:match "^([%w_]+)=(.*)$"
  local known = {}
  for _, name in ipairs(config.names) do if name ~= "api_key" then known[name] = true end end
  if not known[key] then
    local near = key and require "tcb.host.args".nearest(key, { table.unpack(config.names) })
    return nil, ("--set has no key '%s'%s"):format(key or text, near and ("; did you mean '%s'?"):format(near) or "")
  end
  if value == "true" or value == "false" then value = value == "true" end
  if key ~= "account" and key ~= "key_id" and key ~= "country" then value = tonumber(value) or value end
  profile[key] = value
  return true
end

local ACTIONS = {}

function ACTIONS.add(opts, name, env)
  if name == nil then return env.usage "add needs a NAME" end
  if not name:match "^[%w][%w_.-]*$" then return env.usage "a profile's name is of letters, digits, '_', '.' and '-'" end
  local data, err = profiles.read()
  if not data then return env.fail(err) end
  if data.profiles[name] and not opts.replace then
    return env.fail(errors.new { kind = "config", message = ("there is a profile '%s' already"):format(name), remedy = "--replace writes it anew" })
  end
  local talks = native.isatty(0)
  local profile = {
    base_url = opts.base_url or talks and ask(env, "base URL", config.PRODUCTION) or config.PRODUCTION,
    account = opts.account or talks and ask(env, "client account id") or nil,
    key_id = opts.key_id or talks and ask(env, "key id") or nil,
    api_key_command = opts.api_key_command,
  }
  for _, field in ipairs { "account", "key_id" } do
    if not profile[field] then return env.usage(("add needs --%s"):format((field:gsub("_", "-")))) end
  end
  for _, text in ipairs(opts.set or {}) do
    local ok, wrong = set_value(profile, text)
    if not ok then return env.usage(wrong) end
  end
  if not profile.api_key_command then
    profile.api_key, err = read_key(opts, env)
    if not profile.api_key then return env.fail(err) end
  end
  local ok
  ok, err = core.base_url(profile.base_url)
  if not ok then return env.fail(err) end
  data.profiles[name] = profile
  data.default = data.default or name
  ok, err = profiles.write(data)
  if not ok then return env.fail(err) end
  env.note(("profile '%s' is in '%s'%s; check it with 'tcb doctor --profile %s'\n"):format(name, data.path,
    data.default == name and ", and the default" or "", name))
  return 0
end

local function unknown(data, name, env)
  local names = {}
  for key in pairs(data.profiles) do names[#names + 1] = key end
  table.sort(names)
  return env.fail(errors.new { kind = "config", message = ("there is no profile '%s' in '%s'"):format(name, data.path),
    remedy = #names > 0 and "known profiles: " .. table.concat(names, ", ") or ("make it with `tcb profile add %s`"):format(name) })
end

function ACTIONS.list(_, _, env)
  local data, err = profiles.read()
  if not data then return env.fail(err) end
  local rows = {}
  for name, p in pairs(data.profiles) do
    rows[#rows + 1] = { name = name, default = data.default == name, base_url = p.base_url, account = p.account,
      key = p.api_key_command and "by command" or p.api_key and "in the file" or "none" }
  end
  table.sort(rows, function(a, b) return a.name < b.name end)
  if env.json then
    for _, row in ipairs(rows) do env.out(json.encode(row, { "name", "default", "base_url", "account", "key" }) .. "\n") end
    return 0
  end
  for _, row in ipairs(rows) do row.mark = row.default and "*" or "" end
  if #rows == 0 then
    env.note(("no profiles in '%s'; make one with 'tcb profile add NAME'\n"):format(data.path))
  else
    env.out(table_of.render({ { name = "mark", title = "", min = 1 }, { name = "name", min = 8 }, { name = "base_url", title = "BASE URL", min = 16 },
      { name = "account", min = 8 }, { name = "key", title = "KEY", min = 4 } }, rows, env.columns))
  end
  return 0
end

function ACTIONS.use(_, name, env)
  if name == nil then return env.usage "use needs a NAME" end
  local data, err = profiles.read()
  if not data then return env.fail(err) end
  if not data.profiles[name] then return unknown(data, name, env) end
  data.default = name
  local ok
  ok, err = profiles.write(data)
  if not ok then return env.fail(err) end
  env.note(("'%s' is the default now\n"):format(name))
  return 0
end

function ACTIONS.remove(_, name, env)
  if name == nil then return env.usage "remove needs a NAME" end
  local data, err = profiles.read()
  if not data then return env.fail(err) end
  if not data.profiles[name] then return unknown(data, name, env) end
  data.profiles[name] = nil
  if data.default == name then data.default = nil end
  local ok
  ok, err = profiles.write(data)
  if not ok then return env.fail(err) end
  env.note(("'%s' is removed%s\n"):format(name, data.default == nil and "; no profile is the default now" or ""))
  return 0
end

return {
  summary = "accounts and settings kept under a name",
  usage = "tcb profile add NAME [options] | list | use NAME | remove NAME",
  options = {
    { "--base-url", "URL", "the service; without it Truecaller's own" },
    { "--account", "ID", "client account id, as the portal shows it" },
    { "--key-id", "ID", "id of an API key" },
    { "--api-key-file", "FILE", "take the key from the first line of FILE (- is standard input)" },
    { "--api-key-env", "NAME", "take the key from this variable" },
    { "--api-key-command", "CMD", "run CMD whenever the key is needed, and keep no key" },
    { "--set", "KEY=VALUE", "any other setting, such as country=91, tokens=5, ca=FILE, proxy=URL", many = true },
    { "--replace", nil, "add: write a profile of that name anew" },
  },
  details = [[
Profiles lie in $XDG_CONFIG_HOME/tcb/config.lua (~/.config/tcb/config.lua), readable by you alone; a file that others can read is refused. On a
terminal `add` asks for what is missing. A flag beats the environment, and that beats a profile; --profile NAME names one.]],
  examples = { "tcb profile add acme --account 6a1b... --key-id 90c2... --api-key-command 'pass show tcb/acme'", "tcb --profile acme labels" },
  run = function(opts, rest, env)
    local action = ACTIONS[rest[1] or "list"]
    if not action then return env.usage(("'%s' is none of add, list, use, remove"):format(rest[1])) end
    if #rest > 2 then return env.usage(("unexpected argument '%s'"):format(rest[3])) end
    return action(opts, rest[2], env)
  end,
}
