--- `tcb rehearse`: a script against the sandbox's rules on a virtual clock, and what it would have cost.
local core = require "tcb.core"
local failure = require "tcb.host.failure"
local json = require "tcb.json"
local native = require "tcb.host.native"
local rehearsal = require "tcb.rehearsal"

local ORDER = { "from", "virtual_s", "requests", "records", "batches", "busy_s", "records_per_minute", "peak_per_minute",
  "ceiling_per_minute", "use_of_ceiling", "mints", "rate_limited", "calls", "statuses", "outcomes" }

--- What `os.exit` raises inside the script: the rehearsal is to end, not the program.
local EXIT = {}

local function with_traceback(value)
  if type(value) == "table" and value.is_exit == EXIT then return value end
  return { value = value, traceback = native.traceback(2) }
end

local function json_of(tally)
  local copy, statuses = {}, {}
  for name, value in pairs(tally) do copy[name] = value end
  for status, n in pairs(tally.statuses) do statuses[tostring(status)] = n end
  copy.statuses = statuses
  return json.encode(copy, ORDER)
end

local function load_script(path, rest)
  local chunk, message = loadfile(path)
  if not chunk then return nil, { syntax = message } end
  _G.arg = {}
  for i = 1, #rest do _G.arg[i - 1] = rest[i] end
  return function() return chunk(table.unpack(rest, 2)) end
end

local function run(opts, rest, env)
  if not rest[1] then return env.usage "needs a SCRIPT" end
  local given = { seed = opts.seed, ledger = opts.ledger, limits = opts.limit, latency = opts.latency,
    count_jitter = opts.count_jitter, faults = opts.fault }
  if opts.from then
    local at, err = core.instant.parse(opts.from)
    if not at then return env.usage("--from " .. (err and err.message or "is not an instant")) end
    given.from = at
  end
  local read, why = require("tcb.sandbox.options").read{ seed = given.seed, limits = given.limits, latency = given.latency,
    count_jitter = given.count_jitter, faults = given.faults }
  if not read then return env.usage(why) end
  local script, wrong = load_script(rest[1], rest)
  if not script and wrong.syntax:find "^cannot open" then return env.usage(wrong.syntax) end
  if not script then return failure.report(wrong) end
  local exit = os.exit
  os.exit = function(code) error({ is_exit = EXIT, code = code }, 0) end   -- luacheck: ignore
  local code
  local ok, tally, err = pcall(rehearsal.run, given, function()
    local done, failed = xpcall(script, with_traceback)
    if done then return end
    if failed.is_exit ~= EXIT then error(failed, 0) end
    code = failed.code
  end)
  os.exit = exit                                           -- luacheck: ignore
  if not ok then
    if type(tally) == "table" and tally.traceback then return failure.report(tally) end
    error(tally, 0)
  end
  if not tally then return env.fail(err) end
  env.out(env.json and json_of(tally) .. "\n" or rehearsal.render(tally))
  if code == nil or code == true then return 0 end
  return code == false and 1 or math.tointeger(code) or 1
end

return {
  summary = "run a script on a virtual clock against the sandbox's rules; say what it would cost",
  usage = "tcb rehearse SCRIPT [options] [ARGS]",
  options = {
    { "--seed", "N", "everything drawn comes from N (1): the same seed, the same ledger" },
    { "--from", "INSTANT", "the clock starts there: epoch ms or ISO 8601 (2026-08-03T00:00:00Z)" },
    { "--ledger", "FILE", "write the sandbox's ledger there" },
    { "--limit", "NAME=COUNT/SECONDS", "the service's limits: mint, push or personalise; =0 is none", many = true },
    { "--latency", "MS-MS", "answers come after a time drawn from this range (300-1000)" },
    { "--count-jitter", "MS-MS", "requests count after a time drawn from this range (0-500)" },
    { "--fault", "CALL:WHICH:WHAT", "as of tcb sandbox", many = true },
  },
  details = [[
Client, script and service run in one thread without a socket; days pass in seconds, and time moves only when nothing else can.
tcb.client{} needs no settings. os.time, os.date and os.clock read the virtual clock, math.random is seeded. Afterwards: virtual time,
requests, records a minute and their share of the ceiling, tokens minted, answers 429, outcomes. Exit code: the script's.]],
  examples = { "tcb rehearse examples/campaign-week.lua --seed 7", "tcb rehearse push.lua --fault '*:5%:429' --json" },
  run = run,
}
