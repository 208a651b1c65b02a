--- The client of a competent Lua user, for comparison: Lua 5.4, lua-cjson, no network. peer_lua.lua cpu CSV
-- As bench/yardstick/peer_python.py cpu: reads, checks and encodes all rows in batches of 500, and counts.
local cjson = require "cjson"
local BATCH, DAY_MS = 500, 86400000

--- Rows of a CSV file, each a list of cells; a quoted cell may hold newlines.
local function csv_rows(file)
  local plain                                            -- the pattern of a row without quotes, once the columns are known
  local function next_row()
    local line = file:read "l"
    if not line then return nil end
    if plain and not line:find('"', 1, true) then
      local cells = { line:match(plain) }
      if cells[1] then return cells end
    end
    local cells, at, n = {}, 1, 0
    while true do
      n = n + 1
      if line:byte(at) == 34 then
        local from, text = at + 1, nil
        while true do
          local quote = line:find('"', from, true)
          if not quote then
            local more = file:read "l"
            if not more then return nil end
            line = line .. "\n" .. more
          elseif line:byte(quote + 1) == 34 then
            from = quote + 2
          else
            text = line:sub(at + 1, quote - 1)
            at = quote + 1
            break
          end
        end
        cells[n] = text:gsub('""', '"')
      else
        local comma = line:find(",", at, true)
        cells[n] = line:sub(at, comma and comma - 1)
        at = comma or #line + 1
      end
      if line:byte(at) ~= 44 then return cells end
      at = at + 1
    end
  end
  local header = next_row()
  plain = "^" .. ("([^,]*),"):rep(#header - 1) .. "([^,]*)$"
  return next_row, header
end

--- A number's digits without its +, or nil.
local function phone(text)
  local digits = text:match "^%+?(%d+)$"
  return digits and #digits >= 8 and #digits <= 15 and digits
end

local file = assert(io.open(arg[2], "rb"))
local next_row, header = csv_rows(file)
local place = {}
for i, name in ipairs(header) do place[name] = i end
local caller_at, receiver_at, label_at = place.caller_number, place.receiver_number, place.label_id
local name_at, reason_at, starts_at, ends_at = place.dynamic_label_name, place.dynamic_call_reason, place.starts_at, place.ends_at
local accepted, rejected, batches, records, now = 0, 0, 0, {}, os.time() * 1000

local function flush()
  if #records == 0 then return end
  cjson.encode { call_records = records }
  batches, records = batches + 1, {}
end

for row in next_row do
  local caller, receiver, name, reason = phone(row[caller_at]), phone(row[receiver_at]), row[name_at], row[reason_at]
  local starts, ends = math.tointeger(tonumber(row[starts_at])), math.tointeger(tonumber(row[ends_at]))
  local name_len, reason_len = utf8.len(name or "") or 0, utf8.len(reason or "") or 0
  if not (starts and ends and caller and receiver) or name_len < 3 or name_len > 40 or reason_len < 10 or reason_len > 100 or ends <= now
    or ends - starts > DAY_MS then
    rejected = rejected + 1
  else
    accepted = accepted + 1
    records[#records + 1] = { caller_number = caller, receiver_number = receiver, label_id = row[label_at],
      dynamic_label_name = name, dynamic_call_reason = reason, starts_at = starts, ends_at = ends }
    if #records == BATCH then flush() end
  end
end
flush()
print(('{"accepted": %d, "rejected": %d, "batches": %d}'):format(accepted, rejected, batches))
