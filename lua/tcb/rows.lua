--- Rows of a batch status, of both spellings, matched to the records that were sent.
-- The service echoes nothing of ours and promises no order, so a row belongs to the record with the same match key (caller,
-- receiver, starts_at, ends_at, label). Where numbers come back masked, several records may fit: those rows are matched as a group.
-- @module tcb.rows
local errors = require "tcb.errors"
local json = require "tcb.json"
local objects = require "tcb.objects"
local M = {}

---@class tcb.Row
---@field id string the service's id of the record
---@field status "success"|"error"|"pending"
---@field reason string? why it failed, in the service's words
---@field field string? the field at fault
---@field status_info table? as it came
---@field record table? the record that was sent, the very table given to push; nil when the row is extra
---@field matched "key"|"group"|nil by its match key; or with others that look the same, since numbers came back masked
---@field caller_number string digits, or as masked by the service
---@field receiver_number string
---@field label_id string?
---@field dynamic_label_name string?
---@field dynamic_call_reason string?
---@field starts_at integer epoch ms
---@field ends_at integer epoch ms
---@field created_at integer? epoch ms

--- v1 name -> v2 name; rows may carry either spelling on any path (an older edition of the v2 pages used the v1 names).
M.V1 = {
  caller = "caller_number", receiver = "receiver_number", label_name = "dynamic_label_name", call_reason = "dynamic_call_reason",
}

local WORDS = { success = "success", successful = "success", error = "error", failure = "error", failed = "error", fail = "error" }

local function make_row(raw)
  local row = {}
  for name, value in pairs(raw) do row[M.V1[name] or name] = value end
  local info = row.status_info
  if type(info) ~= "table" then info = { status = row.status, message = row.message, field = row.field } end
  row.message = nil
  row.status = WORDS[tostring(info.status):lower()] or "pending"
  row.reason = row.status == "error" and (info.message or "no reason given") or nil
  row.field = row.status == "error" and info.field or nil
  row.caller_number, row.receiver_number = objects.digits(row.caller_number), objects.digits(row.receiver_number)
  return objects.instants(row)
end

--- Reads a status answer: v2 and v3 wrap the rows in `data`, v1 is a bare list.
---@param body string|tcb.buf
---@return tcb.Row[]? rows not matched yet
---@return tcb.Error? err kind proto
function M.read(body, call)
  local value, err = json.decode(body)
  if value == nil then
    err.call = call
    return nil, err
  end
  local list = type(value) == "table" and (value.data or (value[1] or next(value) == nil) and value)
  if type(list) ~= "table" then return errors.fail("proto", "the answer holds no rows", { call = call, status = 200 }) end
  local rows = {}
  for i, raw in ipairs(list) do
    if type(raw) ~= "table" then return errors.fail("proto", "a row of the answer is no object", { call = call, status = 200 }) end
    rows[i] = make_row(raw)
  end
  return rows
end

local function key_of(r)
  return table.concat({ tostring(r.caller_number), tostring(r.receiver_number), ("%.0f"):format(tonumber(r.starts_at) or -1),
    ("%.0f"):format(tonumber(r.ends_at) or -1), tostring(r.label_id or ""):lower() }, "|")
end

--- Prepares sent records for M.match.
---@param records table[] as given to push
---@param sent table[] the same as they went out: numbers as digits, v2 names
function M.index(records, sent)
  local index = { by_key = {}, list = {} }
  for i, r in ipairs(sent) do
    local entry = { record = records[i], sent = r, order = i }
    index.by_key[key_of(r)] = entry
    index.list[i] = entry
  end
  return index
end

--- A masked number's visible ends, or nil when it is a whole one: `91******7890`, `XXXXXX7890`.
local function ends_of(number)
  if type(number) ~= "string" or number == "" or number:match "^%d+$" then return nil end
  local head, tail = number:match "^%+?(%d*)[^%d].-(%d*)$"
  return head, tail
end

local function fits(number, shown)
  local head, tail = ends_of(shown)
  if not head then return number == shown end
  return #head + #tail < #number and number:sub(1, #head) == head and (tail == "" or number:sub(-#tail) == tail)
end

local function candidates(index, row, taken)
  local found = {}
  for _, entry in ipairs(index.list) do
    local s = entry.sent
    if not taken[entry] and s.starts_at == row.starts_at and s.ends_at == row.ends_at
      and tostring(s.label_id or ""):lower() == tostring(row.label_id or ""):lower()
      and fits(s.caller_number, row.caller_number) and fits(s.receiver_number, row.receiver_number) then
      found[#found + 1] = entry
    end
  end
  return found
end

--- One group of rows that look the same: the records that fit get the status when all rows agree, else only the counts are exact.
local function match_group(index, rows, taken)
  local found, agree = candidates(index, rows[1], taken), true
  for _, row in ipairs(rows) do agree = agree and row.status == rows[1].status and row.reason == rows[1].reason end
  for i, row in ipairs(rows) do
    if found[i] then
      row.matched = "group"
      if agree then row.record = found[i].record end
      taken[found[i]] = true
    end
  end
end

--- Sets `record` and `matched` of each row. A second row of the same record is extra, and gets neither.
---@param rows tcb.Row[] as of M.read
---@param index table? as of M.index; nil: nothing is known of what was sent
---@return integer settled how many of the records sent are success or error by these rows
function M.match(rows, index)
  if not index then return 0 end
  local taken, groups, order, settled = {}, {}, {}, 0
  for _, row in ipairs(rows) do
    local entry = index.by_key[key_of(row)]
    if entry and not taken[entry] then
      row.record, row.matched = entry.record, "key"
      taken[entry] = true
    elseif not entry and (ends_of(row.caller_number) or ends_of(row.receiver_number)) then
      local look = key_of(row)
      if not groups[look] then groups[look], order[#order + 1] = {}, look end
      table.insert(groups[look], row)
    end
  end
  for _, look in ipairs(order) do match_group(index, groups[look], taken) end
  for _, row in ipairs(rows) do
    if row.matched and row.status ~= "pending" then settled = settled + 1 end
  end
  return settled
end


return M
