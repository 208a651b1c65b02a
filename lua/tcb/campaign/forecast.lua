--- When will each batch be sent? The account's governor itself, run on a virtual clock without sending anything.
-- @module tcb.campaign.forecast
local core = require "tcb.core"

local clock = core.clock
local M = {}

--- What requests are assumed to take, as in a rehearsal: answers after 0.3 to 1.5 s; of several the last one is awaited.
local ANSWER_US, MINT_US, LAST_US, HOLD_US, MINT_HOLD_US = 900000, 900000, 1300000, 15000000, 40000000

local function limit_us(limit)
  return limit and { count = limit.count, window_us = math.floor(limit.window_s * 1e6 + 0.5) } or nil
end

--- Requests for tokens that are under way: each token can be used once its answer is there.
local function minter(state, pool)
  local under_way, tokens, self = {}, 0, {}
  function self.begin(is_growth, keep_reserve)
    local n = state:mint_begin(MINT_HOLD_US, is_growth, pool, keep_reserve)
    if n then under_way[#under_way + 1] = { n = n, sent_us = clock.mono() } end
  end
  --- Lets `us` pass, or less: until the next token is there.
  function self.wait(us)
    local first = under_way[1]
    clock.advance(first and math.min(us, first.sent_us + MINT_US - clock.mono()) or us)
    while first and first.sent_us + MINT_US <= clock.mono() do
      table.remove(under_way, 1)
      tokens = tokens + 1
      state:mint_done(first.n, first.sent_us, clock.mono(), pool, "token" .. tokens, ("%08x"):format(tokens))
      first = under_way[1]
    end
  end
  function self.count() return tokens + #under_way end
  return self
end

local function simulate(o, need_by)
  local pool = o.tokens or 10
  local mints = o.limits.mint and o.limits.mint.count or math.huge
  local keep_reserve = not (o.tokens and o.tokens >= mints)
  local state = core.governor{ mint = limit_us(o.limits.mint), push = limit_us(o.limits.push), personalise = nil, life_us = 3600000000 }
  local minting, first, last = minter(state, pool), nil, nil
  for i = 1, o.batches do
    local due = need_by and clock.mono() + math.max(0, need_by(i) - clock.now()) * 1000 or nil
    while true do
      minting.wait(0)
      local action, more, a, _, n, slot = state:take("push", o.batches - i + 1, true, 0, pool, keep_reserve, due, HOLD_US)
      if action == "mint" then
        minting.begin(false, false)
        minting.wait(1000000)
      else
        for _ = 1, more or 0 do minting.begin(true, keep_reserve) end
        if action == "grant" then
          local sent = clock.mono()
          state:answered(n, "push", state:sent(n, "push", slot, sent), sent, sent + ANSWER_US, 200)
          break
        end
        minting.wait(math.max(1000, a))
      end
    end
    last = clock.now()
    first = first or last
    if o.on_sent then o.on_sent(i, last) end
  end
  local last_us = o.batches > 1 and LAST_US or o.batches > 0 and ANSWER_US or 0
  return { starts_at = first or clock.now(), finishes_at = (last or clock.now()) + last_us / 1000, tokens = minting.count() }
end

--- Simulates a push. Nothing else runs meanwhile; the clock is as before afterwards.
---@param o { batches: integer, limits: table, tokens: integer?, now: integer, on_sent: fun(i: integer, at: integer)? } limits as of
---       tcb.config; `on_sent` is told when each batch is sent
---@param need_by? fun(i: integer): integer the first window of batch i, epoch ms
---@return { starts_at: integer, finishes_at: integer, tokens: integer }
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
