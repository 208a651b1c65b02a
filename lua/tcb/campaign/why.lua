--- One record's life: its row, what the plan made of it, its batch, the requests about it, its outcome.
-- @module tcb.campaign.why
local core = require "tcb.core"
local again = require "tcb.campaign.again"
local events = require "tcb.campaign.events"
local export = require "tcb.campaign.export"

local M = {}

--- The batches that a record went through, the newest first: sent again, or resent when in doubt.
local function history(j, seq, position)
  local list = {}
  while seq do
    local b = j:batch(seq)
    list[#list + 1] = { seq = seq, position = position, batch_id = b.batch_id, planned_at = b.planned_at, sent_at = b.sent_at,
      polls = b.polls,
      state = b.state, records = b.records, events = events.read(b.events) }
    local origin, at, parent = j:input(seq).origin, position, b.parent
    seq = parent
    for _, o in ipairs(origin and again.unpack(origin) or {}) do
      if at <= #o.positions then
        seq, position = o.seq, o.positions[at]
        break
      end
      at = at - #o.positions
    end
  end
  return list
end

--- Adds to each record the webhook events of its receiver.
local function join(list, j, shape, path)
  local webhooks = require "tcb.campaign.webhooks"
  local box, err = webhooks.open(path)
  if not box then return not err, err end
  local ok, failed = pcall(function()
    for _, r in ipairs(list) do
      local names = {}
      for name in pairs(r.row) do names[#names + 1] = name end
      local digits = webhooks.receiver_of(r.row, webhooks.receiver_column(names, shape), shape)
      r.webhooks = digits and webhooks.of(box, j, digits) or {}
    end
  end)
  box:close()
  if not ok then return nil, failed end
  return true
end

--- All records of the input that fit.
---@param o { number: string?, line: integer?, most: integer?, inbox: string? }
---@return table[]? records { line, row, outcome, reason?, record_id?, matched?, batches, webhooks? }
---@return tcb.Error? err
function M.find(c, j, shape, o)
  local digits = o.number
  if digits then
    local parsed, err = core.phone.parse(digits, shape.country)
    digits = parsed or (digits:gsub("%D", ""))
    if #digits < 4 then return nil, err end
    digits = digits:sub(-10)                               -- however the file writes the country code
  end
  local found, err = export.find(c, j, shape, { line = o.line, digits = digits, most = o.most })
  if not found then return nil, err end
  local list = {}
  for i, f in ipairs(found) do
    local row, fate = {}, {}
    for name, value in pairs(f.row) do
      local own = name:match "^tcb_(.*)$"
      if own then fate[own] = value else row[name] = value end
    end
    list[i] = { line = f.line, row = row, outcome = fate.outcome, reason = fate.reason, record_id = fate.record_id, matched = fate.matched,
      batches = f.seq and history(j, f.seq, f.position) or {} }
  end
  local ok
  ok, err = join(list, j, shape, o.inbox)
  if not ok then return nil, err end
  return list
end

return M
