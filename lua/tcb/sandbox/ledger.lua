--- The ledger: one JSON line an event, written before the first byte of an answer. Tests judge by it.
-- Kept in the file that the user named, else in one without a name; read back for `GET /_sandbox/ledger`.
-- @module tcb.sandbox.ledger
local core = require "tcb.core"
local json = require "tcb.json"
local M = {}
local Ledger = {}
Ledger.__index = Ledger

--- Fields in the order of the line.
local ORDER = { "seed", "limits", "call", "account", "method", "path", "status", "token", "records", "batch_id", "fault",
  "answered", "feature_set_id", "action", "count", "event_id", "attempt", "what" }

---@param path? string
---@return table? ledger
---@return tcb.Error? err
function M.open(path)
  local file, err = core.sandbox_file(path)
  if not file then return nil, err end
  return setmetatable({ file = file, n = 0, at = {} }, Ledger)
end

--- Writes an event. `raw_name` and `raw`: a last field whose value is JSON already (a tcb.buf or a string).
-- A ledger that cannot be written ends the program's trust in it: the error is kept and every later event fails too.
function Ledger:write(event, t, fields, raw_name, raw)
  if not self.file then return end
  self.n = self.n + 1
  local parts = { ('{"n":%d,"t":%.0f,"event":"%s"'):format(self.n, t, event) }
  for _, name in ipairs(ORDER) do
    local value = fields[name]
    if value ~= nil then parts[#parts + 1] = ('"%s":%s'):format(name, json.encode(value)) end
  end
  local head = table.concat(parts, ",")
  local offset, err
  if raw then offset, err = self.file:add(head, ',"' .. raw_name .. '":', raw, "}\n")
  else offset, err = self.file:add(head, "}\n") end
  if not offset then error(err, 0) end
  self.at[self.n] = offset
end

--- The lines after event number `since`, as one text | nil, err.
function Ledger:lines(since)
  if not self.file then return "" end
  local from = self.at[(since or 0) + 1]
  if not from then return "" end
  local bytes, err = self.file:read(from, self.file:bytes() - from)
  if not bytes then return nil, err end
  return bytes
end

--- Harmless when repeated. Every line was written when it was made: nothing is left to flush.
function Ledger:close()
  if self.file then self.file:close() end
  self.file = nil
end

return M
