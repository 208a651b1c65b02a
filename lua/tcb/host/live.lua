--- What stands between a command and an account that is real: a line that says whose it is, and a question before a large push.
-- @module tcb.host.live
local native = require "tcb.host.native"
local table_of = require "tcb.host.table"
local M = {}

local LARGE = 1000                                       -- records; a batch or two may go without a question
local SAMPLE_BYTES = 65536

--- Is this the real service, or whatever else is not on this machine?
function M.is_live(client)
  return not client._conf.is_loopback
end

--- Says whose account is about to be changed; nothing for a sandbox.
function M.banner(client, env)
  if not M.is_live(client) then return end
  env.note(("account %s at %s%s\n"):format(client.account, client.base_url, client.profile and " (profile " .. client.profile .. ")" or ""))
end

--- About how many rows a file has, by its size and the length of its first lines; nil when it cannot be told.
local function about_rows(path)
  local file = path ~= "-" and io.open(path, "rb")
  if not file then return nil end
  local head = file:read(SAMPLE_BYTES) or ""
  local bytes = file:seek "end"
  file:close()
  local _, lines = head:gsub("\n", "")
  if lines == 0 or not bytes then return nil end
  return math.max(0, math.floor(bytes * lines / #head) - 1)
end

--- Asks on a terminal before a large push to a live account begins; a push that goes on was asked for already. Blocks for the answer.
---@return boolean go
function M.confirm_push(client, env, path, journal, is_sure)
  M.banner(client, env)
  if is_sure or not M.is_live(client) or not native.isatty(0) or not native.isatty(2) then return true end
  local begun = io.open(journal, "rb")
  if begun then
    begun:close()
    return true
  end
  local rows = about_rows(path)
  if not rows or rows <= LARGE then return true end
  io.stderr:write(("about %s rows are to be sent; what was sent cannot be recalled, its window ends it. Go on? [y/N] ")
    :format(table_of.number(rows)))
  local answer = io.read() or ""
  if answer:match "^%s*[yY]" then return true end
  io.stderr:write "nothing was sent; --yes goes on without asking, --canary N tries some first\n"
  return false
end

return M
