--- The dry run: reads, checks and encodes every batch, counts and hashes it, sends and writes nothing.
-- @module tcb.campaign.dry
local core = require "tcb.core"
local setup = require "tcb.campaign.setup"

local M = {}

--- Sums over the whole input: { records, refused, excluded, batches, bytes, hash, codes }; nil, err when it cannot be read.
---@param c tcb.Campaign
function M.run(c)
  local shape, err = setup.unsent_shape(c)
  if not shape then return nil, err end
  local feed
  feed, err = c.source:feed(shape)
  if not feed then return nil, err end
  local sums
  sums, err = feed:drain(core.clock.now(), function(fd) core.poll({ fd }, 3600) end)
  feed:close()
  return sums, err
end

--- The body of a request with the first record alone that a push would send, from a file that can be read once more; nil where there
-- is none. With a hook there is none either: it would see the row twice.
---@param c tcb.Campaign
---@return string? body
function M.first(c)
  local source = c.source
  if c.options.each or c.options.schedule or not source.is_file or not source:is_file() then return nil end
  local shape = setup.unsent_shape(c)
  if not shape then return nil end
  shape.batch = 1
  local feed = source:feed(shape)
  local batch = feed and feed:next(core.clock.now())
  local body = batch and batch.body:string()
  if feed then feed:close() end
  return body
end

return M
