--- `tcb sandbox`: the API on a loopback port until a signal, or for as long as a command runs; `tcb sandbox trigger`: webhooks.
local core = require "tcb.core"
local json = require "tcb.json"
local M = {
  summary = "serve the whole API on a loopback port: no account, no network",
  usage = "tcb sandbox [options] [-- CMD ARGS]\n       tcb sandbox trigger cmb|user_feedback [--scenario NAME] [options]",
  options = {
    command = true,
    { "--port", "PORT", "listen on this port; 0, the default, is any free one", type = "integer", min = 0, max = 65535 },
    { "--seed", "N", "credentials, ids and everything drawn come from N; without it the account is new at each start" },
    { "--ledger", "FILE", "write the ledger there: a JSON line for each request, settlement, webhook" },
    { "--env", "FILE", "write the variables there too, readable by you alone" },
    { "--limit", "NAME=COUNT/SECONDS", "mint, push or personalise; =0 is none", many = true },
    { "--latency", "MS-MS", "answer after a time drawn from this range" },
    { "--count-jitter", "MS-MS", "wait before a request counts against its limit" },
    { "--settle", "S", "batches settle after S seconds (2)" },
    { "--number-settle", "S", "listing and delisting take S seconds (5)" },
    { "--token-life", "S", "tokens live for S seconds (3600)" },
    { "--fault", "CALL:WHICH:WHAT", "as in push:3:503, status:2-5:429+2, *:5%:reset-after-commit", many = true },
    { "--accounts", "N", "how many accounts there are (1)", type = "integer", min = 1, max = 64 },
    { "--forget", nil, "keep no batch: their status is 404, they never settle" },
    { "--webhook", "URL", "deliver webhook events there" },
    { "--scenario", "NAME", "trigger cmb: interested, sim-unreadable, not-interested",
      choices = { "interested", "sim-unreadable", "not-interested" } },
    { "--count", "N", "trigger: so many events at once", type = "integer", min = 1 },
    { "--clients", "N", "trigger: from so many different numbers", type = "integer", min = 1 },
    { "--duplicates", "N", "trigger: each delivered 1 to N times", type = "integer", min = 1 },
    { "--shuffle", nil, "trigger: in any order" },
  },
  details = [[
Prints TCB_BASE_URL, TCB_ACCOUNT, TCB_KEY_ID and TCB_API_KEY when it accepts connections (further accounts with the suffix
_2), and nothing more; SIGINT and SIGTERM end it. With a command behind -- it sets them for that command, and ends with its exit
status. `tcb sandbox trigger` talks to the sandbox that TCB_BASE_URL names. What it models, and what not: docs/sandbox.md.]],
  examples = { "tcb sandbox --seed 7 --env sandbox.env", "tcb sandbox -- tcb labels",
    "tcb sandbox trigger cmb --scenario interested" },
  keeps_code = true,
}

local SANDBOX = { "port", "seed", "ledger", "latency", "count_jitter", "settle", "number_settle", "token_life", "accounts",
  "forget", "webhook" }

--- The variables, in their order: { { name, value }, ... }.
local function variables(sandbox)
  local list = {}
  for i, a in ipairs(sandbox.accounts) do
    local suffix = i > 1 and "_" .. i or ""
    if i == 1 then list[1] = { "TCB_BASE_URL", sandbox.base_url } end
    list[#list + 1] = { "TCB_ACCOUNT" .. suffix, a.account }
    list[#list + 1] = { "TCB_KEY_ID" .. suffix, a.key_id }
    list[#list + 1] = { "TCB_API_KEY" .. suffix, a.api_key }
  end
  return list
end

local function lines_of(list)
  local lines = {}
  for i, pair in ipairs(list) do lines[i] = pair[1] .. "=" .. pair[2] end
  return lines
end

local function json_of(list)
  local object, order = {}, {}
  for i, pair in ipairs(list) do object[pair[1]], order[i] = pair[2], pair[1] end
  return json.encode(object, order)
end

--- Runs the command; signals that reach us are handed on to it. Returns its exit status.
local function run_command(argv, lines, state, env)
  local process, err = core.process(argv, lines)
  if not process then
    env.note("tcb sandbox: " .. err.message .. "\n")
    return 127
  end
  state.process = process
  local status
  repeat status = process:wait() until status
  return status
end

local function serve(opts, rest, env)
  local given = { limits = opts.limit, faults = opts.fault }
  for _, name in ipairs(SANDBOX) do given[name] = opts[name] end
  local read, why = require("tcb.sandbox.options").read(given)
  if not read then return env.usage(why) end
  local state = {}
  env.on_interrupt(function(signal)
    state.is_over = true
    if state.process and signal == "TERM" then state.process:signal "TERM" end   -- Ctrl-C reaches it by itself
  end)
  local sandbox, err = require("tcb.sandbox").new(given)
  if not sandbox then return env.fail(err) end
  local list = variables(sandbox)
  local lines = lines_of(list)
  if opts.env then
    local written
    written, err = core.private_write(opts.env, table.concat(lines, "\n") .. "\n")
    if not written then
      sandbox:close()
      return env.fail(err)
    end
  end
  local status = 0
  if rest.command and #rest.command > 0 then
    status = run_command(rest.command, lines, state, env)
  else
    env.out(env.json and json_of(list) .. "\n" or table.concat(lines, "\n") .. "\n")
    io.stdout:flush()
    while not state.is_over do core.poll({}, 60) end
  end
  sandbox:close()
  return status
end

--- Asks the running sandbox for webhook events.
local function trigger(opts, rest, env)
  local kind = rest[2]
  if kind ~= "cmb" and kind ~= "user_feedback" then return env.usage("trigger needs an event: cmb or user_feedback") end
  local base = os.getenv "TCB_BASE_URL" or ""
  if not base:match "^http://127%.0%.0%.1[:/]" and not base:match "^http://localhost[:/]" then
    return env.usage("trigger needs TCB_BASE_URL, as printed by the running sandbox")
  end
  local event = { event_type = kind, scenario = opts.scenario, count = opts.count, clients = opts.clients,
    duplicates = opts.duplicates, shuffle = opts.shuffle, url = opts.webhook }
  local res, err = require("tcb.runtime").current().send{ method = "POST", url = base:gsub("/+$", "") .. "/_sandbox/trigger",
    headers = { "Content-Type: application/json", "Accept: application/json" }, body = json.encode(event), repeatable = false,
    connect_timeout_s = 5, timeout_s = 30 }
  if not res then return env.fail(err) end
  local told = json.decode(res.body)
  if res.status ~= 200 then return env.usage(type(told) == "table" and told.message or "the sandbox answered " .. res.status) end
  if env.json then
    env.out(res.body .. "\n")
  else
    for _, id in ipairs(told.event_ids) do env.out(id .. "\n") end
  end
  return 0
end

function M.run(opts, rest, env)
  if rest[1] == "trigger" then return trigger(opts, rest, env) end
  if rest[1] then return env.usage(("unknown argument '%s'; a command stands behind --"):format(rest[1])) end
  return serve(opts, rest, env)
end

return M
