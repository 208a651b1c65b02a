--- The client of a competent Lua user, for comparison: Lua 5.4, lua-cjson, and luv for the network. As bench/yardstick/peer_python.py:
-- peer_lua.lua cpu CSV reads, checks and encodes all rows in batches of 500, and counts; push CSV URL MAP sends them, too, on 8
-- connections, and writes the batch ids; rec MAP URL N asks for N status documents and counts outcomes.
local cjson = require "cjson"
local BATCH, DAY_MS, CONNECTIONS = 500, 86400000, 8

--- Sends what `next_request()` -> head and body | nil gives, one after the other on each connection; `on_answer(body)`.
local function exchange(url, next_request, on_answer)
  local uv = require "luv"
  local host, port = url:match "^http://([^:/]+):(%d+)"
  for _ = 1, CONNECTIONS do
    local tcp = uv.new_tcp()
    local parts, have, want
    local function send()
      local request = next_request()
      if not request then return tcp:close() end
      parts, have, want = {}, 0, nil
      tcp:write(request)
    end
    tcp:connect(host, tonumber(port), function(err)
      assert(not err, err)
      tcp:nodelay(true)
      tcp:read_start(function(failed, chunk)
        assert(not failed and chunk, failed or "the connection was closed")
        parts[#parts + 1], have = chunk, have + #chunk
        if not want then
          local head = table.concat(parts)
          local _, behind = head:find("\r\n\r\n", 1, true)
          if not behind then return end
          assert(head:find "^HTTP/1.1 200 ", head:match "^[^\r]*")
          want = behind + tonumber(head:lower():match "\r\ncontent%-length: *(%d+)")
          parts, behind = { head:sub(behind + 1) }, nil
        end
        if have < want then return end
        on_answer(table.concat(parts))
        send()
      end)
      send()
    end)
  end
  uv.run()
end

local function request(method, url, query, body)
  local host, path = url:match "^http://([^/]+)(.*)$"
  return ("%s %s%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s")
    :format(method, path, query, host, #body, body)
end

local mode, input, url, last = arg[1], arg[2], arg[3], arg[4]
if mode == "rec" then
  local ids, n, tally, records = {}, 0, {}, 0
  for line in io.lines(input) do ids[#ids + 1] = line:match "^[^,]*" end
  exchange(url, function()
    if n == tonumber(last) then return nil end
    n = n + 1
    return request("GET", url, "?batchId=" .. ids[(n - 1) % #ids + 1], "")
  end, function(body)
    local data = cjson.decode(body).data
    for i = 1, #data do
      local info = data[i].status_info
      local status, key = info.status, nil
      if status == "success" then key = "success||"
      else key = status .. "|" .. (info.field or "") .. "|" .. (info.message or "") end
      tally[key] = (tally[key] or 0) + 1
    end
    records = records + #data
  end)
  print(('{"records": %d}'):format(records))
  for key, count in pairs(tally) do print(key .. " " .. count) end
  return
end

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

local file = assert(io.open(input, "rb"))
local next_row, header = csv_rows(file)
local place = {}
for i, name in ipairs(header) do place[name] = i end
local caller_at, receiver_at, label_at = place.caller_number, place.receiver_number, place.label_id
local name_at, reason_at, starts_at, ends_at = place.dynamic_label_name, place.dynamic_call_reason, place.starts_at, place.ends_at
local accepted, rejected, batches, now = 0, 0, 0, os.time() * 1000

--- The next body, or nil at the end.
local function next_body()
  local records = {}
  for row in next_row do
    local caller, receiver, name, reason = phone(row[caller_at]), phone(row[receiver_at]), row[name_at], row[reason_at]
    local starts, ends = math.tointeger(tonumber(row[starts_at])), math.tointeger(tonumber(row[ends_at]))
    local name_len, reason_len = utf8.len(name or "") or 0, utf8.len(reason or "") or 0
    if not (starts and ends and caller and receiver) or name_len < 3 or name_len > 40 or reason_len < 10 or reason_len > 100
      or ends <= now or ends - starts > DAY_MS then
      rejected = rejected + 1
    else
      accepted = accepted + 1
      records[#records + 1] = { caller_number = caller, receiver_number = receiver, label_id = row[label_at],
        dynamic_label_name = name, dynamic_call_reason = reason, starts_at = starts, ends_at = ends }
      if #records == BATCH then break end
    end
  end
  if #records == 0 then return nil end
  batches = batches + 1
  return cjson.encode { call_records = records }
end

if mode == "push" then
  local map = assert(io.open(last, "w"))
  exchange(url, function()
    local body = next_body()
    return body and request("POST", url, "", body)
  end, function(body) map:write(cjson.decode(body).batch_id, "\n") end)
  map:close()
else
  while next_body() do end
end
print(('{"accepted": %d, "rejected": %d, "batches": %d}'):format(accepted, rejected, batches))
