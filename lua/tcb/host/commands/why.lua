--- `tcb why`: one record's life, event by event.
local campaign = require "tcb.host.campaign"
local core = require "tcb.core"
local json = require "tcb.json"
local webhooks = require "tcb.campaign.webhooks"

local function instant(ms)
  return ms and core.instant.format(ms) or "-"
end

local WHAT = { push = "push", status = "status asked", resent = "sent again whole", interrupted = "interrupted",
  ["given-up"] = "given up", v1_push = "push", v1_status = "status asked" }

local function event_line(e)
  local result, took, token = e.text:match "^(%S+) (%d+) (%S+)$"
  if e.what == "rows" then return "status read: " .. e.text:gsub("(%d+ %a+) ", "%1, ") end
  if e.what == "given-up" or not result then return ("%s %s"):format(WHAT[e.what] or e.what, e.text) end
  local answer = result:match "^%d+$" and "HTTP " .. result or result
  return ("%s: %s after %d ms%s"):format(WHAT[e.what] or e.what, answer, tonumber(took), token ~= "-" and ", token " .. token or "")
end

local function show(r, env)
  local lines = { ("line %d: %s%s"):format(r.line, r.outcome, r.reason and ": " .. core.log.redact(r.reason) or "") }
  local names = {}
  for name in pairs(r.row) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local value = type(r.row[name]) == "table" and json.encode(r.row[name]) or tostring(r.row[name])
    if value ~= "" then lines[#lines + 1] = ("  %s = %s"):format(name, core.log.redact(value)) end
  end
  if #r.batches == 0 then lines[#lines + 1] = "  never part of a batch" end
  for i = #r.batches, 1, -1 do
    local b = r.batches[i]
    lines[#lines + 1] = ("  batch %d%s, record %d of %d, checked %s"):format(b.seq,
      b.batch_id and " (" .. b.batch_id .. ")" or "", b.position, b.records,
      instant(b.planned_at))
    for _, e in ipairs(b.events) do lines[#lines + 1] = ("    %s  %s"):format(instant(e.at), event_line(e)) end
  end
  if r.record_id then
    local group = r.matched == "group" and " (matched as one of several: numbers were masked)" or ""
    lines[#lines + 1] = "  the service's id: " .. r.record_id .. group
  end
  for _, e in ipairs(r.webhooks or {}) do
    lines[#lines + 1] = ("  webhook %s  %s (%s)"):format(instant(e.at), core.log.redact(webhooks.describe(e)), e.event_id)
  end
  env.out(table.concat(lines, "\n") .. "\n")
end

local function run(opts, rest, env)
  local file, number = rest[1], rest[2]
  if not file or (not number and not opts.line) or #rest > 2 then return env.usage "needs a FILE or JOURNAL, and a NUMBER or --line N" end
  local input, path = campaign.files(file, opts)
  local c = require("tcb.campaign").new{ source = input and campaign.source(input) or nil, journal = path }
  local list, err = c:why{ number = number, line = opts.line, inbox = opts.inbox }
  if not list then return env.fail(err) end
  for _, r in ipairs(list) do
    if env.json then
      json.array(r.batches)
      env.out(json.encode(r, { "line", "outcome", "reason", "record_id", "matched", "row", "batches", "webhooks" }) .. "\n")
    else
      show(r, env)
    end
  end
  if #list > 0 then return 0 end
  env.note(number and "no row has this number\n" or ("no row begins on line %d\n"):format(opts.line))
  return 1
end

return {
  summary = "one record's life, event by event",
  usage = "tcb why FILE|JOURNAL NUMBER | --line N",
  options = campaign.options(campaign.FILES, { { "--line", "N", "the row that begins on this line", type = "integer", min = 1 },
    { "--inbox", "PATH", "show the receiver's webhook events out of this inbox (inbox.db in the state directory)" } }),
  details = [[
The row, what the plan made of it, its batch, every request about it with status and time, its outcome, and the receiver's webhook
events in the campaign's time. Numbers are shown masked.]],
  examples = { "tcb why records.csv 919876543210", "tcb why november.db --line 1042" },
  run = run,
}
