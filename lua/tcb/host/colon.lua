--- The prompt's own commands.
-- @module tcb.host.colon
local core = require "tcb.core"
local errors = require "tcb.errors"
local table_of = require "tcb.host.table"
local M = {}

local function out(text)
  io.stdout:write(text, "\n")
end

local COMMANDS = {}

COMMANDS.help = { "", "this list", function()
  out [[
Any Lua works here. `tcb` is the library, `client` the account, `_` the last
value; nothing needs `return` or `print`.
  client:labels()                       a page object: shown as a table
  client:labels():find(function(l) return l.label_type == "dynamic" end)
  client:personalise{ caller_number = ..., receiver_number = ...,
    label_id = ..., starts_at = tcb.now(), ends_at = tcb.now() + 3600000 }
Tab completes names, methods, options and, in quotes, ids of labels and
feature sets.
]]
  for _, name in ipairs(M.names) do
    local command = COMMANDS[name:sub(2)]
    out(("  %-18s %s"):format(name .. " " .. command[1], command[2]))
  end
end }

COMMANDS.doc = { "NAME", "what a function does: :doc client.push", function(_, word)
  local docs = require "tcb.host.docs"
  if word == "" then
    for _, f in ipairs(docs.index().functions) do out("  " .. docs.signature(f)) end
    for _, class in ipairs(docs.index().classes) do
      for _, f in ipairs(class.methods) do out("  " .. docs.signature(f)) end
    end
    return
  end
  local found, class = docs.find(word)
  for i, f in ipairs(found) do out((i > 1 and "\n" or "") .. docs.describe(f, table_of.columns())) end
  if class then out((found[1] and "\n" or "") .. docs.describe_class(class, table_of.columns())) end
  if not found[1] and not class then out(("nothing is called '%s'; :doc alone lists what there is"):format(word)) end
end }

--- What a record's field has to be, for an error that names the field alone.
local function about_field(name)
  local class = require "tcb.host.docs".index().by_class["tcb.Record"]
  for _, field in ipairs(name and class.fields or {}) do
    if field.name == name then return ("correct %s: %s, %s; ':doc tcb.Record' tells the others"):format(name, field.type, field.text) end
  end
end

COMMANDS.explain = { "", "the last error: what it means, what to do", function(session)
  local err = session.last_error
  if err == nil then return out "no error so far" end
  if not errors.is(err) then return out(core.log.redact(tostring(err))) end
  out(core.log.redact(tostring(err)))
  local remedy = err.remedy or errors.remedy(err.kind)
  if not remedy and err.kind == "input" then remedy = about_field(err.field) end
  local rows = { { "kind", err.kind }, { "call", err.call }, { "status", err.status }, { "slug", err.slug }, { "field", err.field },
    { "index", err.index }, { "attempts", err.attempts }, { "may be repeated", err.retryable and "yes" or "no" },
    { "possible again in", err.retry_after_s and ("%g s"):format(err.retry_after_s) }, { "remedy", remedy } }
  for _, row in ipairs(rows) do
    if row[2] ~= nil then out(("  %-18s %s"):format(row[1], table_of.wrap(core.log.redact(tostring(row[2])), table_of.columns(), 21))) end
  end
end }

COMMANDS.limits = { "", "tokens and quota that are left", function()
  local quota = require "tcb.host.quota"
  local status, err = quota.status(_G.client)
  if not status then error(err, 0) end
  out((quota.text(status, table_of.columns()):gsub("\n$", "")))
end }

COMMANDS.clock = { "+2h", "move the sandbox's clock forward (s, m, h, d)", function(_, word)
  local sandbox = require "tcb.host.env".running_sandbox()
  if not sandbox then return out "only the sandbox's clock can be moved" end
  if word == "" then return out(core.instant.format(core.clock.now())) end
  local n, unit = word:match "^%+?(%d+)([smhd]?)$"
  if not n then return out "give a time such as +2h" end
  local seconds = math.tointeger(n) * ({ [""] = 1, s = 1, m = 60, h = 3600, d = 86400 })[unit]
  local ok, err = sandbox:advance(seconds)
  if not ok then error(err, 0) end
  core.clock.advance(seconds * 1000000)
  out("it is " .. core.instant.format(core.clock.now()) .. " now")
end }

COMMANDS.sandbox = { "", "work in the sandbox from here on", function(session)
  require "tcb.ambient".credentials = require "tcb.host.env".credentials
  rawset(_G, "client", nil)
  session.cache = {}
  out "A made-up account; nothing leaves this machine. Try:  client:labels()"
end }

COMMANDS.reveal = { "", "show whole phone numbers, or mask them again", function(session)
  session.reveal = not session.reveal
  out(session.reveal and "whole numbers are shown from here on" or "numbers are masked again")
end }

COMMANDS.save = { "FILE", "write this session as a script", function(session, word)
  if word == "" then return out "give a file: :save first.lua" end
  local lines = {
    "-- A session of tcb's prompt, saved as a script." .. (require "tcb.ambient".credentials and (" Run it with: tcb --sandbox %s"):format(word) or ""),
    'local tcb = require "tcb"', "local client = assert(tcb.client())", "",
  }
  for _, text in ipairs(session.saved) do
    local safe = core.log.redact(text):find("[secret]", 1, true) == nil
    lines[#lines + 1] = safe and text or "-- a line that holds a secret was left out"
  end
  local ok, err = core.private_write(word, table.concat(lines, "\n") .. "\n")
  if not ok then error(err, 0) end
  out(("%d lines are in %s"):format(#session.saved, word))
end }

COMMANDS.quit = { "", "end the session; so does Ctrl-D", function() return "quit" end }

M.names = { ":help", ":doc", ":explain", ":limits", ":clock", ":reveal", ":sandbox", ":save", ":quit" }

--- Runs one line that begins with a colon. Returns "quit" when the session is to end.
function M.run(session, line)
  local name, rest = line:match "^%s*:(%S+)%s*(.-)%s*$"
  if name == "?" then name = "help" elseif name == "q" then name = "quit" end
  local command = COMMANDS[name]
  if not command then
    local near = require "tcb.host.args".nearest(":" .. name, { table.unpack(M.names) })
    return out(("there is no ':%s'%s; :help lists them"):format(name, near and ("; did you mean '%s'?"):format(near) or ""))
  end
  return command[3](session, rest)
end

return M
