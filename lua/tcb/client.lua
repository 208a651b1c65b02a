--- The client: everything the service offers to one account, as methods.
-- What the network, the service or a file causes comes back as `nil, err`; mistakes in the program raise. Nothing is sent, and no
-- token is made, before the first call. All methods that send block their task only (see tcb.run).
-- @module tcb.client
local core = require "tcb.core"
local config = require "tcb.config"
local hosts = require "tcb.hosts"
local json = require "tcb.json"
local options = require "tcb.options"
local pages = require "tcb.pages"
local M = {}

---@class tcb.Client
---@field account string
---@field base_url string without trailing slash
---@field profile string? the profile it was made from
---@field v1 tcb.ClientV1 the deprecated calls
local Client = {}
Client.__name = "tcb.client"

function Client.__index(self, name)
  if name == "v1" then
    local v1 = require("tcb.v1").new(self._wire, self._conf)
    rawset(self, "v1", v1)
    return v1
  end
  return Client[name]
end

--- Makes the caller (token, pace, repeats) when the first request needs it. `caller()` gives it | nil, err.
local function wire(conf)
  local caller
  local function need()
    local err
    if not caller then caller, err = require("tcb.call").new{ config = conf } end
    return caller, err
  end
  return { caller = need, request = function(_, call, request)
    local made, err = need()
    if not made then return nil, err end
    return made:request(call, request)
  end }
end

---@class tcb.ClientOptions
---@field profile string? a profile of `$XDG_CONFIG_HOME/tcb/config.lua`
---@field base_url string? the service, https:// (http:// to loopback only)
---@field account string? client account id
---@field key_id string?
---@field api_key string?
---@field api_key_command string? prints the key; run by the shell
---@field ca string? file of trusted certificates, instead of the system's
---@field proxy string? URL of an HTTP proxy
---@field connect_timeout_s number? default 10
---@field timeout_s number? one attempt; default 30
---@field deadline_s number? one call, its repeats and waits included; default 120
---@field wait boolean? wait for the next possible token instead of an error of kind rate; default false
---@field limits string|table? requests per window, 0 = none; default "mint=10/1800 push=60/60 personalise=100/1", as documented
---@field tokens integer? size of the token pool, 1..20; default 10
---@field store "file"|"memory"|nil where tokens and pace are kept; default file: shared by all processes of the account
---@field country string? country code that completes national numbers, such as "91"
---@field plus boolean? batches carry numbers with a leading + (real-time and v1 calls never: the API takes digits there); default false
---@field dialect "v2"|"v1"|nil which edition of the personalisation calls; default v2

--- Makes a client out of options, the environment and profiles, in that order. Sends nothing.
---@param opts? tcb.ClientOptions
---@return tcb.Client? client
---@return tcb.Error? err kind config: what is missing or wrong, and the remedy
function M.new(opts)
  local conf, err = config.resolve(opts, 2)
  if not conf then return nil, err end
  if hosts.name() == "haproxy" then require("tcb.runtime").current() end       -- loads what it needs: a chroot may follow
  local client = { account = conf.account, base_url = conf.base_url, profile = conf.profile, _conf = conf, _wire = wire(conf),
    _rules = conf.country and { country = conf.country } or nil }
  return setmetatable(client, Client)
end

-- Methods that hand their work on return in a line of its own: a tail call would hide the user's line from errors about types.

local ID = "string"

--- The account's labels. Only those with `label_type` "dynamic" can be used for personalisation.
-- `GET /clients/{client}/labels`; fields as in the API reference: id, name, logo_url, category, sub_category, created_by_email,
-- created_at (epoch ms), label_type.
---@param opts? { page: integer?, limit: integer? } page: where to begin, default 1; limit: labels a request, default 1000
---@return tcb.Pages labels callable in `for`; :all() :first() :find(fn) :page(n)
function Client:labels(opts)
  return pages.new(self._wire, "labels", options.check("client:labels", opts, { page = "integer", limit = "integer" }, 2))
end

--- The account's feature sets. `GET .../number_management/feature_sets`; fields as in the API reference, instants as epoch ms.
---@param opts? { department_id: string?, operation_id: string?, process_id: string?, limit: integer?, page: integer? }
---@return tcb.Pages feature_sets callable in `for`; :all() :first() :find(fn) :page(n)
function Client:feature_sets(opts)
  return pages.new(self._wire, "feature_sets", options.check("client:feature_sets", opts,
    { department_id = ID, operation_id = ID, process_id = ID, limit = "integer", page = "integer" }, 2))
end

--- The account's numbers and their states: `status` is listed, pending (being listed) or delisting; a delisted number is absent.
-- `GET .../number_management/numbers`; fields as in the API reference, instants as epoch ms.
---@param opts? { department_id: string?, operation_id: string?, process_id: string?, feature_set_id: string?, limit: integer?, page: integer? }
---@return tcb.Pages numbers callable in `for`; :all() :first() :find(fn) :page(n)
function Client:numbers(opts)
  return pages.new(self._wire, "numbers", options.check("client:numbers", opts,
    { department_id = ID, operation_id = ID, process_id = ID, feature_set_id = ID, limit = "integer", page = "integer" }, 2))
end

--- Lists (publishes) numbers with a feature set; any count, sent 10,000 at a time. Numbers whose delisting is under way are waited
-- for up to deadline_s, then left to job:wait. `POST .../feature_sets/{feature_set}/numbers/publish`.
---@param feature_set_id string
---@param numbers string[]
---@return tcb.Job? job
---@return tcb.Error? err kind input with `index` for a number that is none
function Client:publish(feature_set_id, numbers)
  local job, err = require("tcb.job").start(self._wire, self._conf, "publish", feature_set_id, numbers, 2)
  return job, err
end

--- Delists numbers of a feature set; any count, sent 10,000 at a time. `POST .../feature_sets/{feature_set}/numbers/delist`.
---@param feature_set_id string
---@param numbers string[]
---@return tcb.Job? job
---@return tcb.Error? err
function Client:delist(feature_set_id, numbers)
  local job, err = require("tcb.job").start(self._wire, self._conf, "delist", feature_set_id, numbers, 2)
  return job, err
end

---@class tcb.Record
---@field caller_number string 8 to 15 digits with the country code; one that calls for the label
---@field receiver_number string 8 to 15 digits with the country code
---@field label_id string a dynamic label of the account
---@field dynamic_label_name string? 3..40 characters; default the label's own name
---@field dynamic_call_reason string? 10..100 characters, none of ! @ # $ % ^ & * ( ) _ + /
---@field starts_at integer epoch ms
---@field ends_at integer epoch ms, at most 24 h later

--- How the records of a batch are checked and written.
local function rules(conf)
  return { country = conf.country, plus = conf.plus or nil }
end

--- Sets what one receiver sees during one window, at once. `POST /v2/clients/{client}/dynamic_call_record`, up to 100 a second
-- a token. Never repeated once it may have been processed: then the error is of kind in_doubt.
---@param record tcb.Record
---@return boolean? ok true
---@return tcb.Error? err kind input with `field` when a rule is broken, here or by the service
function Client:personalise(record)
  options.argument("client:personalise", "the record", record, "table", 2)
  if self._conf.dialect == "v1" then return self.v1:personalise(record) end
  local body, err = require("tcb.batch").checked("client:personalise", 2, core.record.encode_one, record, self._rules)
  if not body then return nil, err end
  local res
  res, err = self._wire:request("personalise", { body = body, count = 1 })
  if not res then return nil, err end
  return true
end

--- Pushes 1..500 records as one batch. `POST /v2/clients/{client}/dynamic_call_records`, up to 60 a minute a token.
-- Never repeated once it may have been processed: then the error is of kind in_doubt. For more records, or to survive a crash, use
-- tcb.campaign.
---@param records tcb.Record[] no two with the same numbers, window and label
---@return tcb.Batch? batch
---@return tcb.Error? err kind input with `index` and `field` when a record breaks a rule; nothing was sent then
function Client:push(records)
  options.argument("client:push", "the list of records", records, "table", 2)
  if self._conf.dialect == "v1" then return self.v1:push(records) end
  local batch, err = require("tcb.batch").push(self._wire, records, rules(self._conf), 2)
  return batch, err
end

--- A batch that was pushed before, by its id. Sends nothing.
---@param id string
---@return tcb.Batch
function Client:batch(id)
  options.argument("client:batch", "the id", id, "string", 2)
  return require("tcb.batch").new(self._wire, self._conf.dialect == "v1" and "v1_status" or "status", id)
end

--- The account's budget as this machine knows it: asks nobody outside, and may block for microseconds on the state file.
---@return { tokens: table[], mints_left: integer?, next_mint_at: integer?, paused_until: integer? }? limits tokens: { id, minted_at,
--- ends_at, usable, push_used, personalise_used }; instants in ms
---@return tcb.Error? err
function Client:limits()
  local caller, err = self._wire.caller()
  if not caller then return nil, err end
  return caller.governor:status()
end

--- Any other call of the service, with the account's token, pace and error handling. Only GET and HEAD are repeated after a failure
-- that may have reached the service.
---@param request { method: string, path: string, query: table?, body: table|string|nil } path below the base URL; `{client}` in it
-- stands for the account; query: name -> value; body: a table is written as JSON, a string is sent as it is
---@return { status: integer, headers: table, body: any }? answer body decoded when it is JSON, else a string
---@return tcb.Error? err
function Client:request(request)
  options.argument("client:request", "the request", request, "table", 2)
  local body, query = request.body, {}
  options.check("client:request", request, { method = "string", path = "string", query = "table", body = type(body) }, 2)
  if body ~= nil and type(body) ~= "table" then options.argument("client:request", "body", body, "string", 2) end
  if not (request.method and request.path) then error("client:request: method and path are required", 2) end
  if not request.method:find "^%a+$" then error("client:request: method must be a word such as GET", 2) end
  if request.path:find("?", 1, true) then error("client:request: parameters go into query, not into path", 2) end
  for name, value in pairs(request.query or {}) do
    local kind = type(value)
    if type(name) ~= "string" or kind ~= "string" and kind ~= "number" and kind ~= "boolean" then
      error(("client:request: query '%s' must be a text, a number or a boolean by its name"):format(tostring(name)), 2)
    end
    query[#query + 1] = { name, value }
  end
  table.sort(query, function(a, b) return a[1] < b[1] end)
  if type(body) == "table" then
    local good, text = pcall(json.encode, body)
    if not good then error("client:request: body: " .. tostring(text), 2) end
    body = text
  end
  local res, err = self._wire:request("other", { method = request.method:upper(), path = request.path, query = query, body = body })
  if not res then return nil, err end
  local text = type(res.body) == "userdata" and res.body:string() or res.body or ""
  local value = json.decode(text)
  if value == nil then value = text end
  return { status = res.status, headers = res.headers, body = value }
end

function Client:__tostring()
  return ("tcb.client of account %s at %s"):format(self.account, self.base_url)
end

return M
