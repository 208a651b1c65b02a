--- What is left of an account's budget: its tokens, what each has used, the mints of the last half hour.
-- @module tcb.host.quota
local core = require "tcb.core"
local table_of = require "tcb.host.table"
local M = {}

--- The account's governor as tcb.governor's status tells it, with the limits | nil, err. Blocks for a look into the store.
---@return table? status
---@return tcb.Error? err
function M.status(client)
  local caller, err = require "tcb.call".new { config = client._conf }
  if not caller then return nil, err end
  local status
  status, err = caller.governor:status()
  if not status then return nil, err end
  status.limits = client._conf.limits
  return status
end

local function of(used, limit)
  return limit and ("%d of %d"):format(used, limit.count) or ("%d, no limit"):format(used)
end

local function wait_text(at)
  local s = math.max(0, (at - core.clock.now()) / 1000)
  return s >= 90 and ("%d min"):format(math.ceil(s / 60)) or ("%d s"):format(math.ceil(s))
end

--- The same as text for people. Raises the error object.
function M.text(client, columns)
  local status, err = M.status(client)
  if not status then error(err, 0) end
  local mint = status.limits.mint
  local lines = { ("%d tokens; %s"):format(#status.tokens, mint
    and ("%d of %d mints left%s"):format(status.mints_left, mint.count,
      status.next_mint_at and status.mints_left == 0 and (", the next in %s"):format(wait_text(status.next_mint_at)) or "")
    or "no limit on mints") }
  if status.paused_at then lines[#lines + 1] = "paused by `tcb pause` since " .. core.instant.format(status.paused_at) end
  if status.paused_until then lines[#lines + 1] = "the service refuses requests; waiting " .. wait_text(status.paused_until) end
  local rows = {}
  for i, token in ipairs(status.tokens) do
    rows[i] = { token = token.id, left = token.usable and wait_text(token.ends_at) or "not usable", push = of(token.push_used, status.limits.push),
      personalise = of(token.personalise_used, status.limits.personalise) }
  end
  local text = table.concat(lines, "\n") .. "\n"
  if #rows > 0 then
    text = text .. table_of.render({ { name = "token" }, { name = "left", title = "GOOD FOR" }, { name = "push", title = "BATCHES" },
      { name = "personalise", title = "REAL-TIME" } }, rows, columns or 80)
  end
  return text
end

return M
