--- `tcb report`: what became of a campaign, drawn in the terminal or as one page.
local campaign = require "tcb.host.campaign"
local core = require "tcb.core"
local json = require "tcb.json"
local summary = require "tcb.campaign.summary"

local ORDER = { "journal" }
for _, name in ipairs(summary.FIELDS) do ORDER[#ORDER + 1] = name end
for _, name in ipairs{ "ceiling_per_minute", "windows", "reasons", "timeline", "slowest", "failures_total" } do ORDER[#ORDER + 1] = name end

local function as_json(data)
  local s, object, reasons = data.summary, {}, {}
  for _, name in ipairs(summary.FIELDS) do object[name] = s[name] end
  for text, n in pairs(s.reasons) do reasons[core.log.redact(text)] = n end
  object.journal, object.reasons, object.windows = s.journal, reasons, data.windows
  object.ceiling_per_minute, object.failures_total = data.ceiling, data.failures_total
  object.timeline, object.slowest = json.array(data.timeline), json.array(data.slowest)
  return json.encode(object, ORDER) .. "\n"
end

local function run(opts, rest, env)
  if #rest ~= 1 then return env.usage "needs one FILE or JOURNAL" end
  local input, path = campaign.files(rest[1], opts)
  local c = require("tcb.campaign").new{ source = input and campaign.source(input) or nil, journal = path }
  local data, err = require("tcb.report.data").read(c, { rows = opts.html and 10000 or 0 })
  if not data then return env.fail(err) end
  if opts.html then
    local ok, why = core.private_write(opts.html, require("tcb.report.html").render(data))
    if not ok then return env.fail(why) end
    if not env.json then
      env.note(opts.html .. ": the page is yours alone to read (mode 0600)\n")
      return 0
    end
  end
  env.out(env.json and as_json(data) or require("tcb.host.report").render(data, { columns = env.columns, color = env.color,
    utf8 = require("tcb.host.report").is_utf8() }))
  return 0
end

return {
  summary = "what became of a campaign: bars, reasons, a timeline, or one HTML page",
  usage = "tcb report FILE|JOURNAL [--html FILE]",
  options = campaign.options(campaign.FILES, {
    { "--html", "FILE", "write one self-contained page there: no network needed, light and dark, printable" },
  }),
  details = [[
Read from the journal, also while a push runs. The page has a table of at most 10,000 failures, searchable, with masked numbers; the receivers
come from the input where it can still be read.]],
  examples = { "tcb report records.csv", "tcb report november.db --html november.html", "tcb report november.db --json" },
  run = run,
}
