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

--- Which columns there is room for, the first always, and how wide each may be: a column that does not fit with its least width is
-- left out; then the widest gives way until the rest fits. The least is `min` of the column, never below its title.
local function widths(cells, columns, total)
  local width, least, shown, room = {}, {}, {}, total + GAP
  for c, column in ipairs(columns) do
    width[c] = 0
    for _, row in ipairs(cells) do width[c] = math.max(width[c], native.width(row[c])) end
    least[c] = math.min(width[c], math.max(column.min or 6, native.width(cells[1][c])))
    if c == 1 or least[c] + GAP <= room then
      shown[#shown + 1] = c
      room = room - least[c] - GAP
    end
  end
  local over = -GAP - total
  for _, c in ipairs(shown) do over = over + width[c] + GAP end
  while over > 0 do
    local widest
    for _, c in ipairs(shown) do
      if width[c] > least[c] and (not widest or width[c] > width[widest]) then widest = c end
    end
    if not widest then break end
    width[widest] = width[widest] - 1
    over = over - 1
  end
  return width, shown
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
    for i, c in ipairs(shown) do
      local text = M.fit(row[c], width[c])
      line[i] = (i == #shown and not columns[c].right) and text or pad(text, width[c], columns[c].right)
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

--- So many of something: "1 batch", "1,200 batches".
---@param many string? the word for any other number; without it `one` and an s
function M.count(n, one, many)
  return M.number(n) .. " " .. (n == 1 and one or many or one .. "s")
end

return M
