--- tcb: Truecaller for Business' Verified Business Caller ID API as Lua objects.
-- Submodules load when first used, so that `require "tcb"` costs nothing.
-- @module tcb
local core = require "tcb.core"

local M = { version = core.version, now = core.clock.now }

--- Where each public name lives: name = { module, field }.
local LAZY = {
  client = { "tcb.client", "new" },
  campaign = { "tcb.campaign", "new" },
  csv = { "tcb.source.csv", "new" },
  ndjson = { "tcb.source.ndjson", "new" },
  records = { "tcb.source.records", "new" },
  sandbox = { "tcb.sandbox", "new" },
  schedule = { "tcb.schedule", "new" },
  listen = { "tcb.listen", "new" },
  inbox = { "tcb.inbox", "open" },
  run = { "tcb.task", "run" },
  spawn = { "tcb.task", "spawn" },
  all = { "tcb.task", "all" },
  sleep = { "tcb.task", "sleep" },
}

return setmetatable(M, {
  __index = function(t, name)
    local lazy = LAZY[name]
    if not lazy then return nil end
    local value = require(lazy[1])[lazy[2]]
    rawset(t, name, value)
    return value
  end,
})
