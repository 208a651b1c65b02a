--- An account without a socket: a caller on the sandbox's rules, on the virtual clock. Specs judge by the ledger.
local call = require "tcb.call"
local config = require "tcb.config"
local core = require "tcb.core"
local json = require "tcb.json"
local memory = require "tcb.store.memory"
local rehearsal = require "tcb.runtime.rehearsal"
local rules = require "tcb.sandbox.rules"
local task = require "tcb.task"
local M = { T0 = 1893456000000 }

local Account = {}
Account.__index = Account

--- `sandbox`: options of the rules; `options`: settings of the configuration (tokens, wait, limits as text, deadline_s, ...).
function M.start(sandbox, options)
  core.clock.virtual(M.T0)
  core.random(7)
  local o = { seed = 7 }
  for k, v in pairs(sandbox or {}) do o[k] = v end
  local r = assert(rules.new(o))
  local account = r.accounts[1]
  local conf = { base_url = "http://127.0.0.1:1", account = account.id, key_id = account.key_id, api_key = account.api_key,
    store = memory.new(), connect_timeout_s = 10, timeout_s = 30, deadline_s = 120, wait = false, from = {}, tokens = 10 }
  for k, v in pairs(options or {}) do
    conf[k], conf.from[k] = v, "options"
  end
  conf.limits = assert(config.limits(conf.limits))
  local self = setmetatable({ rules = r, account = account, conf = conf, runtime = rehearsal.new(r) }, Account)
  self.caller = self:another()
  return self
end

--- Another caller of the same account and store.
function Account:another(more)
  local o = { config = self.conf, runtime = self.runtime }
  for k, v in pairs(more or {}) do o[k] = v end
  return assert(call.new(o))
end

function Account:close()
  self.rules:close()
  core.clock.virtual(false)
end

--- A body of one good record.
function Account:record(n)
  local now = core.clock.now()
  return { caller_number = "911234567890", receiver_number = ("9198%08d"):format(n or 1), label_id = self.account.labels[1].id,
    starts_at = now + 3600000, ends_at = now + 7200000 }
end

function Account:push_body(n) return json.encode{ call_records = { self:record(n) } } end

--- Calls `count` times at once; lists of answers and errors.
function Account:at_once(count, name, o)
  local good, bad = {}, {}
  task.run(function()
    for i = 1, count do
      task.spawn(function()
        local res, err = self.caller:request(name, type(o) == "function" and o(i) or o)
        if res then good[#good + 1] = res else bad[#bad + 1] = err end
      end)
    end
  end)
  return good, bad
end

--- The ledger's events of kind `request`, of one call when given.
function Account:requests(name)
  local list = {}
  for line in assert(self.rules.ledger:lines(0)):string():gmatch "[^\n]+" do
    local event = assert(json.decode(line))
    if event.event == "request" and (not name or event.call == name) then list[#list + 1] = event end
  end
  return list
end

--- How many of them had this status.
function Account:count(name, status)
  local n = 0
  for _, event in ipairs(self:requests(name)) do
    if status == nil or event.status == status then n = n + 1 end
  end
  return n
end

return M
