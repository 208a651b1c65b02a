--- `tcb export`: the input once more, each row with what became of it.
local campaign = require "tcb.host.campaign"

local function run(opts, rest, env)
  if #rest ~= 1 then return env.usage "needs one FILE or JOURNAL" end
  local format = opts.format or (env.json and "json") or "csv"
  if format == "sqlite" and (opts.events or opts.inbox) then return env.usage "--events goes with CSV and JSON" end
  if format == "sqlite" and not opts.output then return env.usage "needs --output PATH for a SQLite file" end
  local input, path = campaign.files(rest[1], opts)
  local c = require("tcb.campaign").new{ source = input and campaign.source(input) or nil, journal = path }
  local file, why
  if opts.output and format ~= "sqlite" then
    file, why = io.open(opts.output, "wb")
    if not file then return env.fail(require("tcb.errors").new{ kind = "store", message = "cannot write " .. why }) end
  end
  local ok, err = c:export{ format = format, path = opts.output, events = opts.events or opts.inbox ~= nil,
    inbox = opts.inbox, write = function(text)
    if not file then return env.out(text) end
    local good, wrong = file:write(text)
    if not good then error(require("tcb.errors").new{ kind = "store", message = "cannot write " .. opts.output .. ": " .. wrong }, 0) end
  end }
  if file then file:close() end
  return ok and 0 or env.fail(err)
end

return {
  summary = "each row of the input with what became of it",
  usage = "tcb export FILE|JOURNAL [options]",
  options = campaign.options(campaign.FILES, {
    { "--format", "csv|json|sqlite", "CSV (default), JSON lines, or a SQLite table with one row a record",
      choices = { "csv", "json", "sqlite" } },
    { "--output", "PATH", "write there instead of standard output" },
    { "--events", nil, "add tcb_events: the receiver's webhook events in the campaign's time (CSV, JSON)" },
    { "--inbox", "PATH", "out of this webhook inbox (inbox.db in the state directory)" },
  }),
  details = [[
Adds tcb_line tcb_outcome tcb_reason tcb_batch_id tcb_record_id tcb_matched behind the input's columns, in the order of the input. The output
holds whole numbers: it is your own data.]],
  examples = { "tcb export records.csv > results.csv", "tcb export november.db --input old/records.csv --format sqlite --output results.db" },
  run = run,
}
