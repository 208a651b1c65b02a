--- What commands read besides options: numbers and records from arguments, a file or standard input; instants; labels by name.
-- @module tcb.host.input
local core = require "tcb.core"
local errors = require "tcb.errors"
local M = {}

local LINE_MAX = 65536                                   -- bytes; longer lines are not what these files hold

--- Opens a file, or standard input for `-`. Returns it, and the name for messages | nil, err.
function M.open(path)
  if path == "-" then return io.stdin, "standard input" end
  local file, why = io.open(path, "rb")
  if not file then return errors.fail("input", ("cannot open '%s': %s"):format(path, (why:gsub("^.-: ", ""))), { remedy = "check the file's name" }) end
  return file, path
end

--- Lines of a file without their ends and without a BOM: iterator of text, line number.
function M.lines(file)
  local n = 0
  return function()
    local line = file:read "*L"
    if not line then return nil end
    n = n + 1
    if n == 1 then line = line:gsub("^\239\187\191", "") end
    return line:sub(1, LINE_MAX):gsub("[\r\n]+$", ""), n
  end
end

--- Numbers from the arguments behind `rest[first - 1]` and from a file of one number a line (of a CSV: its first column). Empty lines
-- and a first line without digits are left out. Returns a list of { text, place } | nil, err.
function M.numbers(rest, first, path)
  local list = {}
  for i = first, #rest do
    if rest[i] ~= "-" then list[#list + 1] = { rest[i], "argument '" .. core.log.redact(rest[i]) .. "'" } else path = "-" end
  end
  if path then
    local file, name = M.open(path)
    if not file then return nil, name end
    for line, n in M.lines(file) do
      local cell = line:match "^%s*\"?([^,;\t\"]*)" or ""
      if cell:match "%S" and not (n == 1 and not cell:match "%d") then list[#list + 1] = { cell, name .. ":" .. n } end
    end
    if file ~= io.stdin then file:close() end
  end
  return list
end

--- An instant out of an option: epoch ms, ISO 8601 with a zone or in `zone`, or `+2h` from `now`. Returns ms | nil, err.
function M.instant(text, zone, now)
  local n, unit = text:match "^%+(%d+)([smhd])$"
  if n then return now + math.tointeger(n) * ({ s = 1000, m = 60000, h = 3600000, d = 86400000 })[unit] end
  return core.instant.parse(text, zone)
end

--- A label's id: of a UUID itself, else of the dynamic label with that name. Blocks while labels are fetched.
---@return string? id
---@return tcb.Error? err
function M.label(client, text)
  if text:match "^%x+%-%x+%-%x+%-%x+%-%x+$" then return text end
  local label, err = client:labels():find(function(l) return l.name == text and l.label_type == "dynamic" end)
  if label then return label.id end
  if err then return nil, err end
  return errors.fail("input", ("there is no dynamic label '%s'"):format(text), { field = "label_id", remedy = "`tcb labels --dynamic` lists them" })
end

return M
