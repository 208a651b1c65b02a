--- The deprecated calls, for accounts that still have them: `client.v1`. Each says once per process what replaces it.
-- Records and rows carry the v2 names here too; the v1 names are accepted, and mapped on the way out and in.
-- @module tcb.v1
local batch = require "tcb.batch"
local core = require "tcb.core"
local errors = require "tcb.errors"
local json = require "tcb.json"
local options = require "tcb.options"
local rows = require "tcb.rows"
local M = {}

---@class tcb.ClientV1
local V1 = {}
V1.__index = V1
V1.__name = "tcb.client.v1"

local DIALECT = "v1"
local OLD = {}                          -- v2 name -> v1 name
for old, new in pairs(rows.V1) do OLD[new] = old end

local told = {}                         -- calls whose notice this process has seen

--- Says, once per process, what replaces a call.
function M.notice(call, name)
  if told[call] then return end
  told[call] = true
  core.log.write("warn", ("client.v1:%s is deprecated by the service; use %s"):format(name, core.endpoints[call].replaced_by))
end

local notice = M.notice

--- The batch's id out of the sentence of a v1 answer; nil when it names none.
function M.batch_id(message)
  local id = tostring(message):match "[Bb]atch%s*[Ii][Dd]%s*:%s*(%S+)"
  id = id and id:gsub("[.,;]+$", "")
  return id ~= "" and id or nil
end

--- Used by tcb.client.
function M.new(caller, conf)
  return setmetatable({ _caller = caller, _conf = conf }, V1)
end

local function renamed(record, names)
  local out = {}
  for name, value in pairs(record) do out[names[name] or name] = value end
  return out
end

local function rules(conf, dialect)
  return { country = conf.country, dialect = dialect }       -- v1 numbers never carry a +
end

--- Real-time personalisation v1. `POST /clients/{client}/dynamic_call_record`. Replaced by client:personalise. Blocks.
---@param record tcb.Record with v2 or v1 names
---@return boolean? ok true
---@return tcb.Error? err as of client:personalise
function V1:personalise(record)
  options.argument("client.v1:personalise", "the record", record, "table", 2)
  notice("v1_personalise", "personalise")
  local wired, how = renamed(record, OLD), rules(self._conf, DIALECT)
  local body, err = batch.checked("client.v1:personalise", 2, core.record.encode_one, wired, how)
  if not body then return nil, err end
  local res
  res, err = self._caller:request("v1_personalise", { body = body, count = 1 })
  if not res then return nil, err end
  return true
end

--- Batch personalisation v1, 1..500 records. `POST /clients/{client}/dynamic_call_records`. Replaced by client:push. Blocks.
-- The service puts the batch's id into a sentence ("Records Uploaded Successfully. BatchID: ..."). When it is not there, the
-- records were accepted all the same: `batch.id` is nil, a warning says so, and batch:poll() gives an error.
---@param records tcb.Record[] with v2 or v1 names
---@return tcb.Batch? batch
---@return tcb.Error? err as of client:push
function V1:push(records)
  options.argument("client.v1:push", "the list of records", records, "table", 2)
  notice("v1_push", "push")
  local wired, plain = {}, {}
  for i, record in ipairs(records) do
    options.argument("client.v1:push", ("record %d"):format(i), record, "table", 2)
    wired[i], plain[i] = renamed(record, OLD), renamed(record, rows.V1)
  end
  local index, res = batch.send(self._caller, "v1_push", plain, wired, rules(self._conf, DIALECT), 2)
  if not index then return nil, res end
  for i, entry in ipairs(index.list) do entry.record = records[i] end
  local answer, err = json.decode(res.body)
  if not answer then return nil, err end
  local id = M.batch_id(answer.message)
  if not id then
    core.log.write("warn", "the answer to a v1 batch named no batch id: its status cannot be asked for")
  end
  return batch.new(self._caller, "v1_status", id, index, answer.message)
end

--- Batch status v1. `GET /clients/{client}/dynamic_call_records?batchId=`. Replaced by batch:status. Blocks.
---@param id string
---@return tcb.Row[]? rows as of batch:poll, unmatched
---@return tcb.Error? err
function V1:batch_status(id)
  options.argument("client.v1:batch_status", "the id", id, "string", 2)
  notice("v1_status", "batch_status")
  return batch.new(self._caller, "v1_status", id):poll()
end

--- The first web address in an answer, wherever it stands.
local function find_url(value)
  if type(value) == "string" then return value:match "^https?://%S+$" end
  if type(value) ~= "table" then return nil end
  for _, name in ipairs{ "url", "download_url", "link", "data" } do
    local url = find_url(value[name])
    if url then return url end
  end
  local names = {}
  for name in pairs(value) do names[#names + 1] = name end
  table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
  for _, name in ipairs(names) do
    local url = find_url(value[name])
    if url then return url end
  end
end

--- Fetches what the service's answer points to: https, or http to loopback; never with the token, no redirect followed. `file` is
-- written only when all of it has come.
local function download(self, call, url, file)
  local host, err = core.base_url(url:match "^(https?://[^/?#]*)" or "")
  if not host then
    return errors.fail("proto", "the answer points to an address that is not https: not downloaded", { call = call, status = 200 })
  end
  local conf = self._conf
  local res
  res, err = require("tcb.runtime").current().send{
    method = "GET", url = url, headers = { "User-Agent: tcb/" .. core.version, "Accept: */*" }, repeatable = true, file = file,
    connect_timeout_s = conf.connect_timeout_s, timeout_s = conf.timeout_s, ca = conf.ca, proxy = conf.proxy,
  }
  if not res then
    err.call = call
    return nil, err
  end
  local fault = core.digest("other", res.status, res.body)
  if fault then
    fault.call, fault.message = call, "the log could not be downloaded: " .. fault.message
    return nil, errors.new(fault)
  end
  return file or res.body
end

local function ask(self, call, request)
  local res, err = self._caller:request(call, request)
  if not res then return nil, err end
  local value
  value, err = json.decode(res.body)
  if value == nil then
    err.call = call
    return nil, err
  end
  return value
end

local function nothing_there(call, value)
  local message = type(value) == "table" and value.message
  if type(message) ~= "string" then message = "the answer holds neither a log nor an address" end
  return errors.fail("not_found", core.log.redact(message), { call = call, status = 200,
    remedy = "the service may have switched this call off; use " .. core.endpoints[call].replaced_by })
end

--- User feedback log: downloads the log of one survey. `GET .../openapi/feedback_stack/{survey}/export_report?from_date=`, which
-- the service documents as not working. Replaced by the user_feedback webhook. Blocks.
---@param opts { survey: string, from_date: integer, file: string } from_date: epoch ms (sent as seconds); file: where the log goes
---@return string? path
---@return tcb.Error? err kind not_found when there is no log
function V1:feedback_log(opts)
  opts = options.check("client.v1:feedback_log", opts, { survey = "string", from_date = "instant", file = "string" }, 2)
  for _, name in ipairs{ "survey", "from_date", "file" } do
    if opts[name] == nil then error(("client.v1:feedback_log: option '%s' is required"):format(name), 2) end
  end
  notice("feedback_log", "feedback_log")
  local value, err = ask(self, "feedback_log", { survey = opts.survey, query = { from_date = math.floor(opts.from_date / 1000) } })
  if value == nil then return nil, err end
  local url = find_url(value)
  if not url then return nothing_there("feedback_log", value) end
  return download(self, "feedback_log", url, opts.file)
end

--- Call-me-back log. `GET .../openapi/callback-logs/summary?from=&to=`, which the service documents as not working. Replaced by
-- the cmb webhook. The answer may hold the rows or the address of a file with them. Blocks.
---@param opts { from: integer, to: integer } epoch ms
---@return table[]? rows as the service has them, instants of `_at` fields as epoch ms
---@return tcb.Error? err kind not_found when there are none
function V1:call_me_back_log(opts)
  opts = options.check("client.v1:call_me_back_log", opts, { from = "instant", to = "instant" }, 2)
  if not (opts.from and opts.to) then error("client.v1:call_me_back_log: options 'from' and 'to' are required", 2) end
  notice("cmb_log", "call_me_back_log")
  local value, err = ask(self, "cmb_log", { query = { from = opts.from, to = opts.to } })
  if value == nil then return nil, err end
  local url = type(value) ~= "table" and find_url(value) or type(value) == "table" and not value[1] and find_url(value)
  if url then
    local text
    text, err = download(self, "cmb_log", url)
    if not text then return nil, err end
    value, err = json.decode(text)
    if value == nil then return nil, err end
  end
  if type(value) == "table" and not value[1] and next(value) ~= nil then
    value = value.data or value.logs or value.callback_logs or value.rows or value
  end
  if type(value) ~= "table" or (not value[1] and next(value) ~= nil) then return nothing_there("cmb_log", value) end
  for _, row in ipairs(value) do
    if type(row) == "table" then require("tcb.objects").instants(row) end
  end
  return value
end

function V1:__tostring()
  return "tcb.client.v1 (deprecated calls)"
end

return M
