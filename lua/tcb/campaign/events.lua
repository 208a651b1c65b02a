--- The life of a batch as lines of text in its journal row: `AT WHAT DETAILS`, in the order of the service's ledger.
-- @module tcb.campaign.events
local M = {}

--- One line: when (epoch ms), what, and words about it.
function M.line(what, at, ...)
  return ("%.0f %s\n"):format(at, table.concat({ what, ... }, " "))
end

--- One request: `AT CALL RESULT TOOK_MS TOKEN`; RESULT is the HTTP status, or the kind of failure when there was no answer.
---@param a table an attempt as of tcb.call: call, at, status, kind, sent, sent_at, done_at, token8
function M.attempt(a)
  local result = a.status and a.status > 0 and tostring(a.status) or (a.sent and "" or "unsent-") .. (a.kind or "failed")
  local took = a.sent_at and a.done_at and math.max(0, a.done_at - a.sent_at) or 0
  return ("%.0f %s %s %.0f %s\n"):format(a.sent_at or a.at or 0, a.call or "push", result, took, a.token8 or "-")
end

--- Was this attempt certainly not processed by the service? (API reference, section 9)
function M.not_processed(a)
  if a.status == 200 then return false end
  return not a.sent or a.status == 401 or a.status == 429 or a.status == 503 or a.kind == "auth"
end

--- Reads the lines back: list of { at, what, words }.
function M.read(text)
  local list = {}
  for at, what, rest in (text or ""):gmatch "(%d+) (%S+) ?([^\n]*)\n" do
    list[#list + 1] = { at = tonumber(at), what = what, text = rest }
  end
  return list
end

return M
