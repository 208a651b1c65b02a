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

--- A list of instants in buffers: the only thing that a plan keeps of each batch, and nothing that the collector waits for to double.
local DIGITS, PIECE = 15, 1092                            -- of an instant; instants a buffer of 16 kB
local function add(list, at)
  local piece = list[#list]
  if not piece or #piece == PIECE * DIGITS then
    piece = core.buf()
    list[#list + 1] = piece
  end
  assert(piece:add(("%015.0f"):format(at)))
end

local function getter(list)
  return function(i)
    local from = (i - 1) % PIECE * DIGITS
    return tonumber(list[math.floor((i - 1) / PIECE) + 1]:string(from + 1, from + DIGITS))
  end
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
  sums, err = c.source:scan(shape, now, { fault = o.on_fault, batch = function(b) add(opens, b.min_starts_at) end,
    wait = function(fd) core.poll({ fd }, 3600) end })
  if not sums then return nil, err end
  local limits, tokens = limits_of(c, o)
  local function send(opens_at)                            -- how late the batches would be: the worst, and the window it misses
    local late, at = 0, nil
    local f = forecast.run({ batches = sums.batches, limits = limits, tokens = tokens, now = now, on_sent = function(i, sent)
      local open = opens_at(i)
      if sent - open > late then late, at = sent - open, open end
    end }, opens_at)
    return f, late, at
  end
  local f, late, misses_at = send(getter(opens))
  local order = "input"
  if c.options.sort or (late > 0 and sorts.may_sort(c, { limits = limits })) then
    local sorted
    sorted, err = c.source:opens(shape, now, true)
    if not sorted then return nil, err end
    local f2, late2, misses2 = send(function(i) return sorted[i] end)
    if c.options.sort or late2 < late then f, late, misses_at, order = f2, late2, misses2, "starts_at" end
  end
  return { rows = sums.rows, ok = sums.ok, refused = sums.refused, duplicates = sums.duplicates, overlaps = sums.overlaps,
    batches = sums.batches,
    tokens = f.tokens, starts_at = f.starts_at, finishes_at = f.finishes_at, met = late == 0, late_by_s = late / 1000,
    start_by = late > 0 and f.starts_at - late or nil, misses_at = misses_at, order = order, excluded = sums.excluded }
end

return M
