--- Batches on their way out: what waits in the journal first, then what is sent again, then the input.
-- @module tcb.campaign.items
local core = require "tcb.core"
local errors = require "tcb.errors"
local again = require "tcb.campaign.again"
local journal = require "tcb.campaign.journal"

local STATE, CODE = journal.STATE, core.outcome
local M = {}

---@class tcb.campaign.Item
---@field records integer of the batch; `left` of them are in the body
---@field seq integer? its row; nil: not in the journal yet
---@field codes string? a code a record, once some have expired
local Item = {}
Item.__index = Item

local function new(fields)
  fields.generation, fields.resends, fields.events = fields.generation or 0, fields.resends or 0, fields.events or ""
  fields.left = fields.left or fields.records
  return setmetatable(fields, Item)
end

--- The body goes back to the feed, or is freed. Harmless when repeated.
function Item:release()
  if not self.body then return end
  if self.give_back then self.give_back() else self.body:close() end
  self.body, self.give_back = nil, nil
end

--- `codes`, of the records in the body: some have expired and left it. What is sent again was sent once: it stays a failure.
function Item:expire(codes, left)
  local instead = string.char(self.expires_as or CODE.EXPIRED)
  local old = self.codes or ("\0"):rep(self.records)
  local at, out = 0, {}
  for i = 1, #old do
    local code = old:sub(i, i)
    if code == "\0" then
      at = at + 1
      if codes:byte(at) == CODE.EXPIRED then code = instead end
    end
    out[i] = code
  end
  self.codes, self.left, self.codes_changed = table.concat(out), left, true
  if left > 0 then
    local _
    _, self.starts_at, self.ends_at, self.last_ends_at = core.body.windows(self.body)
  end
end

--- Turns a batch in doubt into a new one with the same records.
function Item:resend()
  self.parent, self.seq, self.resends = self.seq, nil, self.resends + 1
  self.events, self.codes_changed, self.state = "", self.codes ~= nil, STATE.waiting
  self.refused, self.refused_count, self.dropped, self.split, self.checkpoint = nil, nil, nil, nil, nil
end

--- A batch that the feed has made.
function M.of_feed(feed, b)
  return new{
    records = b.count, body = b.body, spans = b.spans, hashes = b.hashes, refused = b.refused ~= "" and b.refused or nil,
    refused_count = b.refused_count, dropped = (b.dropped or 0) + (b.excluded_count or 0), split = b.split, checkpoint = b.checkpoint,
    planned_at = b.now or core.clock.now(), starts_at = b.min_starts_at, last_starts_at = b.max_starts_at,
    ends_at = b.min_ends_at, last_ends_at = b.max_ends_at, kept_body = b.keep and b.body or nil,
    give_back = function() feed:release(b) end,
  }
end

--- Bodies of batches that stand in the journal.
---@class tcb.campaign.Bodies
local Bodies = {}
Bodies.__index = Bodies

function M.bodies(j, source, shape)
  return setmetatable({ journal = j, source = source, shape = shape }, Bodies)
end

local function changed(seq)
  return errors.fail("input", ("batch %d: the input holds other records than those that were planned"):format(seq),
    { remedy = "give the input as it was (--input PATH), or begin anew with another journal" })
end

function Bodies:_of_origin(row)
  local body, err, ok = core.buf()
  for _, o in ipairs(again.unpack(row.origin)) do
    local part
    part, err = self:of(o.seq)
    if not part then return nil, err end
    ok, err = core.body.pick(part, o.positions)
    if ok then ok, err = core.body.join(body, part) end
    part:close()
    if not ok then return nil, err end
  end
  return body
end

--- The body of batch `seq` with all its records: a new buffer. Nil, err when the input has changed.
function Bodies:of(seq)
  local row = self.journal:input(seq)
  if row.body then return core.buf(row.body) end
  if row.origin then return self:_of_origin(row) end
  if not self.source then
    return errors.fail("config", "the input is needed to send batches again that were planned before",
      { remedy = "tell where it lies: --input PATH" })
  end
  local b, err = self.source:rebuild(self.shape, row.spans)
  if not b then return nil, err end
  if b.hashes ~= row.hashes then return changed(seq) end
  return b.body
end

local function positions_open(codes)
  return (CODE.where(codes, CODE.OPEN))
end

--- The item of a batch row, ready to be sent.
function Bodies:item(b)
  local body, err = self:of(b.seq)
  if not body then return nil, err end
  local row, ok = self.journal:input(b.seq), true
  local codes = self.journal:outcomes(b.seq)
  if codes then ok, err = core.body.pick(body, positions_open(codes)) end
  if not ok then return nil, err end
  return new{
    seq = b.seq, records = b.records, left = b.open, body = body, spans = row.spans, hashes = row.hashes, origin = row.origin,
    planned_at = b.planned_at, starts_at = b.starts_at, ends_at = b.ends_at, last_ends_at = b.last_ends_at, generation = b.generation,
    codes = codes, state = b.state, kept_body = row.body,
  }
end

--- The item of a group of records that go again.
function Bodies:again(group, at)
  local packed = again.pack(group.origin)
  local body, err = self:_of_origin{ origin = packed }
  if not body then return nil, err end
  local _, starts_at, ends_at, last = core.body.windows(body)
  return new{
    records = group.records, body = body, hashes = group.hashes, origin = packed, generation = group.generation, planned_at = at,
    starts_at = starts_at, ends_at = ends_at, last_ends_at = last,
  }
end

return M
