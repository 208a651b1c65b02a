--- Reads a command's arguments by the command's own list of options.
-- An entry is { "--name", "METAVAR" | nil, "help text", many = true, type = "integer" | "number", min =, max =, choices = {} };
-- without a metavar it is a flag. The value of `--in-doubt` comes back as `in_doubt`; of one with `many` as a list.
-- @module tcb.host.args
local M = {}

--- What every command takes as well, before or behind its name.
M.GLOBAL = {
  { "--sandbox", nil, "work against a sandbox in this process: no account, no network" },
  { "--profile", "NAME", "credentials and settings of this profile" },
  { "--json", nil, "machine-readable output, one JSON object a line" },
  { "--quiet", nil, "no progress and no remarks on standard error" },
  { "--memory-limit", "SIZE", "stop when Lua and tcb use more, such as 64M" },
  { "--time-limit", "S", "stop after S seconds" },
  { "--help", nil, "show this help" },
}

local function distance(a, b)                            -- edits from a to b; swapped neighbours count as one
  local rows = { [0] = {} }
  for j = 0, #b do rows[0][j] = j end
  for i = 1, #a do
    rows[i] = { [0] = i }
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      local best = math.min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (same and 0 or 1))
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        best = math.min(best, rows[i - 2][j - 2] + 1)
      end
      rows[i][j] = best
    end
  end
  return rows[#a][#b]
end

--- The name most like `word`, nil when none is near. Pure.
function M.nearest(word, names)
  local best, least = nil, math.max(2, math.floor(#word / 3)) + 1
  table.sort(names)
  for _, name in ipairs(names) do
    local d = distance(word, name)
    if #word >= 3 and name:sub(1, #word) == word then d = math.min(d, 1) end
    if d < least then best, least = name, d end
  end
  return best
end

local function convert(entry, value)
  local name = entry[1]
  if entry.type then
    local n = tonumber(value)
    if not n or n ~= n or n == math.huge or n == -math.huge then return nil, ("%s needs a number, not '%s'"):format(name, value) end
    if entry.type == "integer" then
      if n ~= math.floor(n) then return nil, ("%s needs a whole number, not '%s'"):format(name, value) end
      n = math.tointeger and math.tointeger(n) or n
    end
    if entry.min and n < entry.min or entry.max and n > entry.max then
      return nil, ("%s must be %s..%s, not %s"):format(name, entry.min or "", entry.max or "", value)
    end
    return n
  end
  if entry.choices then
    for _, choice in ipairs(entry.choices) do if value == choice then return value end end
    return nil, ("%s is one of %s, not '%s'"):format(name, table.concat(entry.choices, ", "), value)
  end
  return value
end

local function index(options)
  local known, names = {}, {}
  for _, list in ipairs { options or {}, M.GLOBAL } do
    for _, entry in ipairs(list) do
      if not known[entry[1]] then
        known[entry[1]] = entry
        names[#names + 1] = entry[1]
      end
    end
  end
  return known, names
end

--- Splits `argv` into options and the rest. What follows `--` is never an option; with `command = true` in the list of options it
-- comes back apart, in `rest.command`.
---@param argv string[]
---@param options table[] the command's list
---@return table? opts
---@return string[]|string rest_or_text the rest; or, when opts is nil, what is wrong
function M.parse(argv, options)
  local known, names = index(options)
  local opts, rest, i = {}, {}, 1
  while argv[i] do
    local word = argv[i]
    if word == "--" then
      local into = rest
      if options.command then rest.command = {} into = rest.command end
      for j = i + 1, #argv do into[#into + 1] = argv[j] end
      break
    elseif word == "-h" then
      opts.help = true
    elseif word:sub(1, 1) == "-" and word ~= "-" and not word:match "^%-%d+$" then
      local name, value = word, nil
      if word:sub(1, 2) == "--" and word:find("=", 1, true) then name, value = word:match "^(.-)=(.*)$" end
      local entry = known[name]
      if not entry then
        local near = M.nearest(name, names)
        return nil, ("unknown option '%s'%s"):format(name, near and ("; did you mean '%s'?"):format(near) or "")
      end
      local field = name:gsub("^%-+", ""):gsub("%-", "_")
      if not entry[2] then
        if value then return nil, ("option '%s' takes no value"):format(name) end
        opts[field] = true
      else
        if not value then
          i = i + 1
          value = argv[i]
          if not value then return nil, ("option '%s' needs a value: %s %s"):format(name, name, entry[2]) end
        end
        local converted, wrong = convert(entry, value)
        if wrong then return nil, wrong end
        if entry.many then
          opts[field] = opts[field] or {}
          table.insert(opts[field], converted)
        else
          opts[field] = converted
        end
      end
    else
      rest[#rest + 1] = word
    end
    i = i + 1
  end
  return opts, rest
end

return M
