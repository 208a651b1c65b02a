--- `tcb push`: sends the records of a file, once each, before their windows open.
local campaign = require "tcb.host.campaign"
local progress = require "tcb.host.progress"
local table_of = require "tcb.host.table"

local count = table_of.count

local OPTIONS = campaign.options(campaign.FILES, campaign.SHAPE, campaign.ACCOUNT, {
  { "--in-doubt", "hold|resend", "batches whose fate is not known: keep them (hold), or send them again", choices = { "hold", "resend" } },
  { "--retry-failed", "N", "send 'Failed to push' again, up to N times while the window lasts", type = "integer", min = 0, max = 100 },
  { "--wait", nil, "wait until all is settled" },
  { "--patience", "S", "stop when no request has succeeded for so long (900)", type = "number", min = 0 },
  { "--give-up", "S", "with --wait: so long after its end an unreported record is in doubt (3600)", type = "number", min = 0 },
  { "--max-records", "N", "send at most N records in this run", type = "integer", min = 0 },
  { "--canary", "N", "send N records first; the rest only when these settle well", type = "integer", min = 1 },
  { "--stop-over", "P%", "of the canary at most so many may fail (5%)" },
  { "--yes", nil, "do not ask before a large push" },
  { "--keep-input", nil, "keep a copy of the input beside the journal" },
  { "--dry-run", nil, "read, check and encode everything, print the first request; send and write nothing" },
  { "--progress", "json", "progress as JSON lines", choices = { "json" } },
})

local function per_cent(text)
  if not text then return nil end
  local n = tonumber((text:gsub("%%$", "")))
  if not n or n < 0 or n > 100 then return nil, ("--stop-over needs a percentage such as 5%%, not '%s'"):format(text) end
  return n
end

local SUMS = { "records", "batches", "refused", "excluded", "bytes", "hash", "codes" }

--- The first request as it would leave, with its first record alone: was it shown? Without an account there is no URL to show.
local function show_first(c, opts, env)
  local body = require("tcb.campaign.dry").first(c)
  local client = body and campaign.client(opts, env)
  if not client then return false end
  local label = require("tcb.campaign.setup").ANY_LABEL
  body = body:gsub(label:gsub("%p", "%%%0"), function() return ("[id of label %s]"):format(opts.label) end)
  return env.show_request(client, opts.dialect == "v1" and "v1_push" or "push", { body = body }) == 0
end

local function dry_run(c, opts, env)
  local sums, err = c:push{ dry_run = true }
  if not sums then return env.fail(err) end
  if env.json then env.out(require("tcb.json").encode(sums, SUMS) .. "\n")
  elseif not env.quiet then
    local shown = show_first(c, opts, env)
    env.out(("%s in %s, %s refused, %s, hash %s\n"):format(count(sums.records, "record"), count(sums.batches, "batch", "batches"),
      table_of.number(sums.refused), count(("%.0f"):format(sums.bytes), "byte"), sums.hash))
    env.note((shown and "the request above holds the first record alone; " or "") .. "nothing was sent\n")
  end
  return sums.refused > 0 and 4 or 0
end

local function run(opts, rest, env)
  local file = rest[1]
  if #rest ~= 1 then return env.usage "needs one FILE, or - for standard input" end
  if file == "-" and not opts.journal and not opts.dry_run then return env.usage "needs --journal PATH with standard input" end
  local o, wrong = campaign.shape(opts)
  if not o then return type(wrong) == "string" and env.usage(wrong) or env.fail(wrong) end
  o.stop_over, wrong = per_cent(opts.stop_over)
  if wrong then return env.usage(wrong) end
  local client, err
  if not opts.dry_run then
    client, err = campaign.client(opts, env)
    if not client then return env.fail(err) end
  end
  if client and not require("tcb.host.live").confirm_push(client, env, file, opts.journal or file .. ".tcb.db", opts.yes) then return 1 end
  local show = progress.new(opts)
  for name, value in pairs{ in_doubt = opts.in_doubt, retry_failed = opts.retry_failed, wait = opts.wait,
    patience_s = opts.patience, give_up_s = opts.give_up,
    max_records = opts.max_records, canary = opts.canary, keep_input = opts.keep_input, yes = opts.yes } do o[name] = value end
  if show and not o.on_progress then o.on_progress, o.progress_s = show.hook, show.every_s end
  local function say(text)
    if show then show.say(text) else env.note(text .. "\n") end
  end
  o.on_note = function(text) say("tcb push: " .. text) end
  o.client, o.source = client, campaign.source(opts.input or file)
  o.journal = opts.journal or file .. ".tcb.db"
  local c = require("tcb.campaign").new(o)
  if opts.dry_run then return dry_run(c, opts, env) end
  local s
  s, err = c:push()
  if show then show.finish() end
  if s and s.stopped == "max_records" then say(("stopped at --max-records %d; run again to continue"):format(opts.max_records)) end
  return campaign.finish(c, env, s, err)
end

return {
  summary = "send the records of a file, once each",
  usage = "tcb push FILE|- [options]",
  options = OPTIONS,
  details = [[
Sends as early as the account's quota allows. What was sent cannot be recalled: its window ends it. The journal knows what was sent; running the
same command again continues. Exit codes: 7 records held in doubt, 4 some refused or failed, 5 the service cannot be reached, 3 credentials.]],
  examples = { "tcb push records.csv --label 'Acme Deliveries' --zone Asia/Kolkata",
    "tcb push records.csv --canary 500 --stop-over 5% --wait" },
  keeps_code = true,
  run = run,
}
