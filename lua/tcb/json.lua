--- JSON in and out. Integers are integers (42, never 42.0), instants in ms are exact, nulls in objects are absent.
-- Decodes with lua-cjson in an instance of our own, so that the application's cjson settings and ours never meet.
-- @module tcb.json
local core = require "tcb.core"
local errors = require "tcb.errors"
local M = {}

local DEPTH = 64                       -- the deepest answer of the API has 4 levels
local ok, cjson = pcall(require, "cjson")
if not ok then
  error(errors.new{ kind = "config", message = "lua-cjson is not installed for this Lua: "
    .. "install the package lua-cjson (Debian), or `luarocks install lua-cjson`" }, 0)
end
cjson = cjson.new()
cjson.decode_max_depth(DEPTH)
cjson.decode_invalid_numbers(false)

--- What a null is where one is kept: in lists, and in objects with `nulls = true`.
M.null = cjson.null

--- Decodes one JSON document. Does not block.
---@param text string|tcb.buf
---@param options? { nulls: boolean } nulls: keep nulls of objects as json.null; without it such a field is absent
---@return any value nil with an error of kind proto when the text is no JSON, is cut short, or nests over 64 levels
---@return tcb.Error? err
function M.decode(text, options)
  if type(text) == "userdata" then text = text:string() end
  local good, value = pcall(cjson.decode, text)
  if not good then
    local why = #text == 0 and "it is empty" or tostring(value):gsub("^.-: ", "", 1):gsub("[%c]", " "):sub(1, 80)
    return errors.fail("proto", "cannot read JSON: " .. core.log.redact(why))
  end
  return core.tidy(value, M.null, options ~= nil and options.nulls or false)
end

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }
local function escape(c)
  return ESCAPES[c] or ("\\u%04x"):format(c:byte())
end

--- A string as JSON text, in quotes.
function M.quote(text)
  return '"' .. text:gsub('[%c"\\\127]', escape) .. '"'
end

local function number(n)
  if n ~= n or n == math.huge or n == -math.huge then error("JSON has no " .. tostring(n), 0) end
  if n == math.floor(n) and math.abs(n) <= 2 ^ 53 then return ("%.0f"):format(n) end
  local short = ("%.15g"):format(n)                      -- 0.1, not 0.10000000000000001, where that is the same number
  return tonumber(short) == n and short or ("%.17g"):format(n)
end

local ARRAY = { __name = "tcb.json.array" }

--- Marks a table as a list, so that an empty one is written `[]`. Returns it.
function M.array(list)
  return setmetatable(list or {}, ARRAY)
end

local encode

local function encode_object(value, order, depth)
  local parts, done = {}, {}
  local function put(key)
    local v = value[key]
    if v == nil or done[key] then return end
    if type(key) ~= "string" then error("an object's key is a " .. type(key) .. ", not a string", 0) end
    done[key] = true
    parts[#parts + 1] = M.quote(key) .. ":" .. encode(v, order, depth)
  end
  for _, key in ipairs(order or {}) do put(key) end
  local rest = {}
  for key in pairs(value) do rest[#rest + 1] = key end
  table.sort(rest, function(a, b) return tostring(a) < tostring(b) end)
  for _, key in ipairs(rest) do put(key) end
  return "{" .. table.concat(parts, ",") .. "}"
end

function encode(value, order, depth)
  local kind = type(value)
  if value == M.null then return "null" end
  if kind == "string" then return M.quote(value) end
  if kind == "number" then return number(value) end
  if kind == "boolean" then return tostring(value) end
  if kind ~= "table" then error("a " .. kind .. " cannot be written as JSON", 0) end
  if depth == 0 then error("a value nests over " .. DEPTH .. " levels, or holds itself", 0) end
  if getmetatable(value) ~= ARRAY and #value == 0 then return encode_object(value, order, depth - 1) end
  local parts = {}
  for i = 1, #value do parts[i] = encode(value[i], order, depth - 1) end
  return "[" .. table.concat(parts, ",") .. "]"
end

--- Encodes a value. Fields named in `order` come first, in that order, the others sorted: the same bytes every time.
-- A table with a first element is a list; an empty table is an object unless made by json.array. Raises on what JSON
-- cannot hold.
---@param value any
---@param order? string[] field names
---@return string
function M.encode(value, order)
  local good, text = pcall(encode, value, order, DEPTH)
  if not good then error("tcb.json: " .. tostring(text), 2) end
  return text
end

return M
