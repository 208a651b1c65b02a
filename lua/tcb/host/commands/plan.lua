--- `tcb plan`: looks at a whole file before anything is sent.
local campaign = require "tcb.host.campaign"
local core = require "tcb.core"
local json = require "tcb.json"
local table_of = require "tcb.host.table"

local FAULT = { "line", "field", "code", "message", "severity" }
local SUMMARY = { "rows", "ok", "refused", "duplicates", "overlaps", "batches", "tokens", "starts_at", "finishes_at", "met", "late_by_s" }

local function clock_time(ms)
  return (core.instant.format(ms - ms % 1000):gsub("T", " "):gsub("Z$", " UTC"))
end

local function duration(s)
  if s < 90 then return ("%.0f s"):format(math.ceil(s)) end
  if s < 5400 then return ("%.0f min"):format(s / 60) end
  return ("%.1f h"):format(s / 3600)
end

local function verdict(p, columns)
  local n, count = table_of.number, table_of.count
  local lines = { ("%s: %s to send in %s, %s refused"):format(count(p.rows, "row"), n(p.ok), count(p.batches, "batch", "batches"), n(p.refused)) }
  if p.excluded > 0 then lines[#lines + 1] = n(p.excluded) .. " on the exclude list" end
  if p.duplicates + p.overlaps > 0 then
    lines[#lines + 1] = ("%s, %s: all would be sent (--unique refuses duplicates)"):format(count(p.duplicates, "duplicate"),
      count(p.overlaps, "overlap"))
  end
  if p.batches > 0 then
    lines[#lines + 1] = ("started now it ends at %s, after %s, with %s"):format(clock_time(p.finishes_at),
      duration((p.finishes_at - p.starts_at) / 1000), count(p.tokens, "token"))
  end
  if p.order == "starts_at" then lines[#lines + 1] = "sent in the order of starts_at" end
  if p.met then
    if p.batches > 0 then lines[#lines + 1] = "every window is met" end
  else
    lines[#lines + 1] = ("misses %s by %s: start by %s"):format(clock_time(p.misses_at), duration(p.late_by_s), clock_time(p.start_by))
  end
  for i, line in ipairs(lines) do lines[i] = table_of.wrap(line, columns, 0) .. "\n" end
  return table.concat(lines)
end

local function run(opts, rest, env)
  local file = rest[1]
  if #rest ~= 1 then return env.usage "needs one FILE, or - for standard input" end
  local o, wrong = campaign.shape(opts)
  if not o then return type(wrong) == "string" and env.usage(wrong) or env.fail(wrong) end
  o.source, o.journal = campaign.source(opts.input or file), file .. ".tcb.db"
  local limits = opts.limit and table.concat(opts.limit, " ") or nil
  local name = file == "-" and "standard input" or file
  local p, err = require("tcb.campaign").new(o):plan{ limits = limits, tokens = opts.tokens, on_fault = function(f)
    if env.json then
      env.out(json.encode({ line = f.line, field = f.field, code = f.code, message = f.message, severity = f.severity }, FAULT) .. "\n")
    elseif not env.quiet then
      env.out(("%s:%d: %s: %s\n"):format(name, f.line, f.severity, f.message))
    end
  end }
  if not p then
    local code = env.fail(err)
    return err.kind == "input" and 2 or code
  end
  if env.json then
    local summary = {}
    for _, field in ipairs(SUMMARY) do summary[field] = p[field] end
    env.out('{"summary":' .. json.encode(summary, SUMMARY) .. "}\n")
  else
    env.out(verdict(p, env.columns))
  end
  if not p.met then return 6 end
  return p.refused > 0 and 4 or 0
end

return {
  summary = "look at a whole file before anything is sent",
  usage = "tcb plan FILE|- [options]",
  options = campaign.options({ campaign.FILES[2] }, campaign.SHAPE, { campaign.ACCOUNT[1], campaign.ACCOUNT[2] }),
  details = [[
Prints every fault with its line, repeats and overlapping windows of the same numbers, and when a push that starts now would end under the
account's limits. Nothing is sent; no account is needed. Exit code 6: some windows cannot be met, 4: some rows would be refused.]],
  examples = { "tcb plan records.csv --zone Asia/Kolkata", "tcb plan records.csv --json | tail -n 1" },
  run = run,
}
