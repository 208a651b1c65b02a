--- Starts spec/support/second_server.py beside a spec and talks to its control paths.
local luas = require "support.luas"
local json = require "tcb.json"
local M = {}

local Second = {}
Second.__index = Second

--- A running server: { base_url, account, key_id, api_key }. Close it in after_each.
---@param args? string command-line arguments
function M.start(args)
  local pipe = assert(io.popen(("exec python3 %s/spec/support/second_server.py %s"):format(luas.root, args or ""), "r"))
  local self = { pipe = pipe }
  for _ = 1, 5 do
    local name, value = (pipe:read "*l" or ""):match "^([%u_]+)=(.*)$"
    self[(assert(name, "the second server did not start"):gsub("^TCB_", ""):lower())] = value
  end
  return setmetatable(self, Second)
end

--- Options of tcb.client for this server; `more` are added.
function Second:options(more)
  local options = { base_url = self.base_url, account = self.account, key_id = self.key_id, api_key = self.api_key,
    store = "memory" }
  for name, value in pairs(more or {}) do options[name] = value end
  return options
end

--- A control request; returns the decoded answer.
function Second:control(path, body)
  local res = assert(require("tcb.runtime").current().send{ method = body and "POST" or "GET",
    url = self.base_url:match "^http://[^/]+" .. path,
    headers = { "Content-Type: application/json" }, body = body and json.encode(body), timeout_s = 10 })
  return assert(json.decode(res.body))
end

--- Requests of one call since the start: those whose path ends so.
function Second:seen(ending)
  local found = {}
  for _, request in ipairs(self:control "/_seen") do
    local path = request.target:match "^[^?]*"
    if not ending or path:sub(-#ending) == ending then
      request.path, request.query = path, request.target:match "%?(.*)$"
      request.header = {}
      for _, pair in ipairs(request.headers) do request.header[pair[1]:lower()] = pair[2] end
      found[#found + 1] = request
    end
  end
  return found
end

function Second:commits()
  return self:control "/_commits"
end

function Second:fault(spec)
  self:control("/_fault", spec)
end

function Second:close()
  if not self.pid then return end
  os.execute("kill " .. self.pid)
  self.pipe:close()
  self.pid = nil
end

return M
