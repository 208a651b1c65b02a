--- Answers of the service, in the shapes of its documentation.
-- @module tcb.sandbox.answers
local json = require "tcb.json"
local M = {}

local JSON = { ["Content-Type"] = "application/json" }
local HTML = { ["Content-Type"] = "text/html" }

--- A finished body (text or tcb.buf) with a status.
function M.raw(status, body, headers)
  return { status = status, headers = headers or JSON, body = body }
end

function M.json(status, value, order)
  return M.raw(status, json.encode(value, order))
end

--- `{"slug", "message"}`
local function slug(status, name, message)
  return M.raw(status, ('{"slug":"%s","message":%s}'):format(name, json.quote(message)))
end

function M.invalid(message) return slug(400, "invalid-input", message) end
function M.unauthorized(message) return slug(401, "authorization-error", message or "please login again") end
function M.forbidden() return slug(403, "forbidden-error", "not authorized. please contact your admin.") end
function M.not_found(message) return slug(404, "not-found", message or "not found") end
function M.server_error(message) return slug(500, "internal-server-error", message or "something went wrong") end
function M.parse_token() return M.server_error("500/50011 - Failed to parse token") end

function M.too_many(retry_after)
  local answer = slug(429, "too-many-requests", "too many requests")
  if retry_after then
    local whole = retry_after == math.floor(retry_after)
    answer.headers = { ["Content-Type"] = "application/json", ["Retry-After"] = (whole and "%.0f" or "%g"):format(retry_after) }
  end
  return answer
end

function M.html(status, title)
  local page = "<html>\r\n<head><title>%s</title></head>\r\n<body>\r\n<center><h1>%s</h1></center>\r\n</body>\r\n</html>\r\n"
  return M.raw(status, page:format(title, title), HTML)
end

local GATEWAY = { [502] = "502 Bad Gateway", [503] = "503 Service Temporarily Unavailable", [504] = "504 Gateway Time-out" }

--- What an injected fault answers in the service's place.
function M.refuse(fault)
  if fault.parse_token then return M.parse_token() end
  if fault.status == 401 then return M.unauthorized() end
  if fault.status == 403 then return M.forbidden() end
  if fault.status == 404 then return M.not_found() end
  if fault.status == 429 then return M.too_many(fault.seconds) end
  if fault.status == 500 then return M.server_error() end
  return M.html(fault.status, GATEWAY[fault.status])
end

--- Real-time personalisation: `{"status_info": {...}}`.
function M.real_time(status, word, message, field)
  local parts = { ('"status":"%s"'):format(word) }
  if field then parts[2] = ('"field":"%s"'):format(field) end
  parts[#parts + 1] = '"message":' .. json.quote(message)
  return M.raw(status, '{"status_info":{' .. table.concat(parts, ",") .. "}}")
end

--- v1: 200 whatever happened, the batch id inside the text.
function M.text(word, message)
  return M.raw(200, ('{"status":"%s","message":%s}'):format(word, json.quote(message)))
end

return M
