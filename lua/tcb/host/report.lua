--- A report for the terminal: outcome bars, reasons, a timeline. Pure: data in, text out.
-- @module tcb.host.report
local core = require "tcb.core"
local native = require "tcb.host.native"
local table_of = require "tcb.host.table"
local M = {}

local OUTCOMES = { { "success", "success", 32 }, { "failed", "failed", 31 }, { "refused", "refused", 33 }, { "expired", "expired", 33 },
  { "in_doubt", "in doubt", 31 }, { "sent", "sent", 34 }, { "waiting", "waiting", 34 } }
local BLOCKS = { "▏", "▎", "▍", "▌", "▋", "▊", "▉" }
local RISING = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" }
local PLAIN_RISING = { ".", ":", "-", "=", "+", "*", "#", "@" }
local REASONS, SLOWEST = 8, 3
local NARROW = 60                                        -- below, names come before shares and bars

--- Does the terminal show more than ASCII? By the locale's name, as programs of the C library do.
function M.is_utf8()
  for _, name in ipairs{ "LC_ALL", "LC_CTYPE", "LANG" } do
    local value = os.getenv(name)
    if value and value ~= "" then return value:lower():find "utf%-?8" ~= nil end
  end
  return false
end

local function instant(ms)
  return (core.instant.format(ms - ms % 60000):gsub("T", " "):gsub(":00Z$", ""))
end

local function share(part, whole)
  return whole > 0 and ("%.1f %%"):format(part * 100 / whole) or "-"
end

--- A bar of at most `columns`, in eighths where the terminal has them. Whatever is more than nothing shows.
local function bar(part, whole, columns, utf8)
  if whole <= 0 or part <= 0 then return "" end
  local eighths = math.max(1, math.floor(part * columns * 8 / whole + 0.5))
  if not utf8 then return ("#"):rep(math.max(1, math.floor(eighths / 8 + 0.5))) end
  return ("█"):rep(math.floor(eighths / 8)) .. (BLOCKS[eighths % 8] or "")
end

local function right(text, columns)
  return (" "):rep(columns - native.width(text)) .. text
end

--- Lines of bars: name, records, share of `whole`, bar.
local function bars(list, whole, o)
  local name_columns, n_columns = 0, 0
  for _, r in ipairs(list) do
    name_columns = math.max(name_columns, native.width(r.name))
    n_columns = math.max(n_columns, #table_of.number(r.n))
  end
  local is_cut = o.columns < NARROW and name_columns + n_columns + 11 > o.columns      -- then the share goes, not the name
  name_columns = math.min(name_columns, is_cut and o.columns - n_columns - 2 or math.floor(o.columns * 0.6))
  local left = o.columns - name_columns - n_columns - 13
  local lines = {}
  for i, r in ipairs(list) do
    local name = table_of.fit(r.name, name_columns)
    local line = name .. right(table_of.number(r.n), name_columns - native.width(name) + n_columns + 2) .. (is_cut and "" or right(share(r.n, whole), 9))
    local drawn = left >= 4 and bar(r.n, whole, left, o.utf8) or ""
    if drawn ~= "" and o.color then drawn = ("\27[%dm%s\27[0m"):format(r.color, drawn) end
    lines[i] = line .. (drawn ~= "" and "  " .. drawn or "") .. "\n"
  end
  return table.concat(lines)
end

local function outcomes(data, o)
  local s, list = data.summary, {}
  for _, outcome in ipairs(OUTCOMES) do
    if s[outcome[1]] > 0 then list[#list + 1] = { name = outcome[2], n = s[outcome[1]], color = outcome[3] } end
  end
  return bars(list, s.records, o)
end

local function reasons(data, o)
  local list = {}
  for i, r in ipairs(data.reasons) do
    if i > REASONS then break end
    list[i] = { name = r.outcome:gsub("_", " ") .. ": " .. core.log.redact(r.text), n = r.records, color = r.outcome == "failed" and 31 or 33 }
  end
  if #list == 0 then return "" end
  local more = #data.reasons - #list
  return "\nReasons\n" .. bars(list, data.summary.records, o) .. (more > 0 and ("%d more with --json\n"):format(more) or "")
end

--- The minutes merged into at most `columns` cells: cells of records a minute, minutes a cell, the most of one cell.
local function cells_of(timeline, columns)
  local first, last = timeline[1].at, timeline[#timeline].at
  local minutes = math.floor((last - first) / 60000) + 1
  local width = math.ceil(minutes / columns)
  local cells, most = {}, 0
  for i = 1, math.ceil(minutes / width) do cells[i] = 0 end
  for _, t in ipairs(timeline) do
    local i = math.floor((t.at - first) / 60000 / width) + 1
    cells[i] = cells[i] + t.records / width
    most = math.max(most, cells[i])
  end
  return cells, width, most
end

local function timeline(data, o)
  if #data.timeline == 0 then return "\nNothing was sent.\n" end
  local busiest, rising = 0, o.utf8 and RISING or PLAIN_RISING
  for _, t in ipairs(data.timeline) do busiest = math.max(busiest, t.records) end
  local cells, width, most = cells_of(data.timeline, o.columns)
  for i, n in ipairs(cells) do cells[i] = n > 0 and rising[math.max(1, math.ceil(n / most * #rising))] or " " end
  local from, to = instant(data.timeline[1].at), instant(data.timeline[#data.timeline].at)
  local drawn = table.concat(cells)
  if o.color then drawn = "\27[34m" .. drawn .. "\27[0m" end
  local lines = { "", "Records a minute" .. (width > 1 and (", %d minutes a column"):format(width) or ""), drawn }
  lines[#lines + 1] = from == to and from .. " UTC" or from .. " to " .. (to:sub(1, 10) == from:sub(1, 10) and to:sub(12) or to) .. " UTC"
  lines[#lines + 1] = ("busiest %s"):format(table_of.number(busiest))
  if data.ceiling > 0 then
    local known = ("ceiling %s (%s)"):format(table_of.number(data.ceiling), share(busiest, data.ceiling))
    local joined = lines[#lines] .. ", " .. known
    if #joined <= o.columns then lines[#lines] = joined else lines[#lines + 1] = known end
  end
  return table.concat(lines, "\n") .. "\n"
end

local function windows(data, o)
  local w = data.windows
  local all = w.met + w.late + w.missed
  if all == 0 then return "" end
  local list = { { name = "met", n = w.met, color = 32 } }
  if w.late > 0 then list[#list + 1] = { name = "late", n = w.late, color = 33 } end
  if w.missed > 0 then list[#list + 1] = { name = "missed", n = w.missed, color = 31 } end
  return "\nWindows\n" .. bars(list, all, o)
end

local function slowest(data, o)
  if #data.slowest == 0 then return "" end
  local rows = {}
  for i = 1, math.min(SLOWEST, #data.slowest) do
    local b = data.slowest[i]
    rows[i] = { batch = b.seq, records = table_of.number(b.records), settled = ("%.1f s"):format(b.seconds), id = b.batch_id }
  end
  return "\nSlowest batches\n" .. table_of.render({ { name = "batch", right = true }, { name = "records", right = true },
    { name = "settled", title = "SETTLED", right = true, min = 7 }, { name = "id", min = 8 } }, rows, o.columns)
end

--- The report as text.
---@param data tcb.ReportData
---@param o { columns: integer, color: boolean, utf8: boolean }
---@return string
function M.render(data, o)
  o = { columns = math.max(30, math.min(o.columns, 120)), color = o.color, utf8 = o.utf8 }
  local s = data.summary
  local head = table_of.fit(data.title, o.columns) .. "\n"
    .. ("%s of %s, %s\n\n"):format(table_of.count(s.records, "record"), table_of.count(s.input, "row"), table_of.count(s.batches, "batch", "batches"))
  return head .. outcomes(data, o) .. reasons(data, o) .. timeline(data, o) .. windows(data, o) .. slowest(data, o)
end

return M
