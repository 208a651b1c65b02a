--- tcb: Truecaller for Business' Verified Business Caller ID API as Lua objects.
-- Submodules load when first used, so that `require "tcb"` costs nothing.
-- @module tcb
local core = require "tcb.core"

---@class tcb
---@field version string
---@field now fun(): integer epoch ms, of the one clock: real, shifted or virtual
---@field client fun(opts?: tcb.ClientOptions): tcb.Client?, tcb.Error?
---@field campaign fun(opts: tcb.CampaignOptions): tcb.Campaign?, tcb.Error?
---@field csv fun(path: string, opts?: tcb.FileOptions): tcb.Source
---@field ndjson fun(path: string, opts?: tcb.FileOptions): tcb.Source
---@field records fun(from: table[]|(fun(): table?)): tcb.Source
---@field sandbox fun(given?: tcb.SandboxOptions): tcb.Sandbox?, tcb.Error?
---@field schedule fun(options: tcb.ScheduleOptions): tcb.Schedule?, tcb.Error?
---@field listen fun(options: tcb.ListenOptions): tcb.Listener?, tcb.Error?
---@field inbox fun(path?: string, options?: tcb.InboxOptions): tcb.Inbox?, tcb.Error?
---@field run fun(fn: function, ...): ...
---@field spawn fun(fn: function, ...): tcb.Task
---@field all fun(list: (fun(): any)[]): table?, any
---@field sleep fun(seconds: number)
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
