--- `tcb journal`: looks after a journal.
local campaign = require "tcb.host.campaign"
local care = require "tcb.campaign.care"
local json = require "tcb.json"
local table_of = require "tcb.host.table"

local function batches(n) return table_of.count(n, "batch", "batches") end

local ACTIONS = {}

function ACTIONS.status(path, _, env)
  local s, err = require("tcb.campaign").new{ journal = path }:summary()
  if not s then return env.fail(err) end
  campaign.show(s, env)
  return s:exit_code()
end

function ACTIONS.verify(path, opts, env, input)
  local report, err = care.verify(path, input and campaign.source(input))
  if not report then return env.fail(err) end
  if env.json then
    env.out(json.encode({ journal = path, version = report.version, batches = report.batches, records = report.records,
      input_batches = report.input_batches, problems = json.array(report.problems) },
      { "journal", "version", "batches", "records", "input_batches", "problems" }) .. "\n")
  else
    for _, p in ipairs(report.problems) do env.out(p.message .. "\n") end
    env.out(("%s: %s, %s%s: %s\n"):format(path, batches(report.batches), table_of.count(report.records, "record"),
      report.input_batches > 0 and (", %s compared with the input"):format(batches(report.input_batches)) or "",
      #report.problems == 0 and "whole" or table_of.count(#report.problems, "problem")))
  end
  return #report.problems == 0 and 0 or 1
end

function ACTIONS.purge(path, opts, env)
  local older = opts.older and campaign.duration(opts.older)
  if not older then return env.usage "purge needs --older D: 30d, 12h" end
  local sum, err = care.purge(path, older)
  if not sum then return env.fail(err) end
  if env.json then env.out(('{"purged":%d,"input_removed":%s}\n'):format(sum.batches, tostring(sum.input)))
  else
    env.out(("%s: details forgotten, outcomes kept%s\n"):format(batches(sum.batches), sum.input and "; the kept input is removed" or ""))
  end
  return 0
end

function ACTIONS.resolve(path, opts, env)
  if not opts.in_doubt then return env.usage "resolve needs --in-doubt sent|resend" end
  local sum, err = care.resolve(path, opts.in_doubt)
  if not sum then return env.fail(err) end
  if env.json then env.out(('{"batches":%d,"records":%d}\n'):format(sum.batches, sum.records))
  else
    env.out(("%s of %s %s\n"):format(table_of.count(sum.records, "record"), batches(sum.batches),
      opts.in_doubt == "sent" and "count as sent" or "are sent again by the next push"))
  end
  return 0
end

local function run(opts, rest, env)
  local action = ACTIONS[rest[1] or ""]
  if not action or #rest ~= 2 then return env.usage "needs status, verify, purge or resolve, and a FILE or JOURNAL" end
  local input, path = campaign.files(rest[2], opts)
  return action(path, opts, env, input)
end

return {
  summary = "look after a campaign's journal",
  usage = "tcb journal status|verify|purge|resolve FILE|JOURNAL [options]",
  options = campaign.options(campaign.FILES, {
    { "--older", "D", "purge: batches whose windows ended so long ago: 30d" },
    { "--in-doubt", "sent|resend", "resolve: what became of the batches in doubt", choices = { "sent", "resend" } },
  }),
  details = [[
status prints the counts. verify checks the file, and the input where it is there; exit code 1 when something is wrong. purge forgets bodies,
ids, hashes and events of settled batches; outcomes stay. When no batch is left unpurged, the copy of the input that was kept beside the
journal (a pipe, --keep-input) goes as well. resolve settles what you found out about batches in doubt.]],
  examples = { "tcb journal verify records.csv", "tcb journal resolve november.db --in-doubt resend",
    "tcb journal purge november.db --older 90d" },
  run = run,
}
