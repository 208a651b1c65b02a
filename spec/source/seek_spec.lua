-- A reader goes to any place of its input, in every encoding, and does not read the input anew for it.
local base = require "tcb.source.base"

local paths = {}
teardown(function()
  for _, p in ipairs(paths) do os.remove(p) end
end)

local seed = 99
local function random(n)
  seed = (seed * 16807) % 2147483647
  return seed % n + 1
end

local function file_of(bytes)
  local path = os.tmpname()
  paths[#paths + 1] = path
  local file = assert(io.open(path, "wb"))
  file:write(bytes)
  file:close()
  return path
end

local function all_of(path, encoding)
  local reader, parts = assert(base.open_file(path, encoding)), {}
  while true do
    local text = reader:read(65536)
    if not text then break end
    parts[#parts + 1] = text
  end
  reader:close()
  return table.concat(parts)
end

--- Bytes that this process has read so far.
local function bytes_read()
  for line in io.lines "/proc/self/io" do
    local n = line:match "^rchar: (%d+)"
    if n then return tonumber(n) end
  end
end

local function lines(n, word)
  local list = {}
  for i = 1, n do list[i] = ("%07d;91987654%04d;%s\n"):format(i, i % 10000, word(i)) end
  return table.concat(list)
end

local function plain() return "Your parcel" end
local function late(i) return i > 90000 and "Caf\xC3\xA9" or "Your parcel" end
local function western(i) return i > 20000 and "Caf\xE9 \x80" or "Your parcel" end
local function utf16(text) return "\xFF\xFE" .. text:gsub(".", "%0\0"):gsub("Y%z", "\x3D\xD8\x00\xDE") end

local INPUTS = {
  ["ASCII"] = lines(120000, plain), ["UTF-8 behind much ASCII"] = lines(120000, late), ["UTF-8 with a mark"] = "\xEF\xBB\xBF" .. lines(50000, late),
  ["Windows-1252"] = lines(60000, western), ["UTF-16"] = utf16(lines(40000, plain)), ["a few bytes"] = "ab\n",
}

describe("a reader's seek", function()
  for name, bytes in pairs(INPUTS) do
    it("gives the same bytes as reading on: " .. name, function()
      local path = file_of(bytes)
      local whole = all_of(path)
      local reader = assert(base.open_file(path))
      local function place(from, to)                        -- the start of a line there
        local at = whole:find("\n", from + random(to - from + 1), true)
        return at and at < #whole and at or 0
      end
      for k = 1, 300 do
        local at = k % 3 == 0 and place(math.max(0, #whole - 5000), #whole - 1) or place(0, #whole - 1)
        assert(reader:seek(at))
        for _ = 1, random(3) do
          local want = 3 + random(3000)
          local got = reader:read(want) or ""
          assert.is_true(got == whole:sub(at + 1, at + #got), name .. " at " .. at)
          at = at + #got
        end
      end
      local before = bytes_read()
      for _ = 1, 300 do
        assert(reader:seek(place(0, #whole - 1)))
        assert.truthy(reader:read(100))
      end
      assert.is_true(bytes_read() - before < 300 * 400000, name .. ": the input was read anew")
      reader:close()
    end)
  end

  it("goes on in compressed input, and begins anew only to go back", function()
    local path = file_of(INPUTS.ASCII)
    os.execute("gzip -kf " .. path)
    paths[#paths + 1] = path .. ".gz"
    local reader, whole, before = assert(base.open_file(path .. ".gz")), INPUTS.ASCII, bytes_read()
    for at = 0, #whole - 100, 20000 do
      assert(reader:seek(at))
      assert.equal(whole:sub(at + 1, at + 100), reader:read(100))
    end
    assert.is_true(bytes_read() - before < #whole)
    assert(reader:seek(7))
    assert.equal(whole:sub(8, 20), reader:read(13))
    reader:close()
  end)

  it("is refused for compressed input that is to be sorted", function()
    local path = file_of "receiver_number,starts_at,ends_at\n"
    os.execute("gzip -kf " .. path)
    paths[#paths + 1] = path .. ".gz"
    local feed, err = require "tcb.source.csv".new(path .. ".gz"):feed{ sort = true, caller = "911204567801" }
    assert.is_nil(feed)
    assert.equal("input", err.kind)
    assert.matches("unpack it first: gunzip %-k", tostring(err))
  end)
end)
