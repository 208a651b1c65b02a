--- A campaign's input from a CSV file or a pipe.
-- @module tcb.source.csv
local core = require "tcb.core"
local feeds = require "tcb.source.feed"

local M = {}

---@class tcb.Source
---@field path string
---@field kind "csv"
local Source = {}
Source.__index = Source
Source.__name = "tcb.source"

local OPTIONS = { encoding = true }

--- A source of records: `tcb.csv "records.csv"`; "-" reads standard input. Opens nothing yet.
---@param path string
---@param opts { encoding: "utf-8"|"windows-1252"|"utf-16le"|"utf-16be"|nil }? the encoding where it is not to be recognised
---@return tcb.Source
function M.new(path, opts)
  if type(path) ~= "string" then error("a path is expected, got " .. type(path), 2) end
  for name in pairs(opts or {}) do
    if not OPTIONS[name] then error("unknown option '" .. tostring(name) .. "'", 2) end
  end
  return setmetatable({ path = path, kind = "csv", encoding = opts and opts.encoding or nil, _rebuilder = nil, _shape = nil }, Source)
end

local function open(self)
  local reader, identity = core.reader.file(self.path)
  if not reader then return nil, identity end
  local hashed, passed = core.reader.hashed(reader)
  if not hashed then return nil, passed end
  local decoded, err = core.reader.decode(hashed, self.encoding or "auto")
  if not decoded then return nil, err end
  return decoded, identity, passed
end

--- Opens the input and reads its header. See tcb.source.feed for the shape and the feed. Does not block on a pipe.
---@param shape tcb.Shape
---@param checkpoint string? of an earlier batch: go on behind it
---@return tcb.Feed? feed
---@return tcb.Error? err
function Source:feed(shape, checkpoint)
  local reader, identity, passed = open(self)
  if not reader then return nil, identity end
  local feed, err = feeds.open(reader, shape, checkpoint, self.path)
  if not feed then
    reader:close()
    if err.kind == "input" and not err.place then err.place = self.path end
    return nil, err
  end
  feed.identity, feed.passed = identity, passed
  return feed
end

--- Makes the batch that `spans` describe once more, byte for byte. Blocks on reading the file.
---@return table? batch as from Feed:next
---@return tcb.Error? err kind input when the file does not hold these records any more
function Source:rebuild(shape, spans)
  if not self._rebuilder or self._shape ~= shape then
    self:close()
    local feed, err = self:feed(shape)
    if not feed then return nil, err end
    self._rebuilder, self._shape = feed, shape
  end
  return self._rebuilder:rebuild(spans)
end

--- The input once more from its start, for who walks over its rows: a reader, the offset of the first row behind the header, the header
--- as it stands, the delimiter; nil, err.
function Source:again(shape)
  local feed, err = self:feed(shape)
  if not feed then return nil, err end
  local header, delimiter = feed:header()
  local begin = feed:offset()
  feed:close()
  local reader
  reader, err = open(self)
  if not reader then return nil, err end
  return reader, begin, header, delimiter
end

--- Looks at the whole input without keeping any of it: see tcb.source.scan.
function Source:scan(shape, now, on) return require("tcb.source.scan").run(self, shape, now, on) end

--- What the file is now: {size?, changed_us, device, inode}; no size: a pipe.
function Source:identity()
  local reader, identity = core.reader.file(self.path)
  if not reader then return nil, identity end
  reader:close()
  return identity
end

--- Is what was read once still what the file holds? `passed`: as of Feed:consumed, "from:to:hash" joined by spaces. Blocks on reading.
---@return boolean? same nil, err when it cannot be read
function Source:verify(passed)
  for from, to, hash in passed:gmatch "(%d+):(%d+):(%x+)" do
    local reader, err = core.reader.file(self.path)
    if not reader then return nil, err end
    local hashed, seen = core.reader.hashed(reader)
    if not hashed then return nil, seen end
    local left, ok = tonumber(to) - tonumber(from), hashed:seek(tonumber(from))
    while ok and left > 0 do
      local text = hashed:read(math.min(left, 1048576))
      if not text then break end
      left = left - #text
    end
    local _, _, now = seen:digest()
    hashed:close()
    if left > 0 or now ~= hash then return false end
  end
  return true
end

--- Closes what rebuild keeps open.
function Source:close()
  if self._rebuilder then self._rebuilder:close() end
  self._rebuilder, self._shape = nil, nil
end

return M
