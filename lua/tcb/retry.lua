--- Decides what a failed request means and whether it may be repeated. Pure: no clock, no I/O, no random numbers of its own.
-- What "not processed" is comes from the API reference, section Errors: a push or a real-time call is repeated only when it was
-- certainly not processed; every other call may be.
-- @module tcb.retry
local M = {}

local ATTEMPTS = 5                     -- of one call, after failures of network or service
local REFUSALS = 10                    -- of one call, after 429: the governor paces those
local BASE_S, CAP_S = 0.5, 8
local RETRY_AFTER_MAX_S = 300          -- a service that asks for more is asked again sooner

local PASSING = { server = true, net = true, timeout = true, proto = true }

--- Did the service certainly do nothing with this request?
local function is_unprocessed(f)
  return not f.sent or f.status == 401 or f.status == 429 or f.status == 503 or f.kind == "auth"
end

local function backoff(f)
  local jittered = (f.random or 1) * math.min(CAP_S, BASE_S * 2 ^ (f.attempts - 1))
  return math.max(jittered, math.min(f.retry_after_s or 0, RETRY_AFTER_MAX_S))
end

--- What to do after a failed request.
-- `f`: call (as in the ledger), repeatable (may the call be repeated whatever happened to it), kind, status (nil: no answer),
-- attempts (requests made for this call, at least 1), sent (had the first byte left), retry_after_s, left_s (until the call's
-- deadline), random (0..1, the jitter), is_fresh (auth: the token was minted after this call's first failure).
---@param f table
---@return "stop"|"repeat"|"token" action token: repeat with another token
---@return number wait_s before that; for "stop" 0
---@return string? kind of the error to give up with, when it is another: in_doubt
function M.decide(f)
  local kind = f.kind
  if not f.repeatable and not is_unprocessed(f) and kind ~= "input" and kind ~= "forbidden" and kind ~= "not_found" then
    return "stop", 0, "in_doubt"
  end
  if kind == "auth" then
    if f.call == "token" or f.is_fresh then return "stop", 0 end
    return "token", 0
  end
  local most = kind == "rate" and REFUSALS or PASSING[kind] and ATTEMPTS or 0
  if f.attempts >= most then return "stop", 0 end
  local wait_s = backoff(f)
  if f.left_s and wait_s >= f.left_s then return "stop", 0 end
  return "repeat", wait_s
end

return M
