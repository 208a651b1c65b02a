--- The commands: which there are, in which order help shows them, and how one is run.
-- Each is a file of tcb.host.commands: { summary, usage, options, run = function(opts, args, env) -> exit code, ... }; further fields:
-- `details` (text for its help), `examples` (list of lines), `keeps_code` (its exit code stands when a signal ended it).
-- @module tcb.host.commands
local native = require "tcb.host.native"
local M = { keeps_code = false }

M.GROUPS = {
  { "First steps", "sandbox", "doctor", "profile", "help", "completion" },
  { "Account", "labels", "feature-sets", "numbers", "publish", "delist", "personalise", "status", "tokens", "pause", "resume" },
  { "Campaigns", "plan", "push", "reconcile", "why", "export", "report", "journal", "rehearse" },
  { "Events", "listen", "inbox" },
}

local function module_of(name)
  return "tcb.host.commands." .. name:gsub("%-", "_")
end

--- Every command name, in the order of help.
function M.names()
  local names = {}
  for _, group in ipairs(M.GROUPS) do
    for i = 2, #group do if M.has(group[i]) then names[#names + 1] = group[i] end end
  end
  return names
end

--- Is `name` a command?
function M.has(name)
  for _, group in ipairs(M.GROUPS) do
    for i = 2, #group do
      if group[i] == name then
        local module = module_of(name)
        return native.source(module) ~= nil or package.searchpath(module, package.path) ~= nil
      end
    end
  end
  return false
end

--- The table of a command.
function M.get(name)
  return require(module_of(name))
end

local function complain(name, text)
  io.stderr:write("tcb ", name, ": ", text, " ('tcb help ", name, "' shows them all)\n")
  return 2
end

--- Runs a command with its arguments; `given` are the options that stood in front of its name. Returns the exit code.
function M.run(name, argv, given)
  local args = require "tcb.host.args"
  local command = M.get(name)
  local opts, rest = args.parse(argv, command.options or {})
  if not opts then return complain(name, rest) end
  for _, field in ipairs { "sandbox", "profile", "json", "quiet", "memory_limit", "time_limit" } do
    if opts[field] == nil then opts[field] = given[field] end
  end
  if opts.help then return M.get "help".run({}, { name }, require "tcb.host.env".new(opts, name)) end
  local env = require "tcb.host.env"
  local ok, code = env.apply(opts)
  if not ok then return code end
  M.keeps_code = command.keeps_code or false
  return command.run(opts, rest, env.new(opts, name))
end

--- What to say when a word is neither a command nor a file. Returns the exit code.
function M.unknown(word, message)
  local clean = require "tcb.host.failure".clean
  local near = not word:find "[./]" and require "tcb.host.args".nearest(word, M.names())
  if near then
    io.stderr:write("tcb: '", word, "' is neither a command nor a file; did you mean 'tcb ", near, "'?\n")
  elseif word:find "[./]" then
    io.stderr:write("tcb: cannot open script ", clean(message), "\n")
  else
    io.stderr:write("tcb: '", clean(word), "' is neither a command ('tcb help' lists them) nor a file\n")
  end
  return 2
end

return M
