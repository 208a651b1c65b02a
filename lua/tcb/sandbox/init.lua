--- The API in this process: a real HTTP server on loopback, strict and stateful, for tests, examples and first steps.
--
--     local sandbox = tcb.sandbox{ seed = 7, limits = { push = "60/60" }, faults = { "push:3:reset-after-commit" } }
--     local client = tcb.client{ base_url = sandbox.base_url, account = sandbox.account, key_id = sandbox.key_id,
--                                api_key = sandbox.api_key }
--     ...
--     for _, event in ipairs(sandbox:ledger()) do print(event.n, event.event, event.call, event.status) end
--     sandbox:close()
--
-- It runs in a thread of its own: a program that blocks does not stop it. What it models and what not: docs/sandbox.md.
-- @module tcb.sandbox
local errors = require "tcb.errors"
local hosts = require "tcb.hosts"
local json = require "tcb.json"
local options = require "tcb.sandbox.options"
local timeshift = require "tcb.timeshift"
local M = {}

---@class tcb.Sandbox
---@field base_url string
---@field account string the first account, with `key_id` and `api_key`
---@field key_id string
---@field api_key string
---@field accounts table[] every account: { account, key_id, api_key }
---@field port integer
---@field seed string
local Sandbox = {}
Sandbox.__index = Sandbox
Sandbox.__name = "tcb.sandbox"

local function need_httpd()
  local ok, why = pcall(require, "tcb.httpd")
  if ok then return end
  local text = tostring(why):gsub("%s+", " "):sub(1, 300)
  return errors.new{ kind = "config", message = "the sandbox cannot load tcb.httpd: " .. text,
    remedy = "install libmicrohttpd (package libmicrohttpd12) and tcb's module httpd.so" }
end

---@class tcb.SandboxOptions
---@field port integer? default 0: any free one
---@field seed integer|string|nil what ids and credentials are made of; default: another at each start
---@field ledger string? a file for the ledger's lines
---@field limits string|table|nil requests per window, 0 = none; default "mint=10/1800 push=60/60 personalise=100/1"
---@field latency string|number|table|nil ms before an answer: 300, "300-1000" or { 300, 1000 }; default 0
---@field count_jitter string|number|table|nil ms before a request is counted; default 0
---@field settle number? seconds until a batch is settled; default 2
---@field number_settle number? seconds until a number is listed or delisted; default 5
---@field token_life number? seconds; default 3600
---@field faults string|string[]|nil each `CALL:WHICH:WHAT`, such as "push:3:reset-after-commit"
---@field accounts integer? 1..64; default 1
---@field forget boolean? keep no batch: their status is 404
---@field webhook string? where webhook events are delivered to, with the key in its query

--- Starts a sandbox and waits until it accepts connections. Blocks meanwhile. Unknown options raise.
---@param given? tcb.SandboxOptions
---@return tcb.Sandbox? sandbox
---@return tcb.Error? err
function M.new(given)
  local read, why = options.read(given)
  if not read then error("tcb.sandbox: " .. why, 2) end
  local err = hosts.refuse("a sandbox", "start `tcb sandbox` beside it and set TCB_BASE_URL and the other variables that it prints") or need_httpd()
  if err then return nil, err end
  local shift = os.getenv "TCB_CLOCK"
  if shift and shift ~= "" then
    local ok
    ok, err = timeshift.apply(shift)
    if not ok then return nil, err end
  end
  local thread
  thread, err = require("tcb.httpd").thread("tcb.sandbox.front", "main", { options = json.encode(read) })
  if not thread then return nil, err end
  local text = thread:receive(-1)
  local start = json.decode(text or "")
  if type(start) ~= "table" or start.error then
    thread:close()
    local told = type(start) == "table" and start.error
    return nil, errors.new(told or { kind = "config", message = "the sandbox does not start: " .. tostring(text) })
  end
  local first = start.accounts[1]
  return setmetatable({ thread = thread, port = start.port, seed = start.seed, accounts = start.accounts,
    base_url = "http://127.0.0.1:" .. start.port, account = first.account, key_id = first.key_id,
    api_key = first.api_key }, Sandbox)
end

--- Asks a control endpoint, through memory: status, body. Blocks for as long as the sandbox takes, which is little.
local function ask(self, method, path, body)
  local thread = self.thread
  if not thread then error("tcb.sandbox: the sandbox is closed", 3) end
  thread:send(("%s /_sandbox/%s %s"):format(method, path, body or ""))
  local answer = thread:receive(-1)
  local status, text = (answer or ""):match("^(%d+) (.*)$")
  if not status then return errors.fail("store", "the sandbox has ended: " .. tostring(answer)) end
  if status ~= "200" then
    local told = json.decode(text)
    local message = type(told) == "table" and told.message or text
    if status == "400" then error("tcb.sandbox: " .. message, 3) end
    return errors.fail("store", "the sandbox failed: " .. message)
  end
  return text
end

--- The events of the ledger, decoded, in order; those after number `since` when given.
---@param since? integer
---@return table[]? events
---@return tcb.Error? err
function Sandbox:ledger(since)
  local text, err = ask(self, "GET", ("ledger?since=%d"):format(since or 0))
  if not text then return nil, err end
  local list = {}
  for line in text:gmatch("[^\n]+") do
    local event, wrong = json.decode(line)
    if not event then return nil, wrong end
    list[#list + 1] = event
  end
  return list
end

--- Moves the sandbox's clock forward; what comes due by it happens before this returns.
---@param seconds number
---@return true? ok
---@return tcb.Error? err
function Sandbox:advance(seconds)
  if type(seconds) ~= "number" then error("tcb.sandbox: advance: seconds are expected", 2) end
  local text, err = ask(self, "POST", "advance", json.encode(seconds))
  if not text then return nil, err end
  return true
end

--- Adds a fault, `CALL:WHICH:WHAT`; it counts requests from now on.
---@param spec string
---@return true? ok
---@return tcb.Error? err
function Sandbox:fault(spec)
  local text, err = ask(self, "POST", "fault", json.encode{ spec = spec })
  if not text then return nil, err end
  return true
end

--- Revokes all live tokens, or one.
---@param token? string whole, or the first 8 hex digits of its SHA-256
---@return integer? count how many
---@return tcb.Error? err
function Sandbox:revoke(token)
  local text, err = ask(self, "POST", "revoke", token and json.encode{ token = token })
  if not text then return nil, err end
  return json.decode(text).revoked
end

--- Makes webhook events: { event_type = "cmb"|"user_feedback", scenario, count, duplicates, shuffle, ... }.
---@param event table
---@return string[]? ids
---@return tcb.Error? err
function Sandbox:trigger(event)
  local text, err = ask(self, "POST", "trigger", json.encode(event))
  if not text then return nil, err end
  return json.decode(text).event_ids
end

--- What stands in the sandbox now.
---@return table? state
---@return tcb.Error? err
function Sandbox:state()
  local text, err = ask(self, "GET", "state")
  if not text then return nil, err end
  return json.decode(text)
end

--- Ends the thread and closes the port. Harmless when repeated; a sandbox that is collected is closed too.
function Sandbox:close()
  local thread = self.thread
  self.thread = nil
  if thread then thread:close() end
end

function Sandbox:__tostring()
  return ("tcb.sandbox (%s)"):format(self.thread and self.base_url or "closed")
end

return M
