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

--- One line of text out of a progress table. Pure.
---@param p table as of the hook on_progress
---@param columns integer? cut to so many
function M.line(p, columns)
  local n, parts = table_of.number, {}
  parts[#parts + 1] = n(p.sent_now) .. " sent"
  if p.success + p.failed > 0 then parts[#parts + 1] = ("%s ok, %s failed"):format(n(p.success), n(p.failed)) end
  if p.sent > 0 then parts[#parts + 1] = n(p.sent) .. " open" end
  if p.refused > 0 then parts[#parts + 1] = n(p.refused) .. " refused" end
  if p.in_doubt > 0 then parts[#parts + 1] = n(p.in_doubt) .. " in doubt" end
  if p.sent_now > 0 then
    local rate = n(math.floor(p.records_per_minute + 0.5)) .. "/min"
    if p.ceiling and p.ceiling > 0 then rate = rate .. (" (%.0f %%)"):format(p.records_per_minute * 100 / p.ceiling) end
    parts[#parts + 1] = rate
  end
  if p.tokens then parts[#parts + 1] = ("%d token%s"):format(p.tokens, p.tokens == 1 and "" or "s") end
  if p.in_flight and p.in_flight > 0 then parts[#parts + 1] = p.in_flight .. " in flight" end
  parts[#parts + 1] = duration(p.elapsed_s) .. (p.eta_s and ", ready in " .. duration(p.eta_s) or "")
  local text = table.concat(parts, ", ")
  return columns and table_of.fit(text, columns) or text
end

--- A hook for on_progress, and its interval in seconds; nil with --quiet. `finish` ends the rewritten line.
---@return { hook: function, every_s: number, finish: function }?
function M.new(opts)
  if opts.quiet then return nil end
  local shown, drawn
  if opts.progress == "json" then
    return { every_s = JSON_S, hook = function(p) io.stderr:write(json.encode(p, ORDER), "\n") end, finish = function() end }
  end
  if native.isatty(2) and os.getenv "TERM" ~= "dumb" then
    return {
      every_s = TERMINAL_S,
      hook = function(p)
        drawn = true
        io.stderr:write("\r", M.line(p, (native.columns(2) or 80) - 1), "\27[K")
        io.stderr:flush()
      end,
      finish = function() if drawn then io.stderr:write("\n") end end,
    }
  end
  return {
    every_s = PLAIN_S,
    hook = function(p)
      if shown and core.clock.mono() - shown < PLAIN_S * 0.9e6 then return end
      shown = core.clock.mono()
      if p.elapsed_s >= PLAIN_S * 0.9 then io.stderr:write(M.line(p), "\n") end
    end,
    finish = function() end,
  }
end

return M
