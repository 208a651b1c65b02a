--- Options of a campaign: which exist, of what type, and which of them shape the bodies that are sent.
-- @module tcb.campaign.options
local M = {}

--- Options that shape a body: kept in the journal, so that a resume with others is refused. name = type
M.SHAPE = {
  label = "string", caller = "string", map = "table", set = "table", zone = "string", country = "string", plus = "boolean",
  dialect = "string", label_optional = "boolean", batch = "integer", sort = "boolean", strict = "boolean", unique = "boolean",
  lead_s = "number",
  starts_at = "instant", ends_at = "instant", exclude = "string", schedule = "table", each = "function",
}

--- Options of one run: they may differ from run to run.
M.RUN = {
  in_doubt = "string", retry_failed = "integer", wait = "boolean", patience_s = "number", give_up_s = "number", timeout_s = "number",
  max_records = "integer", canary = "integer", stop_over = "number", on_batch = "function", on_outcome = "function",
  on_progress = "function", on_note = "function", progress_s = "number", yes = "boolean", keep_input = "boolean", dry_run = "boolean",
}

local OBJECTS = { client = "table", source = "any", journal = "string" }

--- Bounds of the numbers: { least, most }.
local BOUNDS = {
  batch = { 1, 500 }, retry_failed = { 0, 100 }, patience_s = { 0, 1e9 }, give_up_s = { 0, 1e9 }, timeout_s = { 0, 1e9 },
  max_records = { 0, 1e15 },
  canary = { 1, 1e9 }, stop_over = { 0, 100 }, lead_s = { 0, 1e9 }, progress_s = { 0.01, 3600 },
}

M.DEFAULTS = { batch = 500, in_doubt = "hold", retry_failed = 0, patience_s = 900, give_up_s = 3600, stop_over = 5, progress_s = 1 }

local function has_type(value, want)
  local got = type(value)
  if want == "any" then return true end
  if want == "instant" and got == "string" then return true end
  if want == "integer" or want == "instant" then return got == "number" and value == math.floor(value) end
  return got == want
end

local ARTICLE = { integer = "a whole number", instant = "epoch milliseconds or ISO 8601" }

--- Checks options and returns a copy. Raises at `level` on an unknown name, a wrong type, or a number out of bounds.
---@param who string
---@param given table?
---@param lists table[] of name = type
function M.check(who, given, lists, level)
  level = (level or 1) + 1
  if given ~= nil and type(given) ~= "table" then error(("%s: a table of options is expected, got %s"):format(who, type(given)), level) end
  local out = {}
  for name, value in pairs(given or {}) do
    local want
    for _, list in ipairs(lists) do want = want or list[name] end
    if not want then error(("%s: unknown option '%s'"):format(who, tostring(name)), level) end
    if not has_type(value, want) then
      error(("%s: option '%s' must be %s, not a %s"):format(who, name, ARTICLE[want] or "a " .. want, type(value)), level)
    end
    local bounds = BOUNDS[name]
    if bounds and not (value >= bounds[1] and value <= bounds[2]) then
      error(("%s: option '%s' must be %.0f..%.0f"):format(who, name, bounds[1], bounds[2]), level)
    end
    out[name] = value
  end
  if out.in_doubt and out.in_doubt ~= "hold" and out.in_doubt ~= "resend" then
    error(("%s: option 'in_doubt' must be \"hold\" or \"resend\""):format(who), level)
  end
  return out
end

--- Options of the constructor.
function M.campaign(given, level)
  local all = M.check("tcb.campaign", given, { M.SHAPE, M.RUN, OBJECTS }, (level or 1) + 1)
  return all
end

--- Options of one call, over those of the campaign, over the defaults.
function M.run(who, campaign, given, level)
  local out = {}
  for name, value in pairs(M.DEFAULTS) do out[name] = value end
  for name in pairs(M.RUN) do
    if campaign[name] ~= nil then out[name] = campaign[name] end
  end
  for name, value in pairs(M.check(who, given, { M.RUN }, (level or 1) + 1)) do out[name] = value end
  return out
end

local function canonical(value)
  if type(value) == "function" then return '"function"' end
  if type(value) ~= "table" then
    if type(value) == "number" then return ("%.17g"):format(value) end
    return ("%q"):format(tostring(value)):gsub("\n", "n")
  end
  local keys = {}
  for k in pairs(value) do keys[#keys + 1] = k end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  local parts = {}
  for i, k in ipairs(keys) do parts[i] = ("[%s]=%s"):format(canonical(k), (canonical(value[k]))) end
  return "{" .. table.concat(parts, ",") .. "}"
end

--- The options that shape bodies: name -> one line of text, the same for equal values on every machine.
function M.shape_text(shape)
  local out = {}
  for name in pairs(M.SHAPE) do
    if shape[name] ~= nil and shape[name] ~= false then out[name] = (canonical(shape[name])) end
  end
  return out
end

return M
