--- `tcb publish` and `tcb delist`: numbers into a feature set, or out of it.
-- @module tcb.host.listed
local core = require "tcb.core"
local input = require "tcb.host.input"
local json = require "tcb.json"
local table_of = require "tcb.host.table"
local M = {}

local WORDS = { publish = { done = "listed", doing = "listing" }, delist = { done = "delisted", doing = "delisting" } }

--- The command's table.
function M.command(action, summary, details)
  return {
    summary = summary,
    usage = ("tcb %s FEATURE_SET_ID NUMBER... | --file FILE | -"):format(action),
    options = {
      { "--file", "FILE", "numbers, one a line; the first column of a CSV; - is standard input" },
      { "--country", "CODE", "country code that completes national numbers, such as 91" },
      { "--wait", nil, "until each number is settled" },
      { "--timeout", "S", "with --wait: for so long at most (900)", type = "number", min = 0 },
      { "--dry-run", nil, "print the requests instead of sending them" },
    },
    details = details,
    examples = { ("tcb %s 7c1f...e2 --file numbers.txt --wait"):format(action), ("cut -d, -f2 deliveries.csv | tcb %s 7c1f...e2 -"):format(action) },
    run = function(opts, rest, env) return M.run(action, opts, rest, env) end,
  }
end

--- Digits of each number, each once | nil, err with the place of the bad one.
local function digits_of(list, country)
  local digits, seen = {}, {}
  for _, item in ipairs(list) do
    local number, err = core.phone.parse(item[1], country or "")
    if not number then
      err.place = item[2]
      return nil, err
    end
    if not seen[number] then digits[#digits + 1], seen[number] = number, true end
  end
  return digits
end

local function show_requests(env, client, action, feature_set, digits)
  local part = core.endpoints[action].records_max
  for first = 1, #digits, part do
    local quoted = {}
    for i = first, math.min(first + part - 1, #digits) do quoted[#quoted + 1] = json.quote(digits[i]) end
    local code = env.show_request(client, action,
      { feature_set = feature_set, body = '{"phone_numbers":[' .. table.concat(quoted, ",") .. "]}" })
    if code ~= 0 then return code end
  end
  return 0
end

--- What became of the numbers, for people and for programs. Returns the exit code.
local function tell(env, job, result, action)
  local count = { failed = #result.failed, ignored = #result.ignored, done = #result[WORDS[action].done] }
  if env.json then
    result.reasons = next(job.reasons) and job.reasons or nil
    for _, name in ipairs { "listed", "delisted", "ignored", "failed" } do json.array(result[name]) end
    env.out(json.encode(result, { "listed", "delisted", "ignored", "failed", "reasons" }) .. "\n")
  else
    env.out(("%d of %s %s"):format(count.done, table_of.count(job.count, "number"), WORDS[action].done)
      .. (count.failed > 0 and (", %d failed"):format(count.failed) or "") .. (count.ignored > 0 and (", %d ignored"):format(count.ignored) or "")
      .. "\n")
    for _, number in ipairs(result.failed) do
      env.out(("  failed   %s  %s\n"):format(number, (job.reasons[number] or "not accepted"):gsub("_", " ")))
    end
    for _, number in ipairs(result.ignored) do env.out(("  ignored  %s\n"):format(number)) end
  end
  return (count.failed > 0 or count.ignored > 0) and 4 or 0
end

--- Without --wait: what the service said when it took the numbers.
local function tell_accepted(env, job, action)
  local failed = {}
  for number in pairs(job.reasons) do failed[#failed + 1] = number end
  table.sort(failed)
  if env.json then
    env.out(json.encode({ accepted = job.count - #failed, failed = json.array(failed), reasons = next(job.reasons) and job.reasons or nil },
      { "accepted", "failed", "reasons" }) .. "\n")
  else
    env.out(("%s of %s has begun%s\n"):format(WORDS[action].doing, table_of.count(job.count - #failed, "number"),
      #failed > 0 and (", %d failed"):format(#failed) or ""))
    for _, number in ipairs(failed) do env.out(("  failed   %s  %s\n"):format(number, job.reasons[number]:gsub("_", " "))) end
    env.note("'tcb numbers' shows their states; --wait waits for them\n")
  end
  return #failed > 0 and 4 or 0
end

function M.run(action, opts, rest, env)
  local feature_set = rest[1]
  if not feature_set then return env.usage "needs a FEATURE_SET_ID and numbers; `tcb feature-sets` lists them" end
  local list, err = input.numbers(rest, 2, opts.file)
  if not list then return env.mistake(err) end
  if #list == 0 then return env.usage "no number was given: name them, or --file FILE, or - for standard input" end
  local client
  client, err = env.client(opts.country and { country = opts.country } or nil)
  if not client then return env.fail(err) end
  local digits
  digits, err = digits_of(list, env.rules(client).country)
  if not digits then
    env.fail(err)
    return 4
  end
  if opts.dry_run then return show_requests(env, client, action, feature_set, digits) end
  require "tcb.host.live".banner(client, env)
  local job
  job, err = client[action](client, feature_set, digits)
  if not job then return env.fail(err) end
  if not opts.wait then return tell_accepted(env, job, action) end
  local result, so_far
  result, err, so_far = job:wait { timeout_s = opts.timeout }
  if so_far then tell(env, job, so_far, action) end
  if not result then return env.fail(err) end
  return tell(env, job, result, action)
end

return M
