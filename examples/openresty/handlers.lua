--- Handlers of an application that has tcb in its nginx; see nginx.conf. None blocks the worker: while one waits for the service or
-- for a free slot of the account, the others run.
local json = require "tcb.json"
local nginx = require "tcb.nginx"
local tcb = require "tcb"
local M = {}

local CALLER = "911204567801"                            -- the number that calls
local label                                              -- its id, asked for once a worker

local function answer(status, body)
  ngx.status = status
  ngx.say(json.encode(body))
end

--- An error object as an answer: what the sender did wrong, that it should come again, or that the service is away.
local function refuse(err)
  local status = err.kind == "input" and 400 or err.kind == "rate" and 429 or err.kind == "in_doubt" and 504 or 502
  if err.retry_after_s then ngx.header["Retry-After"] = math.ceil(err.retry_after_s) end
  ngx.log(ngx.WARN, tostring(err))
  return answer(status, { error = err.kind, field = err.field, message = err.message })
end

local function read()
  ngx.req.read_body()
  local body = json.decode(ngx.req.get_body_data() or "")
  return type(body) == "table" and body or {}
end

local function label_id(client)
  if label then return label end
  local found, err = client:labels():find(function(l) return l.label_type == "dynamic" end)
  label = found and found.id
  return label, err
end

--- A call record of the next hour.
local function record(client, receiver, reason)
  local id, err = label_id(client)
  if not id then return nil, err end
  local now = tcb.now()
  return { caller_number = CALLER, receiver_number = receiver, label_id = id, dynamic_call_reason = reason, starts_at = now + 60000,
    ends_at = now + 3600000 }
end

function M.labels()
  local client, err = nginx.client()
  local list
  if client then list, err = client:labels():all() end
  if not list then return refuse(err) end
  return answer(200, json.array(list))
end

--- POST {"phone": "919876543210", "order": "A-1001"}: what the receiver sees when the courier calls.
function M.parcel()
  local order = read()
  if type(order.phone) ~= "string" or type(order.order) ~= "string" then return answer(400, { error = "input", message = "phone and order" }) end
  local client, err = nginx.client()
  local one, ok
  if client then one, err = record(client, order.phone, ("Order %s arrives today"):format(order.order)) end
  if one then ok, err = client:personalise(one) end
  if not ok then return refuse(err) end
  return answer(200, { announced = order.order })
end

--- POST {"phones": [...]}: a batch; answers its id at once.
function M.batch()
  local phones = read().phones
  if type(phones) ~= "table" or #phones == 0 or #phones > 500 then return answer(400, { error = "input", message = "1 to 500 phones" }) end
  local client, err = nginx.client()
  local records, batch = {}, nil
  for i = 1, client and #phones or 0 do
    records[i], err = record(client, tostring(phones[i]), "Your parcel arrives today")
    if not records[i] then return refuse(err) end
  end
  if client then batch, err = client:push(records) end
  if not batch then return refuse(err) end
  return answer(202, { batch = batch.id, records = batch.count })
end

--- GET ?id=: how many rows have which status by now.
function M.batch_status()
  local client, err = nginx.client()
  local rows
  if client then rows, err = client:batch(ngx.var.arg_id or "none"):poll() end
  if not rows then return refuse(err) end
  local counts = {}
  for _, row in ipairs(rows) do
    local what = row.reason or row.status
    counts[what] = (counts[what] or 0) + 1
  end
  return answer(200, counts)
end

--- In the access phase of /call/NUMBER. A call goes on unannounced when that cannot be done within a second.
function M.announce()
  local client = nginx.client(1)
  local number = ngx.var.uri:match "^/call/(%d+)$"
  if not number then return ngx.exit(400) end
  local one = client and record(client, number, "Your courier is calling you")
  ngx.ctx.announced = one ~= nil and client:personalise(one) == true
end

return M
