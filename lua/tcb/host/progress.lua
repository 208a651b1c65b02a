--- Progress of a campaign on standard error: one line rewritten on a terminal, a plain line now and then elsewhere, or JSON lines.
-- @module tcb.host.progress
local core = require "tcb.core"
local json = require "tcb.json"
local native = require "tcb.host.native"
local table_of = require "tcb.host.table"
local M = {}

local PLAIN_S, JSON_S, TERMINAL_S = 10, 1, 0.25
local ORDER = { "elapsed_s", "records", "sent_now", "records_per_minute", "ceiling", "tokens", "in_flight", "fraction", "eta_s",
  "success", "failed",
  "refused", "expired", "in_doubt", "waiting", "sent", "late", "batches", "requests", "mints", "rate_limited" }

local function duration(s)
  if s >= 3600 then return ("%d:%02d:%02d"):format(math.floor(s / 3600), math.floor(s % 3600 / 60), math.floor(s % 60)) end
  return ("%d:%02d"):format(math.floor(s / 60), math.floor(s % 60))
end

--- The parts of a line in their order, and in the order in which they get room; once nothing is left to send, outcomes come before the rate.
local PARTS = { "sent", "settled", "open", "refused", "doubt", "rate", "tokens", "flight", "elapsed", "left" }
local SENDING = { "sent", "left", "rate", "settled", "doubt", "share", "elapsed", "tokens", "flight", "refused", "open" }
local SETTLING = { "sent", "settled", "doubt", "open", "elapsed", "rate", "tokens", "share", "flight", "refused" }

--- The parts of a line by name.
local function parts_of(p)
  local n, part = table_of.number, {}
  if p.sent_now > 0 or p.success + p.failed + p.sent == 0 then part.sent = n(p.sent_now) .. " sent" end
  if p.success + p.failed > 0 then part.settled = ("%s ok, %s failed"):format(n(p.success), n(p.failed)) end
  if p.sent > 0 then part.open = n(p.sent) .. " open" end
  if p.refused > 0 then part.refused = n(p.refused) .. " refused" end
  if p.in_doubt > 0 then part.doubt = n(p.in_doubt) .. " in doubt" end
  if p.sent_now > 0 then
    part.rate = n(math.floor(p.records_per_minute + 0.5)) .. "/min"
    if p.ceiling and p.ceiling > 0 then part.share = (" (%.0f %%)"):format(p.records_per_minute * 100 / p.ceiling) end
  end
  if p.tokens then part.tokens = table_of.count(p.tokens, "token") end
  if p.in_flight and p.in_flight > 0 then part.flight = p.in_flight .. " in flight" end
  part.elapsed = duration(p.elapsed_s)
  if p.eta_s then part.left = duration(p.eta_s) .. " left" end
  return part
end

local function joined(part)
  local list = {}
  for _, name in ipairs(PARTS) do
    if part[name] then list[#list + 1] = name == "rate" and part.rate .. (part.share or "") or part[name] end
  end
  return table.concat(list, ", ")
end

--- One line of text out of a progress table. Pure.
---@param p table as of the hook on_progress
---@param columns integer? at most so many: what matters least is left out
function M.line(p, columns)
  local all = parts_of(p)
  if not columns then return joined(all) end
  local part, text = {}, nil
  for _, name in ipairs(all.left and SENDING or SETTLING) do
    part[name] = all[name]
    local longer = joined(part)
    if native.width(longer) > columns then part[name] = nil else text = longer end
    if all[name] and not text then return table_of.fit(longer, columns) end
  end
  return text
end

--- On a terminal: one line, rewritten. No escape sequence is needed: what is left of a longer line is covered with spaces.
local function on_terminal()
  local width = 0                                        -- of what stands there
  local function draw(text)
    local w = native.width(text)
    io.stderr:write("\r", text, (" "):rep(math.min(width, (native.columns(2) or 80) - 1) - w))
    io.stderr:flush()
    width = w
  end
  return {
    every_s = TERMINAL_S,
    hook = function(p) draw(M.line(p, (native.columns(2) or 80) - 1)) end,
    say = function(text)
      if width > 0 then
        draw ""
        io.stderr:write "\r"
      end
      io.stderr:write(core.log.redact(text), "\n")
    end,
    finish = function()
      if width > 0 then io.stderr:write "\n" end
      width = 0
    end,
  }
end

--- Elsewhere: a plain line now and then.
local function in_lines()
  local shown
  return {
    every_s = PLAIN_S,
    hook = function(p)
      if shown and core.clock.mono() - shown < PLAIN_S * 0.9e6 then return end
      shown = core.clock.mono()
      if p.elapsed_s >= PLAIN_S * 0.9 then io.stderr:write(M.line(p), "\n") end
    end,
    say = function(text) io.stderr:write(core.log.redact(text), "\n") end,
    finish = function() end,
  }
end

--- A hook for on_progress and its interval in seconds; nil with --quiet. `say` puts another line on standard error,
-- `finish` ends the rewritten one.
---@return { hook: function, every_s: number, say: function, finish: function }?
function M.new(opts)
  if opts.quiet then return nil end
  if opts.progress == "json" then
    local function put(object) io.stderr:write(json.encode(object, ORDER), "\n") end
    return { every_s = JSON_S, hook = put, say = function(text) put { note = core.log.redact(text) } end, finish = function() end }
  end
  local is_rewritten = native.isatty(2) and os.getenv "TERM" ~= "dumb"
  return is_rewritten and on_terminal() or in_lines()
end

return M
