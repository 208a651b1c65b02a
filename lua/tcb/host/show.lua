--- Values as people want to read them: records, lists of objects as tables, pages, errors. Numbers masked unless told otherwise.
-- @module tcb.host.show
local core = require "tcb.core"
local errors = require "tcb.errors"
local table_of = require "tcb.host.table"
local M = {}

local DEPTH, ITEMS, STRING = 5, 60, 400
local FIRST = { "phone_number", "id", "name", "label_type", "status", "reason", "caller_number", "receiver_number", "label_id", "label_name",
  "feature_set_name", "dynamic_label_name", "dynamic_call_reason", "starts_at", "ends_at", "department_name", "department", "process_name",
  "process" }
local LAST = { "created_at", "updated_at", "created_by_email", "client_account_id" }       -- the same or nearly so in every row
local RANK, PLAIN = {}, #FIRST + 1
for i, name in ipairs(FIRST) do RANK[name] = i end
for i, name in ipairs(LAST) do RANK[name] = PLAIN + i end

local function quoted(text)
  local cut = #text > STRING and text:sub(1, STRING):gsub("[\128-\191]*$", "") .. "…" or text
  return '"' .. cut:gsub('[%c"\\]', function(c)
    return ({ ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r", ['"'] = '\\"', ["\\"] = "\\\\" })[c] or ("\\%d"):format(c:byte())
  end) .. '"'
end

local function sorted_keys(value)
  local keys = {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b)
    local ra, rb = RANK[a] or PLAIN, RANK[b] or PLAIN
    if ra ~= rb then return ra < rb end
    if type(a) == type(b) and (type(a) == "number" or type(a) == "string") then return a < b end
    return tostring(a) < tostring(b)
  end)
  return keys
end

local function key_text(key)
  if type(key) == "string" and key:match "^[%a_][%w_]*$" then return key end
  return "[" .. (type(key) == "string" and quoted(key) or tostring(key)) .. "]"
end

--- An instant in ms beside its number, for fields whose name says that they hold one.
local function instant_note(key, value)
  if type(key) ~= "string" or key:sub(-3) ~= "_at" or math.type(value) ~= "integer" or value < 10 ^ 11 or value > 10 ^ 14 then return "" end
  return " (" .. core.instant.format(value) .. ")"
end

--- What a library's table says at the prompt: its names, not its functions' addresses.
local function show_library(value, width)
  local names = {}
  for _, f in ipairs(require "tcb.host.docs".index().functions) do names[#names + 1] = f.shown:match "^tcb%.(.+)$" end
  table.sort(names)
  return table_of.wrap(("tcb %s: %s; :doc tcb.NAME tells what one does"):format(value.version, table.concat(names, ", ")), width, 2)
end

local show

local function show_table(value, depth, indent, width, seen)
  if seen[value] then return "(the same table again)" end
  if next(value) == nil then return "{}" end
  if depth == 0 then return "{ … }" end
  seen[value] = true
  local parts, n, more = {}, #value, 0
  for i = 1, math.min(n, ITEMS) do parts[#parts + 1] = show(value[i], depth - 1, indent + 2, width, seen) end
  if n > ITEMS then more = n - ITEMS end
  for _, key in ipairs(sorted_keys(value)) do
    local in_list = math.type(key) == "integer" and key >= 1 and key <= n
    if not in_list and #parts < ITEMS then
      parts[#parts + 1] = key_text(key) .. " = " .. show(value[key], depth - 1, indent + 2, width, seen) .. instant_note(key, value[key])
    elseif not in_list then
      more = more + 1
    end
  end
  if more > 0 then parts[#parts + 1] = ("… %d more"):format(more) end
  seen[value] = nil
  local line = "{ " .. table.concat(parts, ", ") .. " }"
  if #line + indent <= width and not line:find "\n" then return line end
  local space = "\n" .. (" "):rep(indent + 2)
  return "{" .. space .. table.concat(parts, "," .. space) .. "\n" .. (" "):rep(indent) .. "}"
end

function show(value, depth, indent, width, seen)
  local kind = type(value)
  if kind == "string" then return quoted(value) end
  if kind ~= "table" then return tostring(value) end
  local meta = getmetatable(value)
  if type(meta) == "table" and (meta.__tostring or meta.__name) then return tostring(value) end
  return show_table(value, depth, indent, width, seen)
end

--- A list of at least two objects with the same kind of fields: the columns to show | nil.
local function columns_of(list)
  if #list < 2 or type(list[1]) ~= "table" then return nil end
  local names, count = {}, {}
  for i = 1, math.min(#list, ITEMS) do
    local item = list[i]
    if type(item) ~= "table" or getmetatable(item) or #item > 0 then return nil end
    for key, value in pairs(item) do
      if type(key) ~= "string" then return nil end
      if type(value) ~= "table" then count[key] = (count[key] or 0) + 1 end
    end
  end
  for _, key in ipairs(sorted_keys(count)) do names[#names + 1] = { name = key, min = (key == "id" or key == "label_id") and 36 or key:sub(-3) == "_at" and 24 or 14 } end
  return #names > 0 and names or nil
end

local function show_list(list, columns, width)
  local rows = {}
  for i = 1, math.min(#list, ITEMS) do
    local row = {}
    for key, value in pairs(list[i]) do
      if type(value) ~= "table" then row[key] = instant_note(key, value) ~= "" and core.instant.format(value) or value end
    end
    rows[i] = row
  end
  local text = table_of.render(columns, rows, width)
  return (text:gsub("\n$", "")) .. (#list > ITEMS and ("\n… %d more"):format(#list - ITEMS) or "")
end

local function is_pages(value)
  local meta = type(value) == "table" and getmetatable(value)
  return type(meta) == "table" and meta.__name == "tcb.pages"
end
M.is_pages = is_pages

--- One value as text, over several lines where it needs them. Of pages the first one is fetched. Returns it without a newline.
---@param value any
---@param options { width: integer, reveal: boolean }
function M.value(value, options)
  local text
  if errors.is(value) then
    text = value.kind .. " error: " .. tostring(value)
  elseif is_pages(value) then
    local first = value._query.page or 1
    local items, err = value:page(first)
    if not items then return M.value(err, options) end
    local columns = columns_of(items)
    text = columns and show_list(items, columns, options.width) or show(items, DEPTH, 0, options.width, {})
    text = text .. ("\n(page %d of %s; loop over it, or :all(), :first(), :find(fn), :page(n))"):format(first, value.call)
  elseif value == package.loaded.tcb and value then
    text = show_library(value, options.width)
  elseif type(value) == "table" and not getmetatable(value) and columns_of(value) then
    text = show_list(value, columns_of(value), options.width)
  else
    text = show(value, DEPTH, 0, options.width, {})
  end
  local redacted = core.log.redact(text)
  local has_secret = redacted:find("[secret]", 1, true)    -- never shown, revealed or not
  return options.reveal and not has_secret and text or redacted
end

return M
