--- When will each batch be sent? The account's governor itself, run on a virtual clock without sending anything.
-- @module tcb.campaign.forecast
local core = require "tcb.core"

local clock = core.clock
local M = {}

--- What requests are assumed to take.
local ANSWER_US, MINT_US, HOLD_US, MINT_HOLD_US = 300000, 300000, 15000000, 40000000

local function limit_us(limit)
  return limit and { count = limit.count, window_us = math.floor(limit.window_s * 1e6 + 0.5) } or nil
end

--- A token is minted: the simulation knows at once that it will be there.
local function mint(state, pool, is_growth, keep_reserve, number)
  local n = state:mint_begin(MINT_HOLD_US, is_growth, pool, keep_reserve)
  if not n then return nil end
  local sent = clock.mono()
  state:mint_done(n, sent, sent + MINT_US, pool, "token" .. number, ("%08x"):format(number))
  return true
end

local function simulate(o, need_by)
  local pool = o.tokens or 10
  local mints = o.limits.mint and o.limits.mint.count or math.huge
  local keep_reserve = not (o.tokens and o.tokens >= mints)
  local state = core.governor{ mint = limit_us(o.limits.mint), push = limit_us(o.limits.push), personalise = nil, life_us = 3600000000 }
  local times, tokens, first = {}, 0, clock.now()
  for i = 1, o.batches do
    local due = need_by and clock.mono() + math.max(0, need_by(i) - clock.now()) * 1000 or nil
    while true do
      local action, more, a, _, n, slot = state:take("push", o.batches - i + 1, true, 0, pool, keep_reserve, due, HOLD_US)
      if action == "grant" then
        local sent = clock.mono()
        state:answered(n, "push", state:sent(n, "push", slot, sent), sent, sent + ANSWER_US, 200)
        for _ = 1, more do
          if mint(state, pool, true, keep_reserve, tokens + 1) then tokens = tokens + 1 end
        end
        break
      elseif action == "mint" then
        if mint(state, pool, false, false, tokens + 1) then
          tokens = tokens + 1
          clock.advance(MINT_US)
        else
          clock.advance(1000000)
        end
      else
        for _ = 1, more or 0 do
          if mint(state, pool, true, keep_reserve, tokens + 1) then tokens = tokens + 1 end
        end
        clock.advance(math.max(1000, a))
      end
    end
    times[i] = clock.now()
  end
  return { starts_at = times[1] or first, finishes_at = (times[o.batches] or first) + (o.batches > 0 and ANSWER_US / 1000 or 0),
    tokens = tokens, times = times }
end

--- Simulates a push. Nothing else runs meanwhile; the clock is as before afterwards.
---@param o { batches: integer, limits: table, tokens: integer?, now: integer } limits as of tcb.config
---@param need_by? fun(i: integer): integer the first window of batch i, epoch ms
---@return { starts_at: integer, finishes_at: integer, tokens: integer, times: integer[] }
function M.run(o, need_by)
  local was_virtual, before, shift = clock.virtual(), clock.now(), clock.shift()
  clock.virtual(o.now)
  local ok, result = pcall(simulate, o, need_by)
  if was_virtual then clock.virtual(before) else clock.virtual(false) end
  clock.shift(shift)
  if not ok then error(result, 0) end
  return result
end

return M
