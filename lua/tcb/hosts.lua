--- Which program this Lua state lives in.
-- @module tcb.hosts
local errors = require "tcb.errors"
local M = {}

local TITLES = { nginx = "nginx", haproxy = "HAProxy" }

--- "nginx", "haproxy", or "lua" for every program without an event loop of its own that Lua must not block.
function M.name()
  local ngx, core = rawget(_G, "ngx"), rawget(_G, "core")
  if type(ngx) == "table" and ngx.get_phase then return "nginx" end
  if type(core) == "table" and core.msleep and core.register_service then return "haproxy" end
  return "lua"
end

--- nil where `what` may run; in an event loop that it would block: an error object that says so, with the remedy.
---@param what string "a campaign"
---@param remedy string|table<string, string> of a table: the host's own
---@return tcb.Error?
function M.refuse(what, remedy)
  local title = TITLES[M.name()]
  if not title then return nil end
  if type(remedy) == "table" then remedy = remedy[M.name()] end
  return errors.new{ kind = "config", message = ("%s does not run inside %s"):format(what, title), remedy = remedy }
end

return M
