--- Acknowledged webhook events per second: many events a commit against one commit an event, same receiver, same sender, same go.
-- Usage: tcb bench/inbox.lua DELIVER FOLDER
local tcb = require "tcb"
local deliver, folder = arg[1], arg[2]
local KEY = "bench-key-0123456789"

local function rss_mb()
  local f = assert(io.open "/proc/self/status")
  local kb = f:read "*a":match "VmRSS:%s+(%d+)"
  f:close()
  return tonumber(kb) / 1024
end

local listener, path, sent

local function open(commit_max)
  path = folder .. "/inbox-" .. commit_max .. ".db"
  for _, e in ipairs { "", "-wal", "-shm" } do os.remove(path .. e) end
  sent = 0
  listener = assert(tcb.listen { port = 0, key = KEY, inbox = path, commit_max = commit_max })
end

--- Delivers and returns events per second, p99 in ms.
local function run(connections, events)
  local p = io.popen(("%s %d %s %d %d %d"):format(deliver, listener.port, KEY, connections, events, sent))
  local seconds, p99 = p:read("*a"):match "^(%S+) (%S+)"
  p:close()
  sent = sent + events
  return events / tonumber(seconds), tonumber(p99)
end

local function close()
  local waiting = listener:stats().waiting
  assert(waiting == sent, ("%d events were acknowledged, %d are in the inbox"):format(sent, waiting))
  listener:close()
  for _, e in ipairs { "", "-wal", "-shm" } do os.remove(path .. e) end
end

local function best(connections, events)
  local rate, p99 = 0, 0
  for _ = 1, 3 do
    local r, p = run(connections, events)
    if r > rate then rate, p99 = r, p end
  end
  return rate, p99
end

open(1)
local single, single_p99 = best(64, 5000)
close()
open(512)
run(256, 5000)
local group, group_p99 = best(256, 30000)
local before = rss_mb()
run(256, 100000)
local grown = rss_mb() - before
close()
print(("one commit an event: %.0f events/s (p99 %.1f ms at 64 connections)"):format(single, single_p99))
print(("group commit: %.0f events/s (p99 %.1f ms at 256 connections)"):format(group, group_p99))
print(("memory: %+.2f MB over 100,000 events"):format(grown))
local ratio = group / single
print(("%s inbox_group_commit %.2fx 5x"):format(ratio >= 5 and "ok" or "MISS", ratio))
print(("%s inbox_memory_flat %+.2fMB 2MB"):format(grown <= 2 and "ok" or "MISS", grown))
