--- The two deprecated logs. The feedback log is a file to download; the call-me-back log lists the events of this sandbox.
-- @module tcb.sandbox.v1
local answers = require "tcb.sandbox.answers"
local M = {}

local function whole(query, name, digits)
  local text = query[name]
  if not text or text == "" then return nil, answers.invalid(name .. " is required") end
  if not text:match("^%d+$") or #text ~= digits then
    return nil, answers.invalid(("%s must be epoch %s"):format(name, digits == 10 and "seconds" or "milliseconds"))
  end
  return tonumber(text)
end

--- The answer holds a URL on this same sandbox; the file wants no token.
function M.feedback_log(ctx)
  local from, wrong = whole(ctx.query, "from_date", 10)
  if not from then return wrong end
  local path = ("/_sandbox/log/%s/%.0f.csv"):format(ctx.account.id, from)
  return answers.json(200, { url = "http://" .. (ctx.req.headers.host or "127.0.0.1") .. path })
end

--- The feedback file: what the sandbox's user_feedback events said since `from` (epoch seconds).
function M.feedback_file(account, from)
  local lines = { "event_id,created_at,name,client_number,question,response" }
  for _, event in ipairs(account.events) do
    if event.type == "user_feedback" and event.at >= from * 1000 then
      lines[#lines + 1] = ("%s,%.0f,%s,%s,%s,%s"):format(event.id, math.floor(event.at / 1000), event.name, event.client_number,
        event.question, event.response)
    end
  end
  return answers.raw(200, table.concat(lines, "\r\n") .. "\r\n", { ["Content-Type"] = "text/csv" })
end

function M.cmb_log(ctx)
  local from, wrong = whole(ctx.query, "from", 13)
  if not from then return wrong end
  local to
  to, wrong = whole(ctx.query, "to", 13)
  if not to then return wrong end
  local rows = {}
  for _, event in ipairs(ctx.account.events) do
    if event.type == "cmb" and event.at >= from and event.at <= to then rows[#rows + 1] = event.payload end
  end
  if #rows == 0 then return answers.raw(200, '{"message":"No CMB found for client Id"}') end
  return answers.raw(200, "[" .. table.concat(rows, ",") .. "]")
end

return M
