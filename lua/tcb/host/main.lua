--- What the binary does with its arguments: finds the command or the script, runs it protected, returns the exit code.
-- Nothing is loaded that the call does not need: an empty script starts as fast as Lua.
-- @module tcb.host.main
local native = require "tcb.host.native"
local program = require "tcb.program"

program.on_interrupt, program.trim = native.on_interrupt, native.trim

--- Options in front of a command or script: name -> { field, kind }.
local OPTIONS = {
  ["-e"] = { "chunk", "list" }, ["-l"] = { "library", "list" }, ["-i"] = { "interactive" }, ["-v"] = { "version" }, ["--version"] = { "version" },
  ["-h"] = { "help" }, ["--help"] = { "help" }, ["--sandbox"] = { "sandbox" }, ["--profile"] = { "profile", "value" },
  ["--json"] = { "json" }, ["--quiet"] = { "quiet" }, ["--memory-limit"] = { "memory_limit", "value" },
  ["--time-limit"] = { "time_limit", "value" },
}

local function traceback(value)
  return { value = value, traceback = native.traceback(2) }
end

--- Reads the options; returns them and the position of the first argument that is none | nil, text.
local function read(arg)
  local opts, i = { todo = {} }, 1
  while arg[i] do
    local word = arg[i]
    if word == "--" then return opts, i + 1 end
    if word == "-" or word:sub(1, 1) ~= "-" then break end
    local name, value = word, nil
    if word:sub(1, 2) == "--" and word:find("=", 1, true) then name, value = word:match "^(.-)=(.*)$" end
    if not OPTIONS[name] and word:match "^%-[el]." then name, value = word:sub(1, 2), word:sub(3) end
    local option = OPTIONS[name]
    if not option then return nil, name end
    local field, kind = option[1], option[2]
    if not kind and value then return nil, word end
    if kind and not value then
      i = i + 1
      value = arg[i]
      if not value then return nil, name, true end
    end
    if kind == "list" then opts.todo[#opts.todo + 1] = { field, value } else opts[field] = value or true end
    i = i + 1
  end
  return opts, i
end

local function run_chunk(loaded, message, ...)
  if not loaded then error({ syntax = message }, 0) end
  return loaded(...)
end

--- `tcb` is a global in chunks, standard input and the REPL, loaded when first used.
local function offer_tcb()
  if getmetatable(_G) then return end
  setmetatable(_G, { __index = function(globals, name)
    if name ~= "tcb" then return nil end
    local tcb = require "tcb"
    rawset(globals, "tcb", tcb)
    return tcb
  end })
end

local function use_library(name)
  local global, module = name:match "^(.-)=(.*)$"
  local value = require(module or name)
  if rawget(_G, global or name) == nil or global then rawset(_G, global or name, value) end
end

--- Arguments of a script as lua(1) gives them; `--sandbox` behind the script counts as ours: the other reading would send what was
-- meant for the sandbox to the service.
local function script_arguments(arg, at, opts)
  local list = {}
  for i = 0, at do list[i - at] = arg[i] end
  local ours = true
  for i = at + 1, #arg do
    if arg[i] == "--" then ours = false end
    if ours and arg[i] == "--sandbox" then opts.sandbox = true else list[#list + 1] = arg[i] end
  end
  return list
end

local function start_limits(opts)
  if opts.memory_limit or opts.time_limit or opts.sandbox or opts.profile then return require "tcb.host.env".apply(opts) end
  return true
end

local function run_script(name, arg, at, opts)
  local list = script_arguments(arg, at, opts)
  local ok, code = start_limits(opts)
  if not ok then return code end
  _G.arg = list
  for _, item in ipairs(opts.todo) do
    if item[1] == "chunk" then
      offer_tcb()
      run_chunk(load(item[2], "=(command line)", "t"))
    else
      use_library(item[2])
    end
  end
  local unpack = table.unpack
  if name == "-" then
    offer_tcb()
    run_chunk(loadfile(), nil, unpack(list))
  elseif name then
    local chunk, message = loadfile(name)
    if not chunk then error({ syntax = message }, 0) end
    chunk(unpack(list))
  end
  if opts.interactive then return require "tcb.host.repl".run(opts) end
  return 0
end

local function usage(word, lacks_value)
  local text
  if lacks_value then
    text = ("option '%s' needs a value"):format(word)
  else
    local names = {}
    for name in pairs(OPTIONS) do names[#names + 1] = name end
    local near = require "tcb.host.args".nearest(word, names)
    text = ("unknown option '%s'%s"):format(word, near and ("; did you mean '%s'?"):format(near) or "")
  end
  io.stderr:write("tcb: ", text, " ('tcb help' lists the options)\n")
  return 2
end

local function dispatch(arg)
  local opts, at, lacks_value = read(arg)
  if not opts then return usage(at, lacks_value) end
  if opts.version then
    print(("tcb %s (%s)"):format(require "tcb.core".version, _VERSION))
    if not arg[at] and #opts.todo == 0 and not opts.interactive then return 0 end
  end
  local first = arg[at]
  if opts.help then return require "tcb.host.commands".run("help", { first }, opts) end
  if first == "run" then
    if not arg[at + 1] then
      io.stderr:write("tcb run: needs a SCRIPT\n")
      return 2
    end
    local file, message = io.open(arg[at + 1])
    if not file and arg[at + 1] ~= "-" then
      io.stderr:write("tcb run: cannot open script ", require "tcb.host.failure".clean(message), "\n")
      return 2
    end
    if file then file:close() end
    return run_script(arg[at + 1], arg, at + 1, opts)
  end
  if first and first ~= "-" then
    local commands = require "tcb.host.commands"
    if commands.has(first) then return commands.run(first, { table.unpack(arg, at + 1) }, opts) end
    local file, message = io.open(first)
    if not file then return commands.unknown(first, message) end
    file:close()
    return run_script(first, arg, at, opts)
  end
  if first or #opts.todo > 0 then return run_script(first, arg, first and at or at - 1, opts) end
  if opts.interactive or native.isatty(0) then
    local ok, code = start_limits(opts)
    if not ok then return code end
    return require "tcb.host.repl".run(opts)
  end
  return run_script("-", arg, at - 1, opts)
end

return function(arg)
  local ok, code = xpcall(dispatch, traceback, arg)
  if not ok then code = require "tcb.host.failure".report(code) end
  local keeps, caught = package.loaded["tcb.host.commands"], native.caught()
  if caught and not (keeps and keeps.keeps_code) then code = caught end
  local flushed, message, number = native.flush()
  if not flushed then
    if number == 32 then return 141 end                  -- EPIPE
    if code == 0 then
      io.stderr:write("tcb: cannot write the output", number ~= 0 and " (" .. message .. ")" or "", "\n")
      code = 1
    end
  end
  return code or 0
end
