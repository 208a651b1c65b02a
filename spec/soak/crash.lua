-- Kills push and reconcile with SIGKILL at random points of the sandbox's event count, cuts connections after commits, and lets the
-- ledger judge. `build/tcb spec/soak/crash.lua [KILLS [CUTS [RECORDS [SEED]]]]`: prints one line a campaign, `ok|MISS` lines at the end.
local core = require "tcb.core"
local journals = require "tcb.campaign.journal"
local json = require "tcb.json"
local task = require "tcb.task"

local KILLS, CUTS, RECORDS, SEED = tonumber(arg[1]) or 300, tonumber(arg[2]) or 50, tonumber(arg[3]) or 100000, tonumber(arg[4]) or 1
local BATCH, IN_FLIGHT, KILLS_EACH = 50, 8, 20            -- IN_FLIGHT: what a push without a limit has under way
local TCB = os.getenv "TCB_BINARY" or "build/tcb"
local DIR = os.tmpname()
os.remove(DIR)
os.execute("mkdir " .. DIR)
math.randomseed(SEED)

local function slurp(path)
  local f = io.open(path, "rb")
  if not f then return "" end
  local text = f:read "a"
  f:close()
  return text
end

local function write_csv(path, n)
  local f = assert(io.open(path, "wb"))
  local from = core.clock.now() + 86400000
  f:write "caller_number,receiver_number,dynamic_call_reason,starts_at,ends_at\n"
  for i = 1, n do
    local ending = i % 97 == 0 and 9002 or i % 89 == 0 and 9005 or 1000 + i % 7000
    if ending >= 9001 and ending <= 9011 and i % 97 ~= 0 and i % 89 ~= 0 then ending = 1234 end
    local receiver = i % 100 == 7 and "12" or ("9%07d%04d"):format(i, ending)
    f:write(("911234567890,%s,Your parcel %d arrives today,%d,%d\n"):format(receiver, i, from, from + 3600000))
  end
  f:close()
end

--- Lines of a growing file, counted from where the last count ended.
local function counter(path)
  local at, n = 0, 0
  return function()
    local f = io.open(path, "rb")
    if not f then return 0 end
    f:seek("set", at)
    local text = f:read "a" or ""
    f:close()
    at = at + #text
    for _ in text:gmatch "\n" do n = n + 1 end
    return n
  end
end

local function start(command, name)
  os.execute(("%s >%s/%s.out 2>%s/%s.err & echo $! >%s/%s.pid"):format(command, DIR, name, DIR, name, DIR, name))
  return tonumber(slurp(DIR .. "/" .. name .. ".pid"))
end

local function alive(pid)
  local state = slurp(("/proc/%d/stat"):format(pid)):match "%) (%a)"
  return state ~= nil and state ~= "Z"
end

--- Runs a command; kills it when the ledger has `at` events. Returns true when it was killed.
local function run_and_kill(command, at, events)
  local pid = start(command, "run")
  while alive(pid) do
    if at and events() >= at and slurp(("/proc/%d/comm"):format(pid)) == "tcb\n" then     -- not the shell that starts it
      os.execute("kill -9 " .. pid .. " 2>/dev/null")
      while alive(pid) do task.sleep(0.001) end
      return true
    end
    task.sleep(0.0005)
  end
  return false
end

local function read_ledger(path)
  local keys, twice, committed, cuts = {}, 0, 0, 0
  for line in io.lines(path) do
    local e = json.decode(line)
    if e and e.event == "request" and e.call == "push" and e.keys then
      if e.fault == "reset-after-commit" and not e.answered then cuts = cuts + 1 end
      for _, k in ipairs(e.keys) do
        committed = committed + 1
        if keys[k.key] then twice = twice + 1 end
        keys[k.key] = true
      end
    end
  end
  return { committed = committed, twice = twice, cuts = cuts }
end

local function adds_up(s)
  local sum = s.refused + s.success + s.failed + s.expired + s.in_doubt + s.waiting + s.sent
  return sum == s.records and s.records == s.input - s.dropped + s.split
end

local function status(journal)
  local out = io.popen(("%s journal status %s --json"):format(TCB, journal)):read "l"
  return json.decode(out or "") or error("no status: " .. tostring(out))
end

--- What the journal says right after a kill: requests in flight, and whether the kill fell between the first intent and the last settlement.
local function after_kill(journal, seen)
  local j = assert(journals.open(journal, { readonly = true }))
  local batches, in_flight = j:value "SELECT count(*) FROM batch", j:value("SELECT count(*) FROM batch WHERE state = ?", journals.STATE.intent)
  j:close()
  local s = status(journal)
  if batches > 0 and s.waiting + s.sent + in_flight > 0 then seen.between = seen.between + 1 end
  seen.in_flight, seen.killed = seen.in_flight + in_flight, seen.killed + 1
  if in_flight > IN_FLIGHT then seen.crowded = seen.crowded + 1 end
  if not adds_up(s) then seen.sums = seen.sums + 1 end
end

--- One campaign: killed up to `kills` times while it pushes and reconciles, with `cuts` connections cut after the commit.
local function campaign(n, kills, cuts)
  os.remove(DIR .. "/env")
  local csv, ledger, journal = DIR .. "/c.csv", ("%s/ledger-%d"):format(DIR, n), ("%s/j-%d.db"):format(DIR, n)
  write_csv(csv, RECORDS)
  local batches, faults = math.ceil(RECORDS / BATCH), {}
  for i = 1, cuts do faults[i] = (" --fault push:%d:reset-after-commit"):format(math.random(2, batches - 1)) end
  local sandbox = start(("exec %s sandbox --seed %d --ledger %s --env %s/env --limit push=0 --limit mint=0 --settle 0.05 --latency 1-8%s"):format(TCB, n, ledger, DIR,
    table.concat(faults)), "sandbox")
  while slurp(DIR .. "/env") == "" do task.sleep(0.01) end
  local env = ". " .. DIR .. "/env; export TCB_BASE_URL TCB_ACCOUNT TCB_KEY_ID TCB_API_KEY; exec "
  local label = io.popen(env .. TCB .. " labels --json"):read "a":match '"id":"([^"]+)"[^\n]-"label_type":"dynamic"'
  local common = (" --journal %s --limit push=0 --limit mint=0 --no-store --quiet"):format(journal)
  local push = ("sh -c '%s%s push %s --batch %d --label %s%s'"):format(env, TCB, csv, BATCH, label, common)
  local reconcile = ("sh -c '%s%s reconcile %s%s'"):format(env, TCB, csv, common)
  local events, seen = counter(ledger), { killed = 0, between = 0, in_flight = 0, crowded = 0, sums = 0 }
  for _, phase in ipairs{ { push, math.ceil(kills / 2) }, { reconcile, kills - math.ceil(kills / 2) } } do
    local left, ends = phase[2], events() + batches * (phase[1] == push and 2 or 1)
    while left > 0 do
      local at = events()
      local step = math.max(2, math.floor((ends - at) / (left + 1) * 1.6))
      if not run_and_kill(phase[1], at + math.random(1, step), events) then break end
      after_kill(journal, seen)
      left = left - 1
    end
    for _ = 1, 5 do
      run_and_kill(phase[1], nil, events)
      local s = status(journal)
      if s.waiting == 0 and (phase[1] == push or s.sent == 0) then break end
    end
  end
  os.execute("kill " .. sandbox)
  while alive(sandbox) do task.sleep(0.01) end
  local s, l = status(journal), read_ledger(ledger)
  if not adds_up(s) or s.input ~= RECORDS then seen.sums = seen.sums + 1 end
  local verify = os.execute(("%s journal verify %s >/dev/null"):format(TCB, journal))
  seen.damaged = (verify == true or verify == 0) and 0 or 1
  seen.cuts, seen.twice, seen.in_doubt = l.cuts, l.twice, s.in_doubt
  seen.settled, seen.valid = s.success + s.failed, s.records - s.refused
  seen.bound = BATCH * (seen.in_flight + l.cuts)
  seen.lost = math.max(0, s.success + s.failed + s.sent - l.committed)
  print(("campaign %d: %d kills (%d in between, %d requests in flight), %d cuts: %d success, %d failed, %d refused, %d in doubt (at most %d), "
    .. "%d waiting, %d sent; ledger: %d committed, %d twice"):format(n, seen.killed, seen.between, seen.in_flight, l.cuts, s.success, s.failed,
    s.refused, s.in_doubt, seen.bound, s.waiting, s.sent, l.committed, l.twice))
  return seen
end

local total = setmetatable({}, { __index = function() return 0 end })
for n = 1, KILLS + CUTS do
  if total.killed >= KILLS and total.cuts >= CUTS then break end
  local kills = math.min(KILLS_EACH, math.max(0, KILLS - total.killed))
  local cuts = math.min(math.max(0, CUTS - total.cuts), math.ceil(CUTS * KILLS_EACH / math.max(1, KILLS)))
  local seen = campaign(n, kills, cuts)
  for name, value in pairs(seen) do total[name] = total[name] + value end
  if seen.in_doubt > seen.bound then total.unbounded = total.unbounded + 1 end
  if seen.settled < 0.9 * seen.valid then total.unsettled = total.unsettled + 1 end
end
os.execute("rm -rf " .. DIR)

local missed = false
local function verdict(name, measured, ok, bound)
  missed = missed or not ok
  print(("%s crash_%s %s %s"):format(ok and "ok" or "MISS", name, tostring(measured), bound))
end
local between = math.ceil(KILLS * 250 / 300)
verdict("kills", total.killed, total.killed >= KILLS, KILLS)
verdict("kills_between_first_intent_and_last_settlement", total.between, total.between >= between, between)
verdict("kills_with_more_in_flight_than_allowed", total.crowded, total.crowded == 0, 0)
verdict("cuts_after_commit", total.cuts, total.cuts >= CUTS, CUTS)
verdict("sums_broken", total.sums, total.sums == 0, 0)
verdict("committed_twice", total.twice, total.twice == 0, 0)
verdict("claimed_without_commit", total.lost, total.lost == 0, 0)
verdict("journals_damaged", total.damaged, total.damaged == 0, 0)
verdict("in_doubt", total.in_doubt, total.unbounded == 0, total.bound)
verdict("settled_share", ("%.3f"):format(total.settled / math.max(1, total.valid)), total.unsettled == 0, 0.9)
os.exit(missed and 1 or 0)
