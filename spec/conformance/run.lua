--- Runs the cases against a sandbox in another process. Used by conformance_spec.lua (lua5.4, LuaJIT), by the stock lua5.3, and from
-- handlers inside nginx and HAProxy.
-- @module conformance.run
local cases = require "conformance.cases"
local M = { cases = cases }

local function clone(t)
  local c = {}
  for k, v in pairs(t) do c[k] = v end
  return c
end

--- What a case is given: account number `n` of the sandbox described by `service` (the object that `tcb sandbox --json` prints).
function M.context(service, n)
  local tcb, json = require "tcb", require "tcb.json"
  local runtime = require("tcb.runtime").current()
  local suffix = n == 1 and "" or "_" .. n
  local options = { base_url = service.TCB_BASE_URL, account = service["TCB_ACCOUNT" .. suffix], key_id = service["TCB_KEY_ID" .. suffix],
    api_key = service["TCB_API_KEY" .. suffix], deadline_s = 20 }
  local label
  local t = { tcb = tcb, base_url = options.base_url, account = options.account, client = assert(tcb.client(clone(options))) }
  function t.another_client(more)
    local other = clone(options)
    for name, value in pairs(more or {}) do other[name] = value end
    return assert(tcb.client(other))
  end

  --- A control endpoint of the sandbox; its answer as text.
  function t.control(path, body)
    local res = assert(runtime.send{ method = body and "POST" or "GET", url = t.base_url .. "/_sandbox/" .. path, body = body, timeout_s = 10 })
    assert(res.status == 200, res.body)
    return res.body
  end
  --- Sets one fault; without a spec: clears all.
  function t.fault(spec) t.control("fault", spec and ('{"spec": "%s"}'):format(spec) or '{"clear": true}') end

  --- The ledger's requests of this account, of one call when given.
  function t.requests(call)
    local list = {}
    for line in t.control("ledger?since=0"):gmatch "[^\n]+" do
      local event = assert(json.decode(line))
      if event.event == "request" and event.account == t.account and (not call or event.call == call) then list[#list + 1] = event end
    end
    return list
  end
  --- The id of a dynamic label.
  function t.label()
    label = label or assert(t.client:labels():find(function(l) return l.label_type == "dynamic" end)).id
    return label
  end
  return t
end

--- Runs case `n`: nil, or what went wrong.
function M.one(service, n)
  local log = require "tcb.core".log
  log.level "error"                                        -- warnings of outages and deprecated calls are as they should be
  local ok, err = pcall(function()
    local t = M.context(service, n)
    local good, why = pcall(cases[n].fn, t)
    t.fault()
    if not good then error(why, 0) end
  end)
  log.level "warn"
  return not ok and tostring(err) or nil
end

--- Runs all: one line each, "ok NAME" or "not ok NAME: why".
function M.all(service)
  local lines = {}
  for n, case in ipairs(cases) do
    local wrong = M.one(service, n)
    lines[#lines + 1] = wrong and ("not ok %s: %s"):format(case.name, (wrong:gsub("%s+", " "))) or "ok " .. case.name
  end
  return table.concat(lines, "\n") .. "\n"
end

return M
