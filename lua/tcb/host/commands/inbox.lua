--- `tcb inbox`: looks into the webhook inbox, and gives events to the handlers again.
local core = require "tcb.core"
local inbox = require "tcb.inbox"
local json = require "tcb.json"
local table_of = require "tcb.host.table"
local M = {
  summary = "list, show, replay or export the webhook events that were received",
  usage = "tcb inbox list [filters]\n       tcb inbox show EVENT_ID\n       tcb inbox replay EVENT_ID... | filters\n       "
    .. "tcb inbox export [filters]\n       tcb inbox stats",
  options = {
    { "--state", "STATE", "only events that are waiting, done, or dead", choices = { "waiting", "done", "dead" } },
    { "--type", "TYPE", "only this event_type, such as cmb" },
    { "--number", "NUMBER", "only events of this number" },
    { "--since", "INSTANT", "received at or after: epoch ms, ISO 8601 with zone, or 2h, 7d (ago)" },
    { "--before", "INSTANT", "received before" },
    { "--limit", "N", "at most N; of a list the newest ones (50)", type = "integer", min = 1 },
    { "--inbox", "PATH", "the inbox's file (inbox.db in the state directory)" },
  },
  details = [[
list prints a table (times in UTC), with --json a line per event. show prints one event: what the inbox knows and the event as it
came. replay makes events wait for their handlers again (`tcb listen` runs them). export prints the events as they came, a JSON line each, oldest first.]],
  examples = { "tcb inbox list --state dead", "tcb inbox replay --state dead", "tcb inbox export --type cmb --since 1d > cmb.jsonl" },
}

local UNITS = { s = 1000, m = 60000, h = 3600000, d = 86400000 }

local function instant(text)
  local n, unit = text:match "^(%d+)([smhd])$"
  if n then return core.clock.now() - tonumber(n) * UNITS[unit] end
  return core.instant.parse(text)
end

--- The filter of the options | nil, what is wrong with them.
local function filter_of(opts)
  local filter = { state = opts.state, type = opts.type, limit = opts.limit }
  for _, name in ipairs { "since", "before" } do
    if opts[name] then
      filter[name] = instant(opts[name])
      if not filter[name] then return nil, ("--%s: '%s' is no instant"):format(name, opts[name]) end
    end
  end
  if opts.number then
    local digits, err = core.phone.parse(opts.number)
    if not digits then return nil, "--number: " .. err.message end
    filter.number = digits
  end
  return filter
end

local ORDER = { "seq", "event_id", "type", "number", "state", "attempts", "created_at", "received_at", "ended_at", "error" }

local function facts(e)
  return { seq = e.seq, event_id = e.id, type = e.type, number = e.number, state = e.state, attempts = e.attempts,
    created_at = e.created_at, received_at = e.received_at, ended_at = e.ended_at, error = e.error }
end

local function list(box, filter, env)
  local entries, rows = {}, {}
  filter.newest, filter.limit = true, filter.limit or 50
  for e in box:entries(filter) do table.insert(entries, 1, e) end
  for _, e in ipairs(entries) do
    if env.json then
      env.out(json.encode(facts(e), ORDER) .. "\n")
    else
      rows[#rows + 1] = { event_id = e.id, type = e.type, number = e.number and core.log.mask(e.number), state = e.state,
        tries = e.attempts,
        received = core.instant.format(e.received_at):sub(6, 16):gsub("T", " "), error = e.error and e.error:match "^[^\n]*" }
    end
  end
  if #rows > 0 then
    env.out(table_of.render({ { name = "event_id", min = 36 }, { name = "type", min = 5 }, { name = "number", min = 12 },
      { name = "state", min = 7 }, { name = "received", title = "UTC", min = 11 }, { name = "tries", right = true, min = 5 },
      { name = "error", min = 10 } }, rows, env.columns))
  elseif #entries == 0 then
    env.note "no such event\n"
  end
  return 0
end

local function show(box, id, env)
  local e, err = box:get(id)
  if not e then
    if err then return env.fail(err) end
    env.note("tcb inbox: there is no event " .. id .. "\n")
    return 1
  end
  if env.json then
    local head = json.encode(facts(e), ORDER)
    env.out(head:sub(1, -2) .. ',"event":' .. require "tcb.inbox.jsonl".line(e.body):sub(1, -2) .. "}\n")
    return 0
  end
  for _, name in ipairs(ORDER) do
    local value = facts(e)[name]
    if value ~= nil and value ~= "" then
      if name:match "_at$" then value = core.instant.format(value) end
      env.out(("%-12s %s\n"):format(name, tostring(value)))
    end
  end
  env.out("\n" .. e.body:gsub("%s+$", "") .. "\n")
  return 0
end

local function replay(box, ids, filter, env)
  local total = 0
  if #ids == 0 and next(filter) == nil then return env.usage "replay needs event ids, or a filter" end
  filter.limit = nil
  local function add(f)
    local n, err = box:replay(f)
    if not n then return env.fail(err) end
    total = total + n
  end
  if #ids == 0 then
    local code = add(filter)
    if code then return code end
  end
  for _, id in ipairs(ids) do
    filter.id = id
    local code = add(filter)
    if code then return code end
  end
  if env.json then
    env.out(json.encode { replayed = total } .. "\n")
  else
    env.note(("%d event%s will be handled again\n"):format(total, total == 1 and "" or "s"))
  end
  return (total == 0 and #ids > 0) and 1 or 0
end

local function export(box, filter, env)
  local line = require "tcb.inbox.jsonl".line
  for e in box:entries(filter) do env.out(line(e.body)) end
  return 0
end

local function stats(box, env)
  local s, err = box:stats()
  if not s then return env.fail(err) end
  if env.json then
    env.out(json.encode(s, { "waiting", "done", "dead", "duplicates", "oldest_waiting_at" }) .. "\n")
  else
    for _, name in ipairs { "waiting", "done", "dead", "duplicates" } do env.out(("%-12s %d\n"):format(name, s[name])) end
    if s.oldest_waiting_at then env.out(("%-12s %s\n"):format("waits since", core.instant.format(s.oldest_waiting_at - s.oldest_waiting_at % 1000))) end
  end
  return 0
end

local ARGUMENTS = { list = { 0, 0 }, show = { 1, 1 }, replay = { 0, math.huge }, export = { 0, 0 }, stats = { 0, 0 } }

function M.run(opts, rest, env)
  local what = table.remove(rest, 1) or "list"
  local count = ARGUMENTS[what]
  if not count then return env.usage(("'%s' is none of list, show, replay, export, stats"):format(what)) end
  if #rest < count[1] or #rest > count[2] then
    return env.usage(("%s takes %s"):format(what, count[2] == 1 and "one event id" or "no argument"))
  end
  local filter, why = filter_of(opts)
  if not filter then return env.usage(why) end
  local box, err = inbox.open(opts.inbox, { create = false, readonly = what ~= "replay" })
  if not box then return env.fail(err) end
  local ok, code = pcall(function()
    if what == "list" then return list(box, filter, env) end
    if what == "show" then return show(box, rest[1], env) end
    if what == "replay" then return replay(box, rest, filter, env) end
    if what == "export" then return export(box, filter, env) end
    return stats(box, env)
  end)
  box:close()
  if ok then return code end
  if require "tcb.errors".is(code) then return env.fail(code) end
  error(code, 0)
end

return M
