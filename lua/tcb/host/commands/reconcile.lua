--- `tcb reconcile`: asks what became of what was pushed.
local campaign = require "tcb.host.campaign"
local progress = require "tcb.host.progress"

local function run(opts, rest, env)
  if #rest ~= 1 then return env.usage "needs one FILE or JOURNAL" end
  local _, path = campaign.files(rest[1], opts)
  local client, err = campaign.client(opts, env)
  if not client then return env.fail(err) end
  local show = progress.new(opts)
  local c = require("tcb.campaign").new{ client = client, journal = path, timeout_s = opts.timeout, give_up_s = opts.give_up,
    patience_s = opts.patience,
    on_progress = show and show.hook, progress_s = show and show.every_s }
  local s
  s, err = c:reconcile()
  if show then show.finish() end
  return campaign.finish(c, env, s, err)
end

return {
  summary = "ask what became of what was pushed",
  usage = "tcb reconcile FILE|JOURNAL [options]",
  options = campaign.options({ campaign.FILES[1] }, campaign.ACCOUNT, {
    { "--timeout", "S", "ask for so long at most; default until all is settled", type = "number", min = 0 },
    { "--give-up", "S", "so long after its end an unreported record is in doubt (3600)", type = "number", min = 0 },
    { "--patience", "S", "stop when no request has succeeded for so long (900)", type = "number", min = 0 },
    { "--progress", "json", "progress as JSON lines", choices = { "json" } },
  }),
  details = "The input is not needed. Run it again at any time: only what is not settled is asked for.",
  examples = { "tcb reconcile records.csv", "tcb reconcile november.db --timeout 600 --json" },
  keeps_code = true,
  run = run,
}
