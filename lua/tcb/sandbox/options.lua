--- The sandbox's options, from a script (`tcb.sandbox{...}`), a command line or another Lua state, in one shape.
-- @module tcb.sandbox.options
local faults = require "tcb.sandbox.faults"
local M = {}

--- The documented limits: how many requests in how many seconds; mint per account, the others per token.
M.LIMITS = { mint = { 10, 1800 }, push = { 60, 60 }, personalise = { 100, 1 } }
local LIMIT_ORDER = { "mint", "push", "personalise" }

--- Names as on the command line, with `_`; the second names are what a Lua program may expect from the rest of tcb.
local ALIASES = { limit = "limits", fault = "faults", settle_s = "settle", number_settle_s = "number_settle",
  token_life_s = "token_life", latency_ms = "latency", count_jitter_ms = "count_jitter" }
local KNOWN = { port = true, seed = true, ledger = true, limits = true, latency = true, count_jitter = true, settle = true,
  number_settle = true, token_life = true, faults = true, accounts = true, forget = true, webhook = true }

local function fail(...) error({ why = string.format(...) }, 0) end

local function number(name, value, low, high)
  local n = tonumber(value)
  if n and n >= low and n <= high then return n end
  fail("%s: a number from %g to %g is expected, got '%s'", name, low, high, tostring(value))
end

--- "60/60" -> { 60, 60 }; 0 -> false: no limit.
local function limit(name, value)
  local count, seconds
  if type(value) == "table" then
    count, seconds = value[1] or value.count, value[2] or value.seconds
  elseif value == false or tostring(value) == "0" then
    return false
  else
    count, seconds = tostring(value):match("^(%d+)/(%d+%.?%d*)$")
  end
  count, seconds = tonumber(count), tonumber(seconds)
  if not count or not seconds or count < 0 or count ~= math.floor(count) or seconds <= 0 then
    fail("limit %s: COUNT/SECONDS is expected, as in %s=60/60; 0 is none", name, name)
  end
  return count > 0 and { count, seconds }
end

--- A text "push=60/60 mint=0", a list of such, or a map by name.
local function limits(value)
  local out = {}
  for name, default in pairs(M.LIMITS) do out[name] = default end
  local function set(name, text)
    if M.LIMITS[name] == nil then fail("limit '%s': mint, push or personalise is expected", tostring(name)) end
    out[name] = limit(name, text)
  end
  local function text(line)
    for word in tostring(line):gmatch("%S+") do
      local name, rest = word:match("^([^=]+)=(.*)$")
      if not name then fail("limit '%s': NAME=COUNT/SECONDS is expected", word) end
      set(name, rest)
    end
  end
  if type(value) ~= "table" then
    if value ~= nil then text(value) end
    return out
  end
  for key, v in pairs(value) do
    if type(key) == "number" then text(v) else set(key, v) end
  end
  return out
end

--- "300-1000", "300", 300 or { 300, 1000 }: milliseconds.
local function range(name, value)
  if value == nil or value == false then return { 0, 0 } end
  local low, high
  if type(value) == "table" then low, high = value[1], value[2] or value[1]
  else
    low, high = tostring(value):match("^([%d.]+)%-([%d.]+)$")
    low = low or value
    high = high or low
  end
  low, high = number(name, low, 0, 3600000), number(name, high, 0, 3600000)
  if high < low then fail("%s: MS-MS is expected, the smaller first", name) end
  return { low, high }
end

local function fault_list(value)
  local list, out = type(value) == "table" and value or { value }, {}
  for i, spec in ipairs(list) do
    local fault, why = faults.parse(spec)
    if not fault then fail("%s", why) end
    out[i] = fault.spec
  end
  return out
end

local function text(name, value)
  if value == nil or value == false then return nil end
  if type(value) ~= "string" or value == "" then fail("%s: a text is expected", name) end
  return value
end

local function read(given)
  local o = {}
  for name, value in pairs(given) do
    local plain = tostring(name):gsub("%-", "_")
    local known = ALIASES[plain] or plain
    if not KNOWN[known] then fail("unknown sandbox option '%s'", tostring(name)) end
    o[known] = value
  end
  local accounts, webhook = number("accounts", o.accounts or 1, 1, 64), text("webhook", o.webhook)
  if accounts ~= math.floor(accounts) then fail("accounts: a whole number is expected") end
  if webhook and not webhook:match("^https?://[^/]") then fail("webhook: an http or https URL is expected") end
  return {
    port = math.floor(number("port", o.port or 0, 0, 65535)),
    seed = o.seed ~= nil and tostring(o.seed) or nil,
    ledger = text("ledger", o.ledger),
    limits = limits(o.limits),
    latency = range("latency", o.latency),
    count_jitter = range("count-jitter", o.count_jitter),
    settle = number("settle", o.settle or 2, 0, 1e7),
    number_settle = number("number-settle", o.number_settle or 5, 0, 1e7),
    token_life = number("token-life", o.token_life or 3600, 0.001, 1e8),
    faults = o.faults ~= nil and fault_list(o.faults) or {},
    accounts = math.floor(accounts),
    forget = o.forget and true or false,
    webhook = webhook,
  }
end

--- Reads a table of options. Unknown names and values out of range: nil, what is wrong.
---@return table? options with every field set
---@return string? why
function M.read(given)
  local ok, result = pcall(read, given or {})
  if ok then return result end
  if type(result) ~= "table" or not result.why then error(result, 0) end
  return nil, result.why
end

--- The limits as text, in a fixed order: "mint=10/1800 push=60/60 personalise=0".
function M.limit_texts(list)
  local out = {}
  for _, name in ipairs(LIMIT_ORDER) do
    out[#out + 1] = { name, list[name] and ("%d/%g"):format(list[name][1], list[name][2]) or "0" }
  end
  return out
end

return M
