--- `tcb status`: what became of a batch's records.
local core = require "tcb.core"
local json = require "tcb.json"
local table_of = require "tcb.host.table"

local COLUMNS = {
  { name = "receiver", min = 12 }, { name = "status" }, { name = "reason", min = 16 }, { name = "starts_at", title = "FROM (UTC)", min = 16 },
  { name = "ends_at", title = "TO (UTC)", min = 16 }, { name = "caller", min = 12 }, { name = "id", title = "ID", min = 36 },
}
local ORDER = { "id", "status", "reason", "field", "caller_number", "receiver_number", "label_id", "dynamic_label_name",
  "dynamic_call_reason", "starts_at", "ends_at", "created_at", "status_info" }

local function minute(ms)
  return ms and (core.instant.format(ms - ms % 60000):sub(1, 16):gsub("T", " ")) or nil
end

local function shown(row)
  return { receiver = core.log.mask(row.receiver_number or ""), caller = core.log.mask(row.caller_number or ""), status = row.status,
    reason = row.reason, starts_at = minute(row.starts_at), ends_at = minute(row.ends_at), id = row.id }
end

--- Prints one batch's rows; counts them by status into `count`.
local function print_rows(list, env, count)
  local rows = {}
  for i, row in ipairs(list) do
    count[row.status] = (count[row.status] or 0) + 1
    row.record, row.matched = nil, nil
    if env.json then env.out(json.encode(row, ORDER) .. "\n") else rows[i] = shown(row) end
  end
  if not env.json and #rows > 0 then env.out(table_of.render(COLUMNS, rows, env.columns)) end
end

local function run(opts, rest, env)
  if #rest == 0 then return env.usage "needs a BATCH_ID; of a campaign, `tcb reconcile` asks for all" end
  local client, err = env.client()
  if not client then return env.fail(err) end
  local count, late = {}, nil
  for _, id in ipairs(rest) do
    if opts.dry_run then
      local code = env.show_request(client, "status", { query = { batchId = id } })
      if code ~= 0 then return code end
    else
      local batch, list, so_far = client:batch(id), nil, nil
      if opts.wait then list, err, so_far = batch:wait { timeout_s = opts.timeout } else list, err = batch:poll() end
      if not list and not so_far then return env.fail(err) end
      if not list then late = err end
      print_rows(list or so_far, env, count)
    end
  end
  if opts.dry_run then return 0 end
  env.note(("%d success, %d error, %d pending\n"):format(count.success or 0, count.error or 0, count.pending or 0))
  if late then return env.fail(late) end
  return (count.error or 0) > 0 and 4 or 0
end

return {
  summary = "what became of a batch's records",
  usage = "tcb status BATCH_ID... [--wait]",
  options = {
    { "--wait", nil, "poll until no record is pending" },
    { "--timeout", "S", "with --wait: for so long at most (900)", type = "number", min = 0 },
    { "--dry-run", nil, "print the request instead of sending it" },
  },
  details = "Numbers are masked; --json prints the rows as the service reports them. Exit code 4 when a record failed.",
  examples = { "tcb status 5f0c1d9e-... --wait" },
  run = run,
}
