--- Webhook events beside a campaign's records: what a receiver answered while the campaign ran.
-- The campaign's time goes from its first batch to a week after its last window. Events come from a webhook inbox (tcb.inbox).
-- @module tcb.campaign.webhooks
local core = require "tcb.core"
local event = require "tcb.event"
local json = require "tcb.json"
local M = {}

local AFTER_MS = 7 * 86400 * 1000         -- feedback comes late

--- The campaign's time: since, before (ms); nil when nothing was planned yet.
function M.time(j)
  local row = assert(j:statement "SELECT min(planned_at), max(last_ends_at) FROM batch"):row()
  if not row or not row[1] then return nil end
  return row[1], row[2] + AFTER_MS
end

--- Opens the inbox at `path`; without a path the usual one, which need not be there: then nil alone.
---@return tcb.Inbox? box nil: there is none, or nil, err
---@return tcb.Error? err
function M.open(path)
  local inbox = require "tcb.inbox"
  if not path then
    path = inbox.default_path()
    local file = io.open(path, "rb")
    if not file then return nil end
    file:close()
  end
  return inbox.open(path, { readonly = true })
end

--- What the export and `tcb why` tell of an event. `answers` is a map.
local function brief(e)
  local day = e.slot and (e.slot.date or e.slot.day)
  local slot = day and { day = day, from_at = e.slot.from_at, to_at = e.slot.to_at } or nil
  return { event_id = e.id, type = e.type, at = e.created_at or e.received_at, received_at = e.received_at, number = e.number,
    scenario = e.scenario, slot = slot, survey = e.survey, answers = e.answers }
end

--- The events of the numbers that end in `digits`, in the campaign's time, oldest first.
---@return table[] list { event_id, type, at, received_at, number, scenario?, slot?, survey?, answers? }
function M.of(box, j, digits)
  local since, before = M.time(j)
  local list = {}
  if not since then return list end
  for entry in box:entries { number_ends = digits, since = since, before = before } do
    local e = event.new(entry.body, { seq = entry.seq, received_at = entry.received_at })
    if e then list[#list + 1] = brief(e) end
  end
  return list
end

--- One line about an event, without numbers.
function M.describe(e)
  local text = e.type ~= "" and e.type or "event"
  if e.scenario then text = text .. " " .. e.scenario end
  if e.slot then text = text .. " " .. e.slot.day end
  local names = {}
  for question in pairs(e.answers or {}) do names[#names + 1] = question end
  table.sort(names)
  for i, question in ipairs(names) do text = text .. (i == 1 and " " or ", ") .. question .. " " .. e.answers[question] end
  return text
end

--- All events in the campaign's time by number: number -> text, events separated by "; ". Memory grows with the events, not the records.
function M.texts(box, j)
  local since, before = M.time(j)
  local map = {}
  if not since then return map end
  for entry in box:entries { since = since, before = before } do
    local e = entry.number and event.new(entry.body, { received_at = entry.received_at })
    if e then
      local text = core.instant.format(e.created_at or e.received_at) .. " " .. M.describe(brief(e))
      map[entry.number] = map[entry.number] and map[entry.number] .. "; " .. text or text
    end
  end
  return map
end

local function same_column(a, b)
  local function fold(name) return name:match "^%s*(.-)%s*$":lower():gsub("[ -]", "_") end
  return fold(a) == fold(b)
end

--- The column of the receiver among `names`, by the shape that the campaign has; nil when it has none.
function M.receiver_column(names, shape)
  local wanted = shape.map and shape.map.receiver_number
  for _, candidate in ipairs { wanted or "receiver_number", not wanted and "receiver" or nil } do
    for _, name in ipairs(names) do
      if same_column(name, candidate) then return name end
    end
  end
end

--- The digits of the receiver in a row of the export; nil when they cannot be read.
function M.receiver_of(row, column, shape)
  local text = column and row[column]
  return text and (core.phone.parse(tostring(text), shape.country)) or nil
end

local function csv_cell(value)
  local text = value == nil and "" or tostring(value)
  if text:find '[",\r\n]' then return '"' .. text:gsub('"', '""') .. '"' end
  return text
end

--- Wraps a writer of JSON rows: adds `tcb_events` behind the last column and writes `format` ("csv" or "json"). Returns write, begin for
--- tcb.campaign.export.
function M.writer(box, j, shape, format, write)
  local map, names, column = M.texts(box, j), nil, nil
  local function begin(columns)
    names, column = {}, M.receiver_column(columns, shape)
    for i, name in ipairs(columns) do names[i] = name end
    for _, name in ipairs { "tcb_line", "tcb_outcome", "tcb_reason", "tcb_batch_id", "tcb_record_id", "tcb_matched", "tcb_events" } do
      names[#names + 1] = name
    end
    if format ~= "csv" then return end
    local cells = {}
    for i, name in ipairs(names) do cells[i] = csv_cell(name) end
    write(table.concat(cells, ",") .. "\n")
  end
  local function put(text)
    local out = {}
    for line in text:gmatch "[^\n]+" do
      local row = json.decode(line)
      row.tcb_events = map[M.receiver_of(row, column, shape) or ""]
      if format == "csv" then
        local cells = {}
        for i, name in ipairs(names) do cells[i] = csv_cell(row[name]) end
        out[#out + 1] = table.concat(cells, ",")
      else
        out[#out + 1] = json.encode(row, names)
      end
    end
    write(table.concat(out, "\n") .. "\n")
  end
  return put, begin
end

return M
