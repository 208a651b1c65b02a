--- The plan: what a push would do, without sending or writing anything. Every fault with its line, repeats and overlapping windows over
--- the whole input, and whether every window is met under the account's limits.
-- @module tcb.campaign.plan
local core = require "tcb.core"
local config = require "tcb.config"
local forecast = require "tcb.campaign.forecast"
local setup = require "tcb.campaign.setup"
local sorts = require "tcb.campaign.order"

local M = {}

---@class tcb.Plan
---@field rows integer
---@field ok integer records that would be sent
---@field refused integer
---@field duplicates integer
---@field overlaps integer
---@field batches integer
---@field tokens integer
---@field starts_at integer epoch ms: when the first request would leave
---@field finishes_at integer when the last answer would be there
---@field met boolean every record is sent before its window opens
---@field late_by_s number by how much the worst misses its window; 0 when all are met
---@field start_by integer? when met is false: the latest start that would meet them all
---@field misses_at integer? the window that is missed by most
---@field order "input"|"starts_at" in which the records would be sent
---@field excluded integer records that the do-not-call list leaves out

local function limits_of(c, o)
  local conf = c.client and c.client._conf
  if conf then return conf.limits, conf.from and conf.from.tokens and conf.tokens end
  return (config.limits(o.limits or os.getenv "TCB_LIMITS")), o.tokens
end

--- How late the batches would be: the worst, and the window it misses.
local function lateness(times, opens)
  local worst, at = 0, nil
  for i, sent in ipairs(times) do
    if sent - opens[i] > worst then worst, at = sent - opens[i], opens[i] end
  end
  return worst, at
end

--- Looks at the whole input.
---@param c tcb.Campaign
---@param o { on_fault: fun(f: tcb.Fault)?, limits: string|table|nil, tokens: integer? }
---@return tcb.Plan? plan
---@return tcb.Error? err
function M.run(c, o)
  local shape, err = setup.unsent_shape(c)
  if not shape then return nil, err end
  local now, opens, sums = core.clock.now(), {}, nil
  sums, err = c.source:scan(shape, now, { fault = o.on_fault, batch = function(b) opens[#opens + 1] = b.min_starts_at end,
    wait = function(fd) core.poll({ fd }, 3600) end })
  if not sums then return nil, err end
  local limits, tokens = limits_of(c, o)
  local function send(in_order)
    local f = forecast.run({ batches = sums.batches, limits = limits, tokens = tokens, now = now }, function(i) return in_order[i] end)
    local late, at = lateness(f.times, in_order)
    return f, late, at
  end
  local f, late, misses_at = send(opens)
  local order = "input"
  if c.options.sort or (late > 0 and sorts.may_sort(c, { limits = limits })) then
    local sorted
    sorted, err = c.source:opens(shape, now, true)
    if not sorted then return nil, err end
    local f2, late2, misses2 = send(sorted)
    if c.options.sort or late2 < late then f, late, misses_at, order = f2, late2, misses2, "starts_at" end
  end
  return { rows = sums.rows, ok = sums.ok, refused = sums.refused, duplicates = sums.duplicates, overlaps = sums.overlaps,
    batches = sums.batches,
    tokens = f.tokens, starts_at = f.starts_at, finishes_at = f.finishes_at, met = late == 0, late_by_s = late / 1000,
    start_by = late > 0 and f.starts_at - late or nil, misses_at = misses_at, order = order, excluded = sums.excluded }
end

return M
