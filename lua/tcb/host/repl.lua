--- The prompt: Lua with the account at hand. Lines that begin with `:` are for the prompt itself (`:help`).
-- @module tcb.host.repl
local core = require "tcb.core"
local errors = require "tcb.errors"
local failure = require "tcb.host.failure"
local native = require "tcb.host.native"
local columns = require "tcb.host.table".columns
local M = {}

local PROMPT, MORE = "> ", ">> "
local struck = false                                     -- Ctrl-C while a line was read

local function out(text)
  io.stdout:write(text, "\n")
end

--- The session: what was run, the last error, what is shown.
local function new_session()
  return { reveal = false, saved = {}, last_error = nil, cache = {} }
end

--- Where lines come from: libedit on a terminal that can, plain reading elsewhere. read(prompt) -> "line", text | "interrupt" | "end".
local function open_input(session)
  local editor
  if native.isatty(0) and native.isatty(1) and (os.getenv "TERM" or "dumb") ~= "dumb" then
    local ok, edit = pcall(require, "tcb.edit")
    editor = ok and edit.open() or nil
  end
  if not editor then
    local shows = native.isatty(0) or native.isatty(1)
    return { read = function(prompt)
      if shows then
        io.stdout:write(prompt)
        io.stdout:flush()
      end
      if struck then return "interrupt" end
      local line = io.read()
      if line == nil then return struck and "interrupt" or "end" end
      return "line", line
    end, remember = function() end, close = function() end }
  end
  for _, line in ipairs(require "tcb.host.history".load()) do editor:remember(line) end
  return {
    read = function(prompt)
      io.stdout:flush()
      local event, text, cursor = editor:read(prompt)
      while event == "tab" do
        require "tcb.host.tab"(editor, text:sub(1, cursor), session, columns())
        event, text, cursor = editor:read(prompt)
      end
      return event, text
    end,
    remember = function(line)
      editor:remember(line)
      require "tcb.host.history".add(line)
    end,
    close = function() editor:close() end,
  }
end

--- `local x = 1` at the prompt would be gone with the next line.
local function without_local(text)
  return (text:gsub("^%s*local%s+function%s", "function ", 1):gsub("^%s*local%s+([%a_][%w_%s,]*=)", "%1", 1))
end

--- A chunk, and whether it is an expression | nil, message, true when more lines may complete it.
local function compile(text)
  local chunk = load("return " .. text, "=stdin", "t")
  if chunk then return chunk, true end
  local message
  chunk, message = load(without_local(text), "=stdin", "t")
  if chunk then return chunk, false end
  return nil, message, message:find("<eof>", 1, true) ~= nil
end

--- "did you mean" for a call of something that is not there, as "attempt to call a nil value (method 'personalize')".
local function hint(message)
  local name = message:match "%(method '([%w_]+)'%)" or message:match "%(field '([%w_]+)'%)" or message:match "%(global '([%w_]+)'%)"
  if not name or not message:find "nil value" then return "" end
  local known, docs = {}, require "tcb.host.docs".index()
  for _, f in ipairs(docs.functions) do known[#known + 1] = f.shown:match "[%w_]+$" end
  for _, class in ipairs(docs.classes) do for _, f in ipairs(class.methods) do known[#known + 1] = f.name end end
  local near = require "tcb.host.args".nearest(name, known)
  return near and near ~= name and ("; did you mean '%s'?"):format(near) or ""
end

local function print_values(session, values)
  local show = require "tcb.host.show"
  for i = 2, values.n do
    local value = values[i]
    if errors.is(value) then session.last_error = value end
    if not (value == nil and values.n > 2 and errors.is(values[i + 1])) then
      out(show.value(value, { width = columns(), reveal = session.reveal }))
    end
  end
  if values.n > 1 then rawset(_G, "_", values[2]) end
end

local function traceback(value)
  if type(value) ~= "string" then return { value = value } end
  return { value = value, trace = native.traceback(2) }
end

--- The statement as a script would hold it; of an expression, what showing it did.
local function as_statement(text, is_expression, value)
  if not is_expression then return without_local(text) end
  if require "tcb.host.show".is_pages(value) then return ("_ = (%s):page(%d)"):format(text, value._query.page or 1) end
  return load(text, "=", "t") and text or "_ = " .. text
end

--- Runs one statement or expression and shows what it gave.
local function evaluate(session, text, chunk, is_expression)
  native.on_interrupt(nil)                               -- Ctrl-C raises inside the call
  local values = table.pack(xpcall(chunk, traceback))
  if values[1] then
    local shown, why = pcall(print_values, session, values)  -- showing pages sends
    session.saved[#session.saved + 1] = as_statement(text, is_expression, values[2])
    if shown then return end
    values = { false, { value = why } }
  end
  local failed = values[2]
  if native.caught() then
    io.stderr:write "cancelled\n"
    return
  end
  session.last_error = failed.value
  local message = failure.describe(failed.value)
  io.stderr:write(failure.clean(message .. hint(message)), "\n")
  if errors.is(failed.value) then io.stderr:write "(:explain says more)\n" end
end

--- `client` at the prompt: made when first used, of --sandbox, the environment or the default profile.
local function offer_globals(session)
  setmetatable(_G, { __index = function(globals, name)
    if name == "tcb" then
      rawset(globals, "tcb", require "tcb")
      return globals.tcb
    elseif name == "client" then
      local client, err = require "tcb".client {}
      if not client then
        session.last_error = err
        error(err, 0)
      end
      rawset(globals, "client", client)
      return client
    end
  end })
end

--- Says whose account this is; without one, offers the sandbox.
local function greet(opts, input)
  local ambient = require "tcb.ambient"
  out(("tcb %s   :help lists what the prompt understands, Ctrl-D ends it"):format(core.version))
  if ambient.credentials then
    out "The sandbox: a made-up account in this process. Nothing leaves this machine."
    return
  end
  local conf, err = require "tcb.config".preview { profile = opts.profile }
  if conf and conf.base_url and conf.account then
    out(("Account %s at %s%s"):format(conf.account, conf.base_url, conf.profile and " (profile " .. conf.profile .. ")" or ""))
    return
  end
  if conf == nil then
    io.stderr:write(failure.clean(tostring(err)), "\n")
    return
  end
  if not native.isatty(0) then
    out "No account is set up; `:sandbox` works with a made-up one."
    return
  end
  local event, line = input.read "No account is set up. Work in the sandbox? [Y/n] "
  if event == "line" and not line:match "^%s*[nN]" then
    ambient.credentials = require "tcb.host.env".credentials
    out "A made-up account; nothing leaves this machine. Try:  client:labels()"
  else
    out "Set one up with `tcb profile add NAME`, or type :sandbox."
  end
end

--- Reads one whole statement. Returns its text, chunk, is_expression | nil at the end of input | false when given up.
local function read_statement(input)
  local text
  struck = false
  native.on_interrupt(function()                         -- Ctrl-C gives up the line, and raises nothing
    struck = true
    native.forget()
  end)
  while true do
    local event, line = input.read(text and MORE or PROMPT)
    if event == "end" or event == nil then return nil end
    if event == "interrupt" then
      out ""
      return false
    end
    if not text and (line:match "^%s*:[%a?]" or not line:match "%S") then
      if line:match "%S" then input.remember(line) end
      return line
    end
    if line:match "%S" then input.remember(line) end
    text = text and text .. "\n" .. line or line
    local chunk, detail, more = compile(text)
    if chunk then return text, chunk, detail end
    if not more then
      io.stderr:write(failure.clean(detail), "\n")
      return false
    end
  end
end

--- Reads and does one thing. Returns "end" when the session is over.
local function step(session, input)
  local text, chunk, is_expression = read_statement(input)
  if text == nil then return "end" end
  if text and chunk then
    evaluate(session, text, chunk, is_expression)
  elseif text and text:match "%S" then
    native.on_interrupt(nil)
    local fine, why = xpcall(require "tcb.host.colon".run, traceback, session, text)
    if fine and why == "quit" then return "end" end
    if not fine then
      if errors.is(why.value) then session.last_error = why.value end
      io.stderr:write(native.caught() and "cancelled" or failure.clean(tostring(why.value)), "\n")
    end
  end
  io.stdout:flush()
end

--- Runs the prompt until the end of its input. Returns the exit code.
function M.run(opts)
  local session = new_session()
  offer_globals(session)
  local input = open_input(session)
  greet(opts or {}, input)
  while true do
    local fine, what = pcall(step, session, input)
    if native.caught() == 143 or native.caught() == 141 then break end
    native.forget()                                      -- a Ctrl-C that fell between two calls cancels nothing
    if fine and what == "end" then break end
    if not fine and not (errors.is(what) and what.kind == "cancelled") then io.stderr:write(failure.clean(tostring(what)), "\n") end
  end
  input.close()
  if native.isatty(0) then out "" end
  return 0
end

return M
