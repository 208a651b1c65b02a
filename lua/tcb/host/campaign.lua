--- What the campaign commands share: which file is which, options to a campaign, results to text and exit codes.
-- @module tcb.host.campaign
local core = require "tcb.core"
local json = require "tcb.json"
local summary = require "tcb.campaign.summary"
local M = {}

--- Options that shape bodies, for plan and push.
M.SHAPE = {
  { "--label", "UUID|NAME", "the label of rows without one" },
  { "--caller", "N", "the caller number of rows without one" },
  { "--map", "FIELD=COLUMN", "this field comes from that column", many = true },
  { "--set", "FIELD=TEXT", "fills a missing column or an empty cell; {column} inserts a value", many = true },
  { "--starts-at", "I", "the start of rows without one: epoch ms or ISO 8601" },
  { "--ends-at", "I", "the end of rows without one" },
  { "--zone", "Z", "the zone of instants that name none: Asia/Kolkata" },
  { "--country", "CODE", "completes national numbers: 91" },
  { "--batch", "N", "records a request (500)", type = "integer", min = 1, max = 500 },
  { "--exclude", "FILE", "do-not-call list: a number a line" },
  { "--lead", "D", "send a record at most so long before its start: 24h, 90m" },
  { "--sort", nil, "send in order of starts_at" },
  { "--strict", nil, "a record whose window has begun is expired" },
  { "--unique", nil, "refuse all but the first record with the same numbers, window and label" },
  { "--dialect", "v1", "use the deprecated edition of the calls", choices = { "v1", "v2" } },
  { "--script", "HOOKS.lua", "a script that returns hooks: each, on_batch, on_outcome, on_progress" },
}

--- Options that concern the account's limits.
M.ACCOUNT = {
  { "--limit", "NAME=COUNT/SECONDS", "mint, push or personalise; =0 is none", many = true },
  { "--tokens", "N", "size of the token pool (10)", type = "integer", min = 1, max = 20 },
  { "--no-store", nil, "keep tokens and pace in memory: share them with no other process" },
}

M.FILES = {
  { "--journal", "PATH", "the journal; default FILE.tcb.db, needed with -" },
  { "--input", "PATH", "where the input lies now" },
}

--- One list out of several.
function M.options(...)
  local all = {}
  for _, list in ipairs{ ... } do
    for _, entry in ipairs(list) do all[#all + 1] = entry end
  end
  return all
end

--- Is the file a SQLite database?
local function is_database(path)
  local file = io.open(path, "rb")
  local head = file and file:read(16)
  if file then file:close() end
  return head == "SQLite format 3\0"
end

--- FILE or JOURNAL -> path of the input (nil: not told), path of the journal.
function M.files(arg, opts)
  if arg ~= "-" and is_database(arg) then return opts.input, arg end
  return opts.input or arg, opts.journal or arg .. ".tcb.db"
end

--- "90", "90s", "15m", "24h", "2d" -> seconds; nil when it is none.
function M.duration(text)
  local n, unit = tostring(text):match "^(%d+%.?%d*)%s*([smhd]?)$"
  local factor = ({ [""] = 1, s = 1, m = 60, h = 3600, d = 86400 })[unit or "?"]
  return n and factor and tonumber(n) * factor or nil
end

local function pairs_of(list, what)
  if not list then return nil end
  local out = {}
  for _, text in ipairs(list) do
    local name, value = text:match "^([^=]+)=(.*)$"
    if not name then return nil, ("%s needs NAME=VALUE, not '%s'"):format(what, text) end
    out[name] = value
  end
  return out
end

local HOOKS = { each = true, on_batch = true, on_outcome = true, on_progress = true }

--- The hooks that a script returns | nil, err.
local function hooks_of(path)
  local errors = require "tcb.errors"
  local chunk, why = loadfile(path)
  if not chunk then return errors.fail("config", "cannot read the hooks: " .. why) end
  local ok, result = pcall(chunk)
  if not ok then error(result, 0) end
  if type(result) ~= "table" then return errors.fail("config", path .. " returns no table of hooks") end
  for name, fn in pairs(result) do
    if not HOOKS[name] or type(fn) ~= "function" then
      return errors.fail("config", ("%s: '%s' is no hook; hooks are each, on_batch, on_outcome, on_progress"):format(path, tostring(name)))
    end
  end
  return result
end

local function instant(text)
  return text and text:match "^%d+$" and tonumber(text) or text
end

--- Options of the command line -> options of tcb.campaign (client, source and journal apart); nil, text when one is malformed;
--- nil, err when the hooks cannot be read.
function M.shape(opts)
  local map, wrong = pairs_of(opts.map, "--map")
  if wrong then return nil, wrong end
  local set
  set, wrong = pairs_of(opts.set, "--set")
  if wrong then return nil, wrong end
  local lead = opts.lead and M.duration(opts.lead)
  if opts.lead and not lead then return nil, ("--lead needs a duration such as 24h, not '%s'"):format(opts.lead) end
  local o = { label = opts.label, caller = opts.caller, map = map, set = set, starts_at = instant(opts.starts_at),
    ends_at = instant(opts.ends_at), zone = opts.zone, country = opts.country, batch = opts.batch, exclude = opts.exclude,
    lead_s = lead, sort = opts.sort, strict = opts.strict,
    unique = opts.unique, dialect = opts.dialect }
  if opts.script then
    local hooks, err = hooks_of(opts.script)
    if not hooks then return nil, err end
    for name, fn in pairs(hooks) do o[name] = fn end
  end
  return o
end

--- A client with the limits of the command line | nil, err.
function M.client(opts, env)
  local limits
  if opts.limit then limits = table.concat(opts.limit, " ") end
  return env.client{ limits = limits, tokens = opts.tokens, store = opts.no_store and "memory" or nil, dialect = opts.dialect, wait = true }
end

--- Does the file begin as an object of JSON does? Not asked of a pipe.
local function begins_as_json(path)
  local identity = path ~= "-" and core.reader.identity(path)
  local file = identity and identity.size and io.open(path, "rb")
  local start = file and file:read(64) or ""
  if file then file:close() end
  return start:find "^\239?\187?\191?%s*{%s*[\"}]" ~= nil
end

--- The source for a path: NDJSON by its name or by how it begins, else CSV.
function M.source(path)
  if begins_as_json(path) or path:match "%.ndjson$" or path:match "%.jsonl$" or path:match "%.ndjson%.gz$" or path:match "%.jsonl%.gz$" then
    return require("tcb.source.ndjson").new(path)
  end
  return require("tcb.source.csv").new(path)
end

local JSON_ORDER = { "journal" }
for _, name in ipairs(summary.FIELDS) do JSON_ORDER[#JSON_ORDER + 1] = name end
JSON_ORDER[#JSON_ORDER + 1] = "reasons"

--- A summary as one line of JSON.
function M.json(s)
  local object = { journal = s.journal, reasons = {} }
  for _, name in ipairs(summary.FIELDS) do object[name] = s[name] end
  for text, n in pairs(s.reasons) do object.reasons[core.log.redact(text)] = n end
  return json.encode(object, JSON_ORDER) .. "\n"
end

local table_of

local SHOWN = { { "success", "success" }, { "failed", "failed" }, { "refused", "refused, never sent" },
  { "expired", "expired, never sent" },
  { "in_doubt", "in doubt" }, { "sent", "sent, not settled yet" }, { "waiting", "waiting" } }

--- A summary for people: a table by outcome and reason.
function M.text(s, columns)
  table_of = table_of or require "tcb.host.table"
  local rows = {}
  local function add(n, what, indent)
    if n > 0 then rows[#rows + 1] = { records = table_of.number(n), outcome = (" "):rep(indent or 0) .. core.log.redact(what) } end
  end
  for _, pair in ipairs(SHOWN) do
    add(s[pair[1]], pair[2])
    for _, r in ipairs(s:ranked(pair[1])) do add(r.records, r.text, 2) end
  end
  rows[#rows + 1] = { records = table_of.number(s.records), outcome = "records" }
  local text = table_of.render({ { name = "records", right = true, min = 7 }, { name = "outcome", min = 20 } }, rows, columns)
  local notes = {}
  if s.late > 0 then notes[#notes + 1] = table_of.number(s.late) .. " were late: their window had begun" end
  if s.dropped > 0 then notes[#notes + 1] = table_of.number(s.dropped) .. " rows were dropped" end
  if s.split > 0 then notes[#notes + 1] = table_of.number(s.split) .. " records more than rows" end
  return text .. (#notes > 0 and table.concat(notes, "; ") .. "\n" or "")
end

--- Prints a summary as the options want it.
function M.show(s, env)
  env.out(env.json and M.json(s) or M.text(s, env.columns))
end

--- Ends a command that has a summary, or an error with whatever summary the journal gives.
function M.finish(c, env, s, err)
  if s then
    M.show(s, env)
    return s:exit_code()
  end
  if err.slug == "INT" or err.slug == "TERM" then
    env.note(("tcb %s: interrupted; the journal is complete. Run the same command again to continue\n"):format(env.name))
    local so_far = c:summary()
    if so_far then M.show(so_far, env) end
    return err.slug == "TERM" and 143 or 130
  end
  local so_far = err.kind ~= "config" and c:summary()
  if so_far then M.show(so_far, env) end
  local code = env.fail(err)
  if err.slug == "canary" then return 4 end
  if err.kind == "input" and code == 1 then return 2 end
  return code
end

return M
