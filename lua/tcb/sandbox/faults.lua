--- Faults on request: `CALL:WHICH:WHAT`, as in `push:3:reset-after-commit`, `status:2-5:503`, `*:5%:429+2`.
-- Each fault counts the requests of its call from the moment it was set. The first that applies wins.
-- @module tcb.sandbox.faults
local M = {}

M.CALLS = { "token", "labels", "personalise", "push", "status", "feature_sets", "numbers", "publish", "delist",
  "v1_personalise", "v1_push", "v1_status", "feedback_log", "cmb_log", "other" }
local IS_CALL = { ["*"] = true }
for _, name in ipairs(M.CALLS) do IS_CALL[name] = true end

--- kind: `refuse` answers instead of the service; `spoil` changes the answer of a processed request; `before` cuts at once.
local WHATS = {
  ["parse-token"] = { kind = "refuse", status = 500, parse_token = true },
  html = { kind = "spoil" }, empty = { kind = "spoil" }, truncate = { kind = "spoil", cut = "truncate" },
  ["reset-after-commit"] = { kind = "spoil", cut = "reset-after-commit" }, stall = { kind = "spoil", cut = "stall" },
  ["reset-before"] = { kind = "before", cut = "reset-before" },
}
for _, status in ipairs { 401, 403, 404, 429, 500, 502, 503, 504 } do
  WHATS[("%d"):format(status)] = { kind = "refuse", status = status }
end
local TAKES_SECONDS = { ["429"] = true, stall = true }

local function which(text)
  local one, last, percent = text:match("^(%d+)$"), nil, text:match("^(%d+%.?%d*)%%$")
  if percent and tonumber(percent) <= 100 then return { percent = tonumber(percent) } end
  if not one then one, last = text:match("^(%d+)%-(%d+)$") end
  one, last = tonumber(one), tonumber(last or one)
  if one and one >= 1 and last >= one then return { first = one, last = last } end
end

--- Parses one spec. Does not block.
---@return table? fault
---@return string? why what is wrong with it
function M.parse(spec)
  local call, range, what = tostring(spec):match("^([%w_*]+):([^:]+):([^:]+)$")
  if not call then return nil, ("fault '%s': CALL:WHICH:WHAT is expected, as in push:3:503"):format(tostring(spec)) end
  if not IS_CALL[call] then return nil, ("fault '%s': unknown call '%s'"):format(spec, call) end
  local when = which(range)
  if not when then return nil, ("fault '%s': N, N-M or P%% is expected, got '%s'"):format(spec, range) end
  local word, seconds = what:match("^([^+]+)%+(%d+%.?%d*)$")
  local known = WHATS[word or what]
  if not known or (seconds and not TAKES_SECONDS[word]) or (what == "stall") then
    return nil, ("fault '%s': unknown fault '%s'"):format(spec, what)
  end
  return { spec = spec, call = call, when = when, what = what, seconds = tonumber(seconds), kind = known.kind,
    status = known.status, cut = known.cut, parse_token = known.parse_token, seen = 0 }
end

--- Faults in force. `draw(name)` gives a number in 0..1 that depends on the seed and the name alone.
function M.new(draw)
  local self = { list = {}, made = 0 }

  --- Adds a spec: true | nil, why.
  function self:add(spec)
    local fault, why = M.parse(spec)
    if not fault then return nil, why end
    self.made = self.made + 1
    fault.number = self.made
    self.list[#self.list + 1] = fault
    return true
  end

  function self:clear() self.list = {} end

  --- The fault that this request of `call` meets, or nil. Counts the request.
  function self:pick(call)
    local found
    local i = 1
    while i <= #self.list do
      local f = self.list[i]
      local when, over = f.when, false
      if f.call == call or f.call == "*" then
        f.seen = f.seen + 1
        local hit
        if when.percent then
          hit = draw(("fault %d %d"):format(f.number, f.seen)) * 100 < when.percent
        else
          hit = f.seen >= when.first and f.seen <= when.last
          over = f.seen >= when.last
        end
        if hit and not found then found = f end
      end
      if over then table.remove(self.list, i) else i = i + 1 end
    end
    return found
  end

  return self
end

return M
