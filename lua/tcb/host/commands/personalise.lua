--- `tcb personalise`: what one receiver sees during one window; or a file of records, one after the other.
local core = require "tcb.core"
local input = require "tcb.host.input"
local json = require "tcb.json"

--- The record of the options | nil, err.
local function record_of(opts, zone)
  local record = { caller_number = opts.caller, receiver_number = opts.receiver, label_id = opts.label, dynamic_label_name = opts.label_name,
    dynamic_call_reason = opts.reason }
  local now, err = core.clock.now(), nil
  record.starts_at = now
  if opts.starts_at then
    record.starts_at, err = input.instant(opts.starts_at, zone, now)
    if err then return nil, err end
  end
  record.ends_at = record.starts_at + 3600 * 1000
  if opts.ends_at then
    record.ends_at, err = input.instant(opts.ends_at, zone, record.starts_at)
    if err then return nil, err end
  end
  return record
end

--- Records of a file of JSON lines: iterator of record | nil, place, err.
local function records_of(file, name)
  local lines = input.lines(file)
  return function()
    local line, n = lines()
    while line and not line:match "%S" do line, n = lines() end
    if not line then return nil end
    local place = name .. ":" .. n
    local record, err = json.decode(line)
    if type(record) ~= "table" then
      err = err or require "tcb.errors".new { kind = "input", message = "the line holds no JSON object" }
      err.kind, err.remedy = "input", "each line is one record in API names"
      return false, place, err
    end
    return record, place
  end
end

local function tell(env, record, err, place)
  local digits = core.phone.parse(tostring(record.receiver_number or ""), env.country or "")
  local receiver = record.receiver_number and core.log.mask(digits or tostring(record.receiver_number))
  if env.json then
    local line = { receiver_number = receiver, status = err and "error" or "success", place = place,
      kind = err and err.kind, message = err and core.log.redact(tostring(err.message)), field = err and err.field }
    env.out(json.encode(line, { "place", "receiver_number", "status", "kind", "field", "message" }) .. "\n")
  elseif err then
    err.place = err.place or place
    env.fail(err)
  elseif not place then
    env.out(("personalised for %s until %s\n"):format(receiver, core.instant.format(record.ends_at - record.ends_at % 1000)))
  end
end

--- Does one record. Returns its exit code, and the error when it must end the run.
local function one(env, client, opts, record, place)
  if opts.dry_run then
    local body, err = core.record.encode_one(record, env.rules(client))
    if not body then
      tell(env, record, err, place)
      return 4
    end
    return env.show_request(client, "personalise", { body = body })
  end
  local ok, err
  local fine, why = pcall(function() ok, err = client:personalise(record) end)
  if not fine then
    if type(why) ~= "string" then error(why, 0) end
    err = require "tcb.errors".new { kind = "input", message = tostring(why):gsub("^.-client:personalise: ", "") }
  end
  tell(env, record, not ok and err or nil, place)
  if ok then return 0 end
  if err.kind == "input" then return 4 end
  if err.kind == "in_doubt" then return 7 end
  return nil, err
end

--- The error that ended the run was told already, but for --json only on stdout. Returns its exit code.
local function stopped(env, err)
  return env.json and env.fail(err) or require "tcb.host.failure".code(err)
end

local function run(opts, rest, env)
  if #rest > 1 or (#rest == 1) == (opts.receiver ~= nil) then
    return env.usage "needs either --caller, --receiver and --label, or one FILE of JSON lines (- for standard input)"
  end
  local zone, err
  if opts.zone then
    zone, err = core.instant.zone(opts.zone)
    if not zone then return env.usage(tostring(err)) end
  end
  local client
  client, err = env.client(opts.country and { country = opts.country } or nil)
  if not client then return env.fail(err) end
  env.country = env.rules(client).country
  if not opts.dry_run then require "tcb.host.live".banner(client, env) end
  local label_id
  if opts.label then
    label_id, err = input.label(client, opts.label)
    if not label_id then return env.mistake(err) end
    opts.label = label_id
  end
  if #rest == 0 then
    local record
    record, err = record_of(opts, zone)
    if not record then return env.usage(tostring(err)) end
    local code, stop = one(env, client, opts, record)
    return code or stopped(env, stop)
  end
  local file, name = input.open(rest[1])
  if not file then return env.mistake(name) end
  local done, bad, doubt = 0, 0, 0
  for record, place, wrong in records_of(file, name) do
    local code, stop = 4, nil
    if record then
      for field, value in pairs { caller_number = opts.caller, label_id = label_id, dynamic_call_reason = opts.reason, dynamic_label_name = opts.label_name } do
        if record[field] == nil then record[field] = value end
      end
      code, stop = one(env, client, opts, record, place)
    else
      tell(env, {}, wrong, place)
    end
    if stop then return stopped(env, stop) end
    if code == 0 then done = done + 1 elseif code == 7 then doubt = doubt + 1 else bad = bad + 1 end
  end
  if not opts.dry_run then env.note(("%d personalised, %d refused, %d in doubt\n"):format(done, bad, doubt)) end
  return doubt > 0 and 7 or bad > 0 and 4 or 0
end

return {
  summary = "set at once what receivers see when they are called",
  usage = "tcb personalise --caller N --receiver N --label LABEL [options] | FILE | -",
  options = {
    { "--caller", "N", "the number that will call" },
    { "--receiver", "N", "the number that will be called" },
    { "--label", "UUID|NAME", "a dynamic label of the account" },
    { "--reason", "TEXT", "the call reason, 10 to 100 characters" },
    { "--label-name", "TEXT", "shown instead of the label's own name, 3 to 40 characters" },
    { "--starts-at", "I", "epoch ms, ISO 8601, or +10m from now; without it: now" },
    { "--ends-at", "I", "the same, +2h from the start; without it: one hour later" },
    { "--zone", "Z", "zone of instants without one, such as Asia/Kolkata" },
    { "--country", "CODE", "country code that completes national numbers, such as 91" },
    { "--dry-run", nil, "print the request instead of sending it" },
  },
  details = [[
FILE holds a record in API names per line, as JSON; --caller, --label, --reason and --label-name complete those that lack them. For more than a
few hundred records, `tcb push` sends batches, survives interruptions and knows what became of each.]],
  examples = { "tcb personalise --caller 911234567890 --receiver 919876543210 --label 'Acme Deliveries' --reason 'Your parcel arrives today'" },
  run = run,
}
