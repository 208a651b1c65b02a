--- Rehearsal: a program runs against the sandbox's rules in its own thread, on a virtual clock, without a socket, the same every
-- time. A campaign of a week takes seconds. Afterwards the tally tells what the run would have cost.
-- @module tcb.rehearsal
local core = require "tcb.core"
local json = require "tcb.json"
local M = {}

--- A Monday morning in India; any instant would do, as long as it is the same each time.
local FROM = 1785715200000                               -- 2026-08-03T00:00:00Z
local SEED = 1
--- The rules have no host: this is never connected to.
local BASE_URL = "http://127.0.0.1:1"
--- How a service behaves that nobody measured: answers after 0.3 to 1 s, up to 0.5 s until a request counts.
local LATENCY, JITTER = "300-1000", "0-500"

---@class tcb.Tally what a rehearsal would have cost
---@field from integer epoch ms
---@field virtual_s number duration
---@field requests integer
---@field mints integer tokens minted
---@field rate_limited integer answers 429
---@field batches integer
---@field records integer accepted by the service, in batches and one by one
---@field busy_s number time in which records were accepted, pauses of a minute and more left out
---@field records_per_minute number over that time
---@field peak_per_minute integer records of the busiest minute
---@field ceiling_per_minute integer records a minute that the limits allow ten tokens; 0: no limit
---@field use_of_ceiling number records_per_minute's share of it, 0..1
---@field calls table<string, integer> requests by call
---@field statuses table<integer, integer> answers by HTTP status; 0: cut
---@field outcomes table<string, integer> settled records by outcome: "success", or the reason

--- Between records that are this far apart the account was idle.
local PAUSE_MS = 60000

local PUSHES = { push = true, v1_push = true }
local SINGLES = { personalise = true, v1_personalise = true }

local function add(map, key, n) map[key] = (map[key] or 0) + (n or 1) end

local function count_outcomes(tally, results)
  local list = json.decode(results) or {}
  for _, r in ipairs(list) do add(tally.outcomes, r.status == "error" and (r.message or "error") or r.status) end
end

--- Watches a ledger: each event counts before it is written.
local function watch(ledger, tally, minutes)
  local write, last = ledger.write, nil
  function ledger.write(self, event, t, fields, raw_name, raw)
    if event == "request" then
      tally.requests = tally.requests + 1
      add(tally.calls, fields.call)
      add(tally.statuses, fields.status or 0)
      if fields.status == 429 then tally.rate_limited = tally.rate_limited + 1 end
      if fields.call == "token" and fields.status == 200 then tally.mints = tally.mints + 1 end
      local taken = fields.status == 200 and (PUSHES[fields.call] and fields.records or SINGLES[fields.call] and 1)
      if taken then
        if PUSHES[fields.call] then tally.batches = tally.batches + 1 end
        tally.records = tally.records + taken
        add(minutes, math.floor(t / 60000), taken)
        local pause_ms = t - (last or t - PAUSE_MS)
        tally.busy_s, last = tally.busy_s + (pause_ms < PAUSE_MS and pause_ms / 1000 or 1), t
      end
    elseif event == "settle" and raw then
      count_outcomes(tally, raw)
    end
    return write(self, event, t, fields, raw_name, raw)
  end
end

local function conclude(tally, minutes, limits)
  for _, n in pairs(minutes) do tally.peak_per_minute = math.max(tally.peak_per_minute, n) end
  local push = limits.push
  tally.ceiling_per_minute = push and math.floor(10 * 500 * push[1] * 60 / push[2]) or 0
  if tally.busy_s > 0 then tally.records_per_minute = tally.records * 60 / tally.busy_s end
  if push then tally.use_of_ceiling = tally.records_per_minute / tally.ceiling_per_minute end
end

--- Functions of Lua that read the time or chance: replaced while the rehearsal lasts. Returns a function that puts them back.
local function replace_libraries(seed, clock)
  local old = { time = os.time, date = os.date, clock = os.clock, seed = math.randomseed, random = math.random }
  local started = clock.mono()
  os.time = function(t)                                    -- luacheck: ignore
    if t ~= nil then return old.time(t) end
    return math.floor(clock.now() / 1000)
  end
  os.date = function(format, time)                         -- luacheck: ignore
    return old.date(format or "%c", time or math.floor(clock.now() / 1000))
  end
  os.clock = function() return (clock.mono() - started) / 1e6 end  -- luacheck: ignore
  math.randomseed = function(...)                          -- luacheck: ignore
    if select("#", ...) == 0 then return old.seed(seed) end
    return old.seed(...)
  end
  old.seed(seed)
  return function()
    os.time, os.date, os.clock, math.randomseed = old.time, old.date, old.clock, old.seed  -- luacheck: ignore
  end
end

--- Runs `fn(...)` as a rehearsal; clients made in it need no settings and talk to the rules.
-- `options`: `seed` (default 1), `from` (epoch ms; default a Monday), and those of tcb.sandbox that concern the rules (limits,
-- latency, count_jitter, settle, faults, ledger, ...). What fn raises is raised again, after the clock is real again.
---@return tcb.Tally? tally
---@return tcb.Error? err when the ledger cannot be written
function M.run(options, fn, ...)
  local given = { latency = LATENCY, count_jitter = JITTER }
  for name, value in pairs(options or {}) do given[name] = value end
  local seed, from = given.seed or SEED, given.from or FROM
  given.seed, given.from = seed, nil
  local ambient, runtime, clock = require "tcb.ambient", require "tcb.runtime", core.clock
  local shift = clock.shift()
  clock.virtual(from)
  local rules, err = require("tcb.sandbox.rules").new(given)
  if not rules then
    clock.virtual(false)
    return nil, err
  end
  local tally = { from = from, virtual_s = 0, requests = 0, mints = 0, rate_limited = 0, batches = 0, records = 0,
    busy_s = 0, records_per_minute = 0, peak_per_minute = 0, ceiling_per_minute = 0, use_of_ceiling = 0, calls = {},
    statuses = {}, outcomes = {} }
  local minutes, account = {}, rules.accounts[1]
  watch(rules.ledger, tally, minutes)
  core.random(tonumber(seed) or tonumber(core.sha256(tostring(seed)):sub(1, 12), 16))
  local credentials, used = ambient.credentials, runtime.use(require("tcb.runtime.rehearsal").new(rules))
  ambient.credentials = function()
    return { base_url = BASE_URL, account = account.id, key_id = account.key_id, api_key = account.api_key, store = "memory" }
  end
  local put_back = replace_libraries(tonumber(seed) or 1, clock)
  local ok, failed = pcall(fn, ...)
  tally.virtual_s = (clock.now() - from) / 1000
  clock.advance((rules.settle_ms + 1) * 1000)              -- what is under way settles
  local settled, wrong = pcall(rules.run, rules)
  conclude(tally, minutes, rules.options.limits)
  put_back()
  ambient.credentials = credentials
  runtime.use(used)
  rules:close()
  require("tcb.call").forget(BASE_URL)
  clock.virtual(false)
  clock.shift(shift)
  if not ok then error(failed, 0) end
  if not settled then error(wrong, 0) end
  return tally
end

local function thousands(n)
  local text = ("%.0f"):format(n)
  while true do
    local more, count = text:gsub("^(%d+)(%d%d%d)", "%1,%2")
    text = more
    if count == 0 then return text end
  end
end

local function duration(s)
  if s < 59.95 then return ("%.1f s"):format(s) end
  local d, h, m = math.floor(s / 86400), math.floor(s / 3600) % 24, math.floor(s / 60) % 60
  local text = ("%02d:%02d:%02d"):format(h, m, math.floor(s) % 60)
  return d > 0 and ("%d d %s"):format(d, text) or text
end

local function sorted(map)
  local keys = {}
  for key in pairs(map) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b)
    if map[a] ~= map[b] then return map[a] > map[b] end
    return tostring(a) < tostring(b)
  end)
  return keys
end

--- The tally as text, a line a figure.
---@param tally tcb.Tally
---@return string
function M.render(tally)
  local lines = {}
  local function line(name, format, ...) lines[#lines + 1] = ("%-22s " .. format):format(name, ...) end
  line("virtual time", "%s", duration(tally.virtual_s))
  line("requests", "%s", thousands(tally.requests))
  line("records accepted", "%s in %s batches", thousands(tally.records), thousands(tally.batches))
  if tally.busy_s > 0 then
    line("records a minute", "%s over %s of sending, busiest %s", thousands(tally.records_per_minute),
      duration(tally.busy_s), thousands(tally.peak_per_minute))
  end
  if tally.ceiling_per_minute > 0 then
    line("use of the ceiling", "%.1f %% of %s records a minute", tally.use_of_ceiling * 100, thousands(tally.ceiling_per_minute))
  end
  line("tokens minted", "%d", tally.mints)
  line("answers 429", "%d", tally.rate_limited)
  for _, outcome in ipairs(sorted(tally.outcomes)) do line("  " .. outcome, "%s", thousands(tally.outcomes[outcome])) end
  return table.concat(lines, "\n") .. "\n"
end

return M
