--- The dry run: reads, checks and encodes every batch, counts and hashes it, sends and writes nothing.
-- @module tcb.campaign.dry
local core = require "tcb.core"
local setup = require "tcb.campaign.setup"

local M = {}

--- Sums over the whole input: { records, refused, excluded, batches, bytes, hash, codes }; nil, err when it cannot be read.
---@param c tcb.Campaign
function M.run(c)
  local shape = setup.shape(c)
  local label, err = c.options.label, nil
  if label and c.client then
    label, err = setup.label(c.client, label)
    if err then return nil, err end
  end
  shape.label_id = label
  local feed
  feed, err = c.source:feed(shape)
  if not feed then return nil, err end
  local sums
  sums, err = feed:drain(core.clock.now(), function(fd) core.poll({ fd }, 3600) end)
  feed:close()
  return sums, err
end

return M
