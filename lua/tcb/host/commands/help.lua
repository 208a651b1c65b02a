--- `tcb help [COMMAND]`: made from the commands' own tables, so that it never tells another story than they do.
local commands = require "tcb.host.commands"
local args = require "tcb.host.args"
local json = require "tcb.json"
local wrap = require "tcb.host.table".wrap
local M = { summary = "how to use tcb, or one of its commands", usage = "tcb help [COMMAND]", options = {} }

local function pairs_text(rows, columns)
  local left = 0
  for _, row in ipairs(rows) do if #row[1] <= 26 then left = math.max(left, #row[1]) end end
  if columns < 60 then left = math.min(left, 16) end
  local out = {}
  for _, row in ipairs(rows) do
    local first = "  " .. row[1] .. (" "):rep(left - #row[1])
    if #row[1] > left then first = "  " .. row[1] .. "\n" .. (" "):rep(left + 2) end
    out[#out + 1] = first .. "  " .. wrap(row[2], columns, left + 4) .. "\n"
  end
  return table.concat(out)
end

local function option_rows(options)
  local rows = {}
  for _, entry in ipairs(options) do
    rows[#rows + 1] = { entry[1] .. (entry[2] and " " .. entry[2] or ""), entry[3] .. (entry.many and " (may be repeated)" or "") }
  end
  return rows
end

local function overview(columns)
  local out = { wrap("tcb: Truecaller for Business' caller-ID API from Lua", columns, 0) .. "\n\n" .. pairs_text({
    { "tcb COMMAND [options]", "one of the commands below" },
    { "tcb SCRIPT [args]", "a Lua script; also tcb run SCRIPT" },
    { "tcb -e CHUNK", "a piece of Lua; -l MODULE loads one first" },
    { "tcb", "a prompt (on a terminal), else Lua from stdin" },
  }, columns) .. "\n" }
  for _, group in ipairs(commands.GROUPS) do
    local rows = {}
    for i = 2, #group do
      if commands.has(group[i]) then rows[#rows + 1] = { group[i], commands.get(group[i]).summary } end
    end
    if #rows > 0 then out[#out + 1] = group[1] .. "\n" .. pairs_text(rows, columns) .. "\n" end
  end
  out[#out + 1] = "Options for all of them\n" .. pairs_text(option_rows(args.GLOBAL), columns) .. "\n"
  out[#out + 1] = wrap("'tcb help COMMAND' tells more about one. Start with 'tcb --sandbox', which needs no account.", columns, 0) .. "\n"
  return table.concat(out)
end

local function about(name, columns)
  local command = commands.get(name)
  local out = { wrap("tcb " .. name .. ": " .. command.summary, columns, 0), "\n\n" }
  for line in command.usage:gmatch "[^\n]+" do out[#out + 1] = "  " .. wrap(line, columns, 4) .. "\n" end
  local rows = option_rows(command.options or {})
  for paragraph in ((command.details or "") .. "\n\n"):gmatch "(.-)\n%s*\n" do
    if paragraph:match "%S" then out[#out + 1] = "\n" .. wrap(paragraph, columns, 0) .. "\n" end
  end
  if #rows > 0 then out[#out + 1] = "\nOptions\n" .. pairs_text(rows, columns) end
  out[#out + 1] = "\nOptions for all commands\n" .. pairs_text(option_rows(args.GLOBAL), columns)
  if command.examples then out[#out + 1] = "\nExamples\n  " .. table.concat(command.examples, "\n  ") .. "\n" end
  return table.concat(out)
end

local ORDER = { "name", "group", "summary", "usage", "value", "help", "repeats", "choices", "details", "options", "examples" }

--- One command as an object: what the pages say, for programs.
local function object(name)
  local command, options, of_group = commands.get(name), {}, nil
  for _, group in ipairs(commands.GROUPS) do
    for i = 2, #group do if group[i] == name then of_group = group[1] end end
  end
  for i, entry in ipairs(command.options or {}) do
    options[i] = { name = entry[1], value = entry[2], help = entry[3], repeats = entry.many, choices = entry.choices }
  end
  return json.encode({ name = name, group = of_group, summary = command.summary, usage = command.usage, details = command.details,
    options = json.array(options), examples = command.examples }, ORDER) .. "\n"
end

function M.run(_, words, env)
  local name = words[1]
  if not name or name == "" then
    if not env.json then
      env.out(overview(env.columns))
      return 0
    end
    for _, each in ipairs(commands.names()) do env.out(object(each)) end
    return 0
  end
  if not commands.has(name) then
    local near = args.nearest(name, commands.names())
    return env.usage(("there is no command '%s'%s"):format(name, near and ("; did you mean '%s'?"):format(near) or ""))
  end
  env.out(env.json and object(name) or about(name, env.columns))
  return 0
end

return M
