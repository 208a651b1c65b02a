--- In which order a campaign's records are sent: the input's, unless that would miss windows which the order of starts_at would meet.
-- Decided once, when the push begins, and kept in the journal. Only for a file that can be read again, under limits that make a push
-- take time; a hook, a schedule or a lead decide about time themselves.
-- @module tcb.campaign.order
local core = require "tcb.core"
local forecast = require "tcb.campaign.forecast"

local M = {}

local MARGIN_MS = 120000            -- a push that would be over so long before its first window needs no forecast

--- How many of the batches would leave after their first window has opened.
local function missed(conf, opens, now)
  local n = 0
  forecast.run({ batches = #opens, limits = conf.limits, tokens = conf.tokens, now = now, on_sent = function(i, sent)
    if sent > opens[i] then n = n + 1 end
  end }, function(i) return opens[i] end)
  return n
end

--- Would all be sent well before the first window opens?
local function is_early(conf, opens, now)
  local push, first = conf.limits.push, math.huge
  for _, at in ipairs(opens) do first = math.min(first, at) end
  local seconds = #opens * push.window_s / (push.count * (conf.tokens or 10))
  return now + seconds * 1500 + MARGIN_MS < first
end

--- May the order be changed without being asked to?
---@param c tcb.Campaign
---@param conf { limits: table }
function M.may_sort(c, conf)
  local o, source = c.options, c.source
  if o.each or o.schedule or o.lead_s or not conf.limits.push then return false end
  return source.opens ~= nil and source.is_file ~= nil and source:is_file() and not source:is_packed()
end

local function decide(c, conf, shape)
  local o, source = c.options, c.source
  if o.sort then return "starts_at" end
  if not M.may_sort(c, conf) then return "input" end
  local now = core.clock.now()
  local opens, err = source:opens(shape, now)
  if not opens then return nil, err end
  if #opens == 0 or is_early(conf, opens, now) then return "input" end
  local in_order = missed(conf, opens, now)
  if in_order == 0 then return "input" end
  local sorted
  sorted, err = source:opens(shape, now, true)
  if not sorted then return nil, err end
  local by_start = missed(conf, sorted, now)
  if by_start >= in_order then return "input" end
  local text = ("sending in the order of starts_at: the input's own order would miss the windows of %d batches, this one of %d")
    :format(in_order, by_start)
  if o.on_note then o.on_note(text) else core.log.write("warn", text) end
  return "starts_at"
end

--- Is the feed to be sorted? The answer of the first time counts for the whole campaign. Blocks for one or two passes over the file.
---@param c tcb.Campaign
---@param j table the journal
---@param conf table limits and tokens
---@param shape tcb.Shape
---@return boolean? sorted nil, err when the input or the journal fails
---@return tcb.Error? err
function M.is_sorted(c, j, conf, shape)
  local order, err = j.header.order, nil
  if not order then
    order, err = decide(c, conf, shape)
    if not order then return nil, err end
    local ok
    ok, err = j:set{ order = order }
    if not ok then return nil, err end
  end
  return order == "starts_at"
end

return M
