--- Tables for people: columns that fit the width, whatever the script of writing in their cells.
-- @module tcb.host.table
local native = require "tcb.host.native"
local M = {}

local GAP = 2

local CONTROL = { ["\n"] = " ", ["\r"] = " ", ["\t"] = " " }

--- Text without control characters, which would move a terminal's cursor.
local function printable(value)
  return (tostring(value):gsub("%c", function(c) return CONTROL[c] or "?" end))
end

--- Cuts `text` to `columns` columns, the last being an ellipsis where something was cut.
function M.fit(text, columns)
  if native.width(text) <= columns then return text end
  if columns <= 0 then return "" end
  local kept, used = {}, 0
  for char in text:gmatch "[%z\1-\127\192-\255][\128-\191]*" do
    local w = native.width(char)
    if used + w > columns - 1 then break end
    kept[#kept + 1] = char
    used = used + w
  end
  return table.concat(kept) .. "…"
end

local function pad(text, columns, right)
  local spaces = (" "):rep(columns - native.width(text))
  return right and spaces .. text or text .. spaces
end

--- Widths that fit `total`: wide columns give way first, down to `min` of each; the last columns are dropped when that is not enough.
local function widths(cells, columns, total)
  local natural, shown = {}, #columns
  for c = 1, #columns do
    natural[c] = 0
    for _, row in ipairs(cells) do natural[c] = math.max(natural[c], native.width(row[c])) end
  end
  while true do
    local sum, floor = GAP * (shown - 1), GAP * (shown - 1)
    for c = 1, shown do
      sum = sum + natural[c]
      floor = floor + math.min(natural[c], columns[c].min or 6)
    end
    if sum <= total then return natural, shown end
    if floor <= total or shown == 1 then
      local result, over = {}, sum - total
      for c = 1, shown do result[c] = natural[c] end
      while over > 0 do
        local widest
        for c = 1, shown do
          if result[c] > math.min(columns[c].min or 6, natural[c]) and (not widest or result[c] > result[widest]) then widest = c end
        end
        if not widest then break end
        result[widest] = result[widest] - 1
        over = over - 1
      end
      return result, shown
    end
    shown = shown - 1
  end
end

--- Columns of standard output's page.
function M.columns()
  return tonumber(os.getenv "COLUMNS" or "") or native.columns(1) or 80
end

--- Rows as text, a line each, with a heading.
---@param columns { name: string, title: string?, right: boolean?, min: integer? }[] in order of importance
---@param rows table[] each holds its cells by column name; nil shows as empty
---@param total integer? columns of the page, 80 when absent
---@return string
function M.render(columns, rows, total)
  local cells = { {} }
  for c, column in ipairs(columns) do cells[1][c] = column.title or column.name:upper():gsub("_", " ") end
  for _, row in ipairs(rows) do
    local line = {}
    for c, column in ipairs(columns) do
      local value = row[column.name]
      line[c] = value == nil and "" or printable(value)
    end
    cells[#cells + 1] = line
  end
  local width, shown = widths(cells, columns, total or 80)
  local lines = {}
  for r, row in ipairs(cells) do
    local line = {}
    for c = 1, shown do
      local text = M.fit(row[c], width[c])
      line[c] = (c == shown and not columns[c].right) and text or pad(text, width[c], columns[c].right)
    end
    lines[r] = table.concat(line, (" "):rep(GAP)):gsub("%s+$", "") .. "\n"
  end
  return table.concat(lines)
end

--- Breaks `text` at spaces into lines of `columns`, each behind `indent` spaces but the first.
function M.wrap(text, columns, indent)
  local lines, line = {}, ""
  for word in text:gmatch "%S+" do
    if line ~= "" and native.width(line) + 1 + native.width(word) > columns - indent then
      lines[#lines + 1] = line
      line = word
    else
      line = line == "" and word or line .. " " .. word
    end
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n" .. (" "):rep(indent))
end

--- A number with thousands separated: 1234567 -> "1,234,567".
function M.number(n)
  local sign, digits, rest = tostring(n):match "^(-?)(%d+)(.*)$"
  if not digits then return tostring(n) end
  digits = digits:reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", "")
  return sign .. digits .. rest
end

return M
