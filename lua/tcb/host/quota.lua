--- What is left of an account's budget: its tokens, what each has used, the mints of the last half hour.
-- @module tcb.host.quota
local core = require "tcb.core"
local table_of = require "tcb.host.table"
local M = {}

local COLUMNS = {
  { name = "id", title = "TOKEN", min = 8 }, { name = "state" }, { name = "age", right = true }, { name = "ends", title = "ENDS IN", right = true },
  { name = "push", title = "PUSHES", right = true }, { name = "personalise", title = "REAL-TIME", right = true },
}

--- The account's governor as tcb.governor's status tells it | nil, err. Blocks for a look into the store.
---@return table? status
---@return tcb.Error? err
function M.status(client)
  local caller, err = client._wire.caller()
  if not caller then return nil, err end
  return caller.governor:status()
end

local function minutes(ms)
  local s = math.max(0, math.floor(ms / 1000))
  return ("%d:%02d"):format(math.floor(s / 60), s % 60)
end

local function second(ms)
  return core.instant.format(ms - ms % 1000)
end

local function shown(t, now)
  local state = not t.is_ours and "other key" or not t.usable and "ending" or t.paused_until and "paused" or "in use"
  return { id = t.id, age = minutes(now - t.minted_at), ends = minutes(t.ends_at - now), push = ("%d"):format(t.push_used),
    personalise = ("%d"):format(t.personalise_used), state = state }
end

--- A governor's status as text for people.
function M.text(s, columns)
  local now, rows = core.clock.now(), {}
  for i, t in ipairs(s.tokens) do rows[i] = shown(t, now) end
  local out = { rows[1] and table_of.render(COLUMNS, rows, columns) or "no tokens\n" }
  local function put(text) out[#out + 1] = text end
  put(table_of.count(s.mints_left, "mint") .. " left")
  if (s.next_mint_at or 0) > now then
    put(("; the next is possible in %s (%s)"):format(minutes(s.next_mint_at - now), second(s.next_mint_at)))
  end
  put "\n"
  if s.minting > 0 then put(("%d being minted\n"):format(s.minting)) end
  if s.paused_at then put(("paused since %s: `tcb resume` lets the account go on\n"):format(second(s.paused_at))) end
  if s.cautious_until then
    put(("mint history lost: one mint at a time until %s\n"):format(second(s.cautious_until)))
  end
  return table.concat(out)
end

return M
