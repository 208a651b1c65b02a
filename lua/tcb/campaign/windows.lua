--- A schedule's feed: passes over the input, one a window, each row with that window's starts_at and ends_at. The interface is that of
-- tcb.source.feed; `next` also gives nil, "later", seconds while the next window's lead has not begun.
-- @module tcb.campaign.windows
local core = require "tcb.core"
local errors = require "tcb.errors"

local M = {}
--- Stands for a window where only the header counts.
local SOME_WINDOW = { starts_at = 1893456000000, ends_at = 1893456000001 }

local function with_window(shape, w)
  local out = {}
  for name, value in pairs(shape) do out[name] = value end
  out.starts_at, out.ends_at = w.starts_at, w.ends_at
  return out
end

---@class tcb.campaign.Scheduled passes over the input, one a window
local Scheduled = {}
Scheduled.__index = Scheduled

function Scheduled:_open(inner)
  local w = self.windows[self.at]
  if self.feed then self.feed:close() end
  local feed, err = self.source:feed(with_window(self.shape, w), inner)
  if not feed then return nil, err end
  self.feed = feed
  if self.each then feed:each(self.each) end
  return true
end

--- In passes after the first every row makes one more record than there are rows.
function Scheduled:_count(b)
  if self.at > 1 then
    b.split = (b.split or 0) + b.refused_count + (b.excluded_count or 0) + (b.dropped or 0) + (b.count or 0) - (b.split or 0)
  end
  b.keep = true
  return b
end

function Scheduled:next()
  while true do
    local w = self.windows[self.at]
    if core.clock.now() < w.starts_at - self.lead_ms then return nil, "later", (w.starts_at - self.lead_ms - core.clock.now()) / 1000 end
    local b, why, rest = self.feed:next(math.min(core.clock.now(), w.starts_at - 1), false)
    if b then
      self:_count(b)
      b.checkpoint = ("window:%d:%s"):format(self.at, b.checkpoint)
      return b
    elseif why ~= "end" or self.at == #self.windows then
      if rest then self:_count(rest) end
      return nil, why, rest
    end
    local over = self:_count(rest)
    self.at = self.at + 1
    local ok, err = self:_open()
    if not ok then return nil, err end
    if over.refused ~= "" or (over.dropped or 0) + (over.excluded_count or 0) > 0 then return nil, "refused", over end
  end
end

function Scheduled:release(b) self.feed:release(b) end
function Scheduled:checkpoint() return ("window:%d:%s"):format(self.at, self.feed:checkpoint()) end
function Scheduled:fraction()
  local f = self.feed:fraction()
  return f and (self.at - 1 + f) / #self.windows
end
function Scheduled:consumed() return self.feed:consumed() end
function Scheduled:sync() return self.feed:sync() end
function Scheduled:fd() return self.feed:fd() end
function Scheduled:close() if self.feed then self.feed:close() end end

local function columns_of_window(source, shape)
  local feed, err = source:feed(shape)
  if not feed then return nil, err end
  local header, delimiter = feed:header()
  feed:close()
  for name in (header or ""):lower():gmatch("[^%c\"" .. (delimiter or ",") .. "]+") do
    local plain = name:gsub("[%s_-]", "")
    if plain == "startsat" or plain == "endsat" then return name end
  end
  return false
end

--- Opens the feed behind the journal's last batch.
---@param c tcb.Campaign with a schedule
---@param j tcb.Journal
---@param shape tcb.Shape
---@return table? feed
---@return tcb.Error? err
function M.open(c, j, shape)
  local schedule = c.options.schedule
  local column, err = columns_of_window(c.source, with_window(shape, SOME_WINDOW))
  if column == nil then return nil, err end
  if column then
    return errors.fail("config", ("the schedule gives the windows, and the input has a column '%s' of its own"):format(column),
      { remedy = "take the column out, or leave the schedule out" })
  end
  local self = setmetatable({ source = c.source, shape = shape, windows = schedule:list(), at = 1, each = c.options.each,
    lead_ms = (c.options.lead_s or schedule.lead_s) * 1000 }, Scheduled)
  local window, inner = (j:checkpoint() or ""):match "^window:(%d+):(.*)$"
  self.at = tonumber(window) or 1
  local ok
  ok, err = self:_open(inner)
  if not ok then return nil, err end
  return self
end

return M
