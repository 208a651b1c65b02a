-- bench/ceiling.lua: does an account run at its documented limits, and never over them? Virtual clock, the sandbox's rules,
-- judged by the ledger. Argument: a folder for the large files. Part of bench/ceiling.sh.
local core = require "tcb.core"
local json = require "tcb.json"
local rehearsal = require "tcb.rehearsal"
local task = require "tcb.task"
local tcb = require "tcb"

local folder = arg[1]
local label_id
local CEILING = 300000                                  -- records a minute: 10 tokens, 60 requests, 500 records

local function verdict(name, good, measured, bound)
  print(("%s %s %s %s"):format(good and "ok" or "MISS", name, measured, bound))
end

--- Requests of a ledger: call, status, t; without decoding what a line does not need.
local function requests(path)
  return coroutine.wrap(function()
    for line in io.lines(path) do
      local t, call, status = line:match '"t":(%d+),"event":"request","call":"([^"]+)".-"status":(%d+)'
      if t then coroutine.yield(call, tonumber(status), tonumber(t), line) end
    end
  end)
end

--- The most mints in any 30 minutes.
local function densest(mints)
  local most, first = 0, 1
  for i, t in ipairs(mints) do
    while mints[first] <= t - 1800000 do first = first + 1 end
    most = math.max(most, i - first + 1)
  end
  return most
end

local function judge_mints(name, mints, refused)
  verdict(name .. ".429", refused == 0, refused, 0)
  verdict(name .. ".mints_in_30_min", densest(mints) <= 10, densest(mints), 10)
end

--- `tcb push` of three million records: file, journal, ledger.
local function push_three_million()
  local n, path, ledger = 3000000, folder .. "/records.csv", folder .. "/ledger.jsonl"
  local file = assert(io.open(path, "w"))
  file:write "receiver_number\n"
  for i = 1, n do file:write(919000000000 + i, "\n") end
  file:close()
  local seconds, code
  local tally = assert(rehearsal.run({ seed = 7, ledger = ledger }, function()
    local label = assert(tcb.client{}:labels():first())
    local from = tcb.now()
    code = require("tcb.host.commands").run("push", { path, "--label", label.id, "--caller", "911234567890", "--tokens", "10",
      "--quiet", "--yes", "--json", "--starts-at", ("%d"):format(from + 3600000),
      "--ends-at", ("%d"):format(from + 7200000) }, {})
    seconds = (tcb.now() - from) / 1000
  end))
  local mints, refused, records = {}, 0, 0
  for call, status, t, line in requests(ledger) do
    if status == 429 then refused = refused + 1 end
    if call == "token" then mints[#mints + 1] = t end
    if call == "push" and status == 200 then records = records + tonumber(line:match '"records":(%d+)') end
  end
  print(rehearsal.render(tally))
  verdict("push_3m.exit_code", code == 0, code, 0)
  verdict("push_3m.records", records == n, records, n)
  judge_mints("push_3m", mints, refused)
  local rate = n / seconds * 60 / CEILING * 100
  verdict("push_3m.ceiling_percent", rate >= 98.5, ("%.2f"):format(rate), 98.5)
end

local function record(n)
  return json.encode{ caller_number = "911234567890", receiver_number = ("91%06d7000"):format(n), starts_at = tcb.now() + 3600000,
    ends_at = tcb.now() + 7200000, label_id = label_id }
end

--- Requests through governor, endpoints and rules, those of batches without bodies: `count` of `call` by `workers` tasks.
local function drive(call, count, workers, options)
  local ledger = os.tmpname()
  options.ledger, options.keys, options.empty_bodies, options.seed = ledger, false, true, 7
  local gap, failed, sends, began_ms = 0, 0, {}, nil
  local tally = assert(rehearsal.run(options, function()
    local client = assert(tcb.client{ tokens = 10 })
    local wire, left, last = client._wire, count, nil
    label_id = assert(client:labels():first()).id
    began_ms = tcb.now()
    local function after(attempt)
      sends[attempt.token8] = sends[attempt.token8] or {}
      table.insert(sends[attempt.token8], attempt.sent_us)
    end
    local function before()
      local now = core.clock.mono()
      if last then gap = math.max(gap, now - last) end
      last = now
      return true
    end
    tcb.run(function()
      for _ = 1, workers do
        task.spawn(function()
          while left > 0 do
            left = left - 1
            local o = { body = "{}", count = 500, demand = left + 1, before = before, after = after }
            if call == "personalise" then o.body, o.count, o.demand = record(left), 1, nil end
            if not wire:request(call, o) then failed = failed + 1 end
          end
        end)
      end
    end)
  end))
  local mints, refused, at = {}, 0, {}
  for name, status, t in requests(ledger) do
    if status == 429 then refused = refused + 1 end
    if name == "token" and status == 200 then mints[#mints + 1] = t end
    if name == call and status == 200 then at[#at + 1] = t end
  end
  os.remove(ledger)
  return { seconds = tally.virtual_s, gap_s = gap / 1e6, mints = mints, refused = refused, failed = failed, sends = sends,
    at = at, began_ms = began_ms }
end

--- Accepted requests a second between `skip_s` after the start and the last one.
local function sustained(run, skip_s)
  local from, n = run.began_ms + skip_s * 1000, 0
  for _, t in ipairs(run.at) do if t > from then n = n + 1 end end
  return n / (run.at[#run.at] - from) * 1000
end

--- The most sends of one token in any second.
local function crowd(sends)
  local most = 0
  for _, list in pairs(sends) do
    table.sort(list)
    local first = 1
    for i, t in ipairs(list) do
      while list[first] <= t - 1000000 do first = first + 1 end
      most = math.max(most, i - first + 1)
    end
  end
  return most
end

push_three_million()

local long = drive("push", 66000, 20, { latency = "300-1000", count_jitter = "0-500" })
judge_mints("push_33m", long.mints, long.refused)
verdict("push_33m.failed", long.failed == 0, long.failed, 0)
local rate = #long.at * 500 / long.seconds * 60 / CEILING * 100
verdict("push_33m.ceiling_percent", rate >= 98.5, ("%.2f"):format(rate), 98.5)
verdict("push_33m.longest_pause_s", long.gap_s <= 2, ("%.2f"):format(long.gap_s), 2)
verdict("push_33m.sends_of_a_token_in_a_second", crowd(long.sends) <= 3, crowd(long.sends), 3)

local rough = drive("push", 6000, 20, { latency = "300-1000", count_jitter = "0-500", faults = { "*:5%:429" } })
rate = #rough.at * 500 / rough.seconds * 60 / CEILING * 100
verdict("push_5_percent_429.ceiling_percent", rate >= 97, ("%.2f"):format(rate), 97)
verdict("push_5_percent_429.failed", rough.failed == 0, rough.failed, 0)

local fast = drive("personalise", 120000, 1500, { latency = "300-1000", count_jitter = "0-10" })
judge_mints("real_time", fast.mints, fast.refused)
verdict("real_time.failed", fast.failed == 0, fast.failed, 0)
rate = sustained(fast, 5) / 1000 * 100               -- the first seconds mint
verdict("real_time.ceiling_percent", rate >= 98, ("%.2f"):format(rate), 98)
