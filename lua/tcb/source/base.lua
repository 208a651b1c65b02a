--- What all sources share: feeds over their input, batches made again, a look at the whole.
-- A kind of source brings `_open(self)` -> reader of UTF-8, { identity, passed?, pull? } | nil, err, and `format`.
-- @module tcb.source.base
local core = require "tcb.core"
local errors = require "tcb.errors"
local feeds = require "tcb.source.feed"

local M = {}

---@class tcb.FileOptions
---@field encoding "utf-8"|"windows-1252"|"utf-16le"|"utf-16be"|nil where it is not to be recognised
---@field gzip boolean? a pipe's bytes are compressed: only a file's are recognised

---@class tcb.Source
---@field kind "csv"|"ndjson"|"records"
---@field format "csv"|"ndjson" of its bytes
---@field path string? of its file; "-": standard input
---@field kept string? where input that cannot be read again is kept, see :keep
local Source = {}
Source.__index = Source
Source.__name = "tcb.source"

--- A source object with the fields given.
function M.new(fields)
  fields._rebuilder, fields._shape = nil, nil
  return setmetatable(fields, Source)
end

--- Options checked against the names that are allowed.
function M.options(opts, allowed, level)
  for name in pairs(opts or {}) do
    if not allowed[name] then error("unknown option '" .. tostring(name) .. "'", level + 1) end
  end
  return opts or {}
end

local function gunzip(reader, path)
  local ok, zlib = pcall(require, "tcb.zlib")
  if not ok then
    reader:close()
    return errors.fail("config", ("'%s' is compressed, and the module tcb.zlib is not there"):format(path),
      { remedy = "install zlib and build tcb again (make deps all), or decompress it first" })
  end
  return zlib.reader(reader)
end

--- Does the file begin as a gzip file does? Not asked of a pipe.
local function is_gzip(path)
  local file = io.open(path, "rb")
  local start = file and file:read(2)
  if file then file:close() end
  return start == "\31\139"
end

--- Opens a file or pipe, decompressed and in UTF-8.
---@return userdata? reader
---@return { identity: table, passed: userdata }|tcb.Error info identity: {size?, changed_us, device, inode}, no size: a pipe; passed: the
---        hash of the bytes read so far
function M.open_file(path, encoding, gzip)
  local reader, identity = core.reader.file(path)
  if not reader then return nil, identity end
  if gzip == nil and identity.size then gzip = is_gzip(path) end
  local passed, err
  reader, passed = core.reader.hashed(reader)
  if not reader then return nil, passed end
  if gzip then
    reader, err = gunzip(reader, path)
    if not reader then return nil, err end
  end
  reader, err = core.reader.decode(reader, encoding or "auto")
  if not reader then return nil, err end
  return reader, { identity = identity, passed = passed }
end

--- The input from its start, for reading on (`new` = true: bytes that are not kept yet may come) or for reading once more.
function Source:_reader(new)
  if self.kept and not new then
    local reader, err = core.reader.file(self.kept)
    if not reader then return nil, err end
    return core.reader.decode(reader, "utf-8"), { identity = {} }
  end
  local reader, info = self:_open()
  if not reader then return nil, info end
  if self.kept and not info.identity.size then
    local err
    reader, err = core.reader.spool(reader, self.kept)
    if not reader then return nil, err end
  end
  return reader, info
end

function Source:_feed(shape, checkpoint, new)
  local reader, info = self:_reader(new)
  if not reader then return nil, info end
  local feed, err = feeds.open(reader, shape, { checkpoint = checkpoint, name = self.path or self.kind, format = self.format, pull = info.pull })
  if not feed then
    reader:close()
    if err.kind == "input" and not err.place then err.place = self.path end
    return nil, err
  end
  feed.identity, feed.passed = info.identity, info.passed
  return feed
end

--- Used by campaigns: opens the input. See tcb.source.feed for the shape and the feed. Does not block on a pipe.
---@param shape tcb.Shape
---@param checkpoint string? of an earlier batch: go on behind it
---@return tcb.Feed? feed
---@return tcb.Error? err
function Source:feed(shape, checkpoint)
  if shape.sort then return require("tcb.source.sorted").open(self, shape, checkpoint) end
  local feed, err = self:_feed(shape, checkpoint, true)
  if feed and shape.unique then
    local ok
    ok, err = self:_refuse_repeats(feed, shape)
    if not ok then
      feed:close()
      return nil, err
    end
  end
  return feed, err
end

--- `unique`: the repeats of a file are found by a first pass in bounded memory; other input is remembered as it comes.
function Source:_refuse_repeats(feed, shape)
  if not self.is_file or not self:is_file() then return feed:remember() end
  local first, err = self:_feed(shape, nil, false)
  if not first then return nil, err end
  local pairs
  pairs, err = core.pairs()
  local ok, why = pairs ~= nil, nil
  first:watch(true)
  while ok and why ~= "end" do
    local b
    b, why = first:next(-2^53, false, pairs)                -- whether a window has passed makes no difference
    if b then first:release(b)
    elseif type(why) ~= "string" then ok, err = nil, why end
  end
  first:close()
  if ok then feed._twins = pairs elseif pairs then pairs:close() end
  return ok, err
end

--- Used by campaigns: keeps input that cannot be read again, a pipe's or a program's, in the file `path`: what batches are made again from. Nothing for a
--- file. When `path` holds an earlier run's input, the same input is expected once more, or none, and reading goes on behind it.
function Source:keep(path)
  if not self.is_file or not self:is_file() then self.kept = path end
end

--- Used by campaigns: makes the batch that `spans` describe once more, byte for byte. Blocks on reading the file.
---@return table? batch as from Feed:next
---@return tcb.Error? err kind input when the input does not hold these records any more
function Source:rebuild(shape, spans)
  if not self._rebuilder or self._shape ~= shape then
    self:close()
    local feed, err = self:_feed(shape, nil, false)
    if not feed then return nil, err end
    self._rebuilder, self._shape = feed, shape
  end
  return self._rebuilder:rebuild(spans)
end

--- Used by campaigns: the input once more from its start, for who walks over its rows: a reader, the offset of the first row behind the header, the header
--- as it stands, the delimiter; nil, err. NDJSON has no header: one is made of all its members' names, at the price of a pass.
function Source:again(shape)
  local begin, header, delimiter, reader, err = 0, nil, ",", nil, nil
  if self.format == "ndjson" then
    reader, err = self:_reader(false)
    if not reader then return nil, err end
    header, err = core.ndjson_names(reader)
    if not header then return nil, err end
    if header == "" then header = "receiver_number" end      -- empty input
  else
    local feed
    feed, err = self:_feed(shape, nil, false)
    if not feed then return nil, err end
    header, delimiter = feed:header()
    begin = feed:offset()
    feed:close()
  end
  reader, err = self:_reader(false)
  if not reader then return nil, err end
  return reader, begin, header, delimiter
end

--- Used by campaigns: looks at the whole input without keeping any of it: see tcb.source.scan.
function Source:scan(shape, now, on) return require("tcb.source.scan").run(self, shape, now, on) end

--- Used by campaigns: when the first window of each batch opens, epoch ms, in the input's order or in that of starts_at. Blocks for one pass.
---@param shape tcb.Shape
---@param now integer
---@param sorted boolean?
---@return integer[]? opens
---@return tcb.Error? err
function Source:opens(shape, now, sorted) return require("tcb.source.scan").opens(self, shape, now, sorted) end

--- Closes what rebuild keeps open.
function Source:close()
  if self._rebuilder then self._rebuilder:close() end
  self._rebuilder, self._shape = nil, nil
end

--- What the file is now: {size?, changed_us, device, inode}; no size: a pipe, which is not opened for this.
local function identity_of(self) return core.reader.identity(self.path) end

--- Is what was read once still what the file holds? `passed`: as of Feed:consumed, "from:to:hash" joined by spaces. Blocks on reading.
---@return boolean? same nil, err when it cannot be read
local function verify(self, passed)
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

--- Adds what sources with a path have: identity, verify, is_file, and opening by options encoding and gzip.
local function with_path(source)
  source.identity, source.verify = identity_of, verify
  source.is_file = function(self)
    local identity = self:identity()
    return identity == nil or identity.size ~= nil           -- what is not there is not a pipe
  end
  source.is_packed = function(self) return self.gzip or (self:is_file() and is_gzip(self.path)) or false end
  source._open = function(self) return M.open_file(self.path, self.encoding, self.gzip) end
  return source
end

local FILE_OPTIONS = { encoding = true, gzip = true }

--- The constructor of a source that is a file or pipe of the given format: tcb.csv, tcb.ndjson. Mistakes are its caller's.
---@param format "csv"|"ndjson"
function M.from_path(format, path, opts)
  if type(path) ~= "string" then error("a path is expected, got " .. type(path), 3) end
  opts = M.options(opts, FILE_OPTIONS, 3)
  return with_path(M.new{ path = path, kind = format, format = format, encoding = opts.encoding, gzip = opts.gzip })
end

return M
