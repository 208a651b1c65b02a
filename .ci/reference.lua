-- .ci/reference.lua: writes docs/reference.md and docs/tcb.1 from the sources' comments and the commands' own tables.
-- Usage: build/tcb .ci/reference.lua write|check FOLDER (run from the checkout). `check` prints what is stale and exits 1.
local args = require "tcb.host.args"
local commands = require "tcb.host.commands"
local config = require "tcb.config"
local core = require "tcb.core"
local docs = require "tcb.host.docs"
local errors = require "tcb.errors"

local EXIT = {
  { 130, "interrupted by Ctrl-C (143: by SIGTERM); what was begun can be continued" }, { 2, "the command line is wrong" },
  { 3, "configuration or credentials; an uncaught error object of kind auth, forbidden or config" },
  { 5, "service or network unavailable; an uncaught error object of kind net, timeout, server or rate" },
  { 6, "the plan cannot be met" }, { 7, "records are held in doubt" }, { 4, "some records were refused or failed" },
  { 1, "a script failed, or anything unexpected" }, { 0, "all is well; `sandbox` and `listen` stopped by a signal" },
  { 141, "nobody reads the output any more (`| head`)" },
}
local ENVIRONMENT = {
  { "TCB_BASE_URL, TCB_ACCOUNT, TCB_KEY_ID, TCB_API_KEY", "the account; with all four, no profile is read" },
  { "TCB_PROFILE", "the profile to use" },
  { "TCB_STATE_DIR", "where tokens and pace are kept; without it `$XDG_STATE_HOME/tcb`, else `~/.local/state/tcb`" },
  { "TCB_LIMITS", "requests in a window, such as `mint=10/1800 push=60/60 personalise=100/1`; 0 is none" },
  { "TCB_LOG", "what is logged on standard error: error, warn (without it), info, debug, trace; `TCB_LOG_FORMAT=json` makes JSON lines" },
  { "TCB_CLOCK", "an instant, or a shift such as `+30s`: moves the clock of client and own sandbox; loopback only" },
  { "TCB_LUADIR", "take tcb's own Lua files from this folder instead of from inside the binary" },
  { "NO_COLOR, COLUMNS", "as everywhere: no colour; the width of tables" },
}
local KINDS = {
  { "input", "400, or one of our own rules" }, { "auth", "401" }, { "forbidden", "403" }, { "not_found", "404" },
  { "rate", "429, or no mint is left; `retry_after_s` is set" }, { "server", "5xx" }, { "net", "no connection, or it broke" },
  { "timeout", "a deadline passed" }, { "proto", "an answer that the API does not document" },
  { "in_doubt", "the service may or may not have accepted it" }, { "config", "options, environment, profile, a missing library" },
  { "store", "journal, inbox or state file" }, { "cancelled", "by Ctrl-C or by the program" }, { "memory", "not enough of it" },
}
local CODES = {
  { "csv", "the row is broken: quotes, number of cells" }, { "encoding", "a text is not in the file's encoding" },
  { "missing", "a required field is empty" }, { "number", "a phone number that is none, or that a spreadsheet has damaged" },
  { "label", "the label is not a UUID" }, { "length", "too short or too long, counted in characters" },
  { "charset", "a character that the service refuses" }, { "edge", "`.`, `,`, `-` or a space at the start or end" },
  { "time", "an instant that cannot be read" }, { "order", "the end is not after the start" }, { "past", "the window is over" },
  { "window", "longer than 24 hours" }, { "duplicate", "the same caller, receiver, window and label again" },
  { "overlap", "another window of the same pair overlaps" },
}

local function cell(text)
  return (text:gsub("|", "\\|"):gsub("%s*\n%s*", " "))
end

local function rows(out, head, list)
  out[#out + 1] = "| " .. head[1] .. " | " .. head[2] .. " |\n|---|---|"
  for _, row in ipairs(list) do out[#out + 1] = "| `" .. cell(tostring(row[1])) .. "` | " .. cell(row[2]) .. " |" end
  out[#out + 1] = ""
end

--- Comments hold code as lines indented by four; everything else is prose.
local function prose(text)
  local lines = {}
  for line in (text .. "\n"):gmatch "(.-)\n" do
    local code = line:match "^    "
    if code and lines[#lines] and lines[#lines] ~= "" and not lines[#lines]:match "^    " then lines[#lines + 1] = "" end
    lines[#lines + 1] = line
  end
  return (table.concat(lines, "\n"):gsub("%s+$", ""))
end

local function markdown_function(out, f)
  out[#out + 1] = "#### `" .. docs.signature(f) .. "`\n"
  out[#out + 1] = prose(f.text) .. "\n"
  for _, p in ipairs(f.params) do out[#out + 1] = ("- `%s` `%s` %s"):format(p.name, p.type, p.text) end
  for _, r in ipairs(f.returns) do
    local kind, about = r:match "^(%b{}%??)%s*(.*)$"
    if not kind then kind, about = r:match "^(fun%b():?%s*%S*)%s*(.*)$" end
    if not kind then kind, about = r:match "^(%S+)%s*(.*)$" end
    out[#out + 1] = ("- returns `%s` %s"):format(kind or r, about or "")
  end
  out[#out + 1] = ""
end

local function reference()
  local out = { [[
# Reference

Made from the sources' comments by `.ci/reference.lua`; `make check` fails when it is stale. Units: instants are epoch milliseconds
(`*_at`), durations are seconds (`*_s`). What the network, the service or the disk causes comes back as `nil, err`; mistakes in the program
raise. Iterators raise the error object.

## Functions
]] }
  out[#out + 1] = "#### `tcb.now()`\n\nThe instant, epoch ms, of the one clock: real, shifted or virtual. `tcb.version` is a text.\n"
  for _, f in ipairs(docs.index().functions) do markdown_function(out, f) end
  out[#out + 1] = "## Modules\n"
  for _, module in ipairs(docs.index().modules) do
    out[#out + 1] = ("### require \"%s\"\n\n%s\n"):format(module.name, prose(module.text))
    for _, f in ipairs(module.functions) do markdown_function(out, f) end
  end
  out[#out + 1] = "## Objects\n"
  for _, class in ipairs(docs.index().classes) do
    out[#out + 1] = "### " .. class.name .. "\n\n" .. prose(class.text) .. "\n"
    for _, field in ipairs(class.fields) do out[#out + 1] = ("- `.%s` `%s` %s"):format(field.name, field.type, field.text) end
    out[#out + 1] = ""
    for _, f in ipairs(class.methods) do markdown_function(out, f) end
  end
  local shapes = {}
  for name, class in pairs(docs.index().by_class) do
    if #class.methods == 0 and #class.fields > 0 and name ~= "tcb.Error" and (name:match "Options$" or name == "tcb.Record" or name == "tcb.Row"
      or name == "tcb.Reply" or name == "tcb.InboxFilter") then
      shapes[#shapes + 1] = class
    end
  end
  table.sort(shapes, function(a, b) return a.name < b.name end)
  out[#out + 1] = "## Tables\n"
  for _, class in ipairs(shapes) do
    out[#out + 1] = "### " .. class.name .. (class.parent and "\n\nAll of " .. class.parent .. ", and:" or "") .. "\n"
    for _, field in ipairs(class.fields) do out[#out + 1] = ("- `%s` `%s` %s"):format(field.name, field.type, field.text) end
    out[#out + 1] = ""
  end
  out[#out + 1] = "## Kinds of errors\n"
  for _, kind in ipairs(KINDS) do
    local remedy = errors.remedy(kind[1])
    if remedy then kind[2] = kind[2] .. ". Remedy: " .. remedy end
  end
  rows(out, { "kind", "what it is" }, KINDS)
  out[#out + 1] = "## The call record\n\nOut of the rule table itself, which checking and encoding use too, in the order in which bodies are written. A name in "
    .. "brackets is the deprecated calls'. Characters are code points.\n"
  local fields = {}
  for i, r in ipairs(core.record.rules()) do
    fields[i] = { r.name, (r.v1 ~= r.name and "(`" .. r.v1 .. "`) " or "") .. (r.required and "required; " or "optional; ") .. r.rule }
  end
  rows(out, { "field", "rule" }, fields)
  out[#out + 1] = "## Codes of refused rows\n"
  rows(out, { "code", "what is wrong" }, CODES)
  out[#out + 1] = "## Commands\n\nStandard output is data, standard error everything else. Every command takes these too:\n"
  local function options(list)
    local shown = {}
    for _, o in ipairs(list) do shown[#shown + 1] = { o[1] .. (o[2] and " " .. o[2] or ""), o[3] .. (o.many and "; may be repeated" or "") } end
    if shown[1] then rows(out, { "option", "what it does" }, shown) end
  end
  options(args.GLOBAL)
  for _, name in ipairs(commands.names()) do
    local c = commands.get(name)
    out[#out + 1] = ("### tcb %s\n\n%s%s.\n"):format(name, c.summary:sub(1, 1):upper(), c.summary:sub(2))
    for line in c.usage:gmatch "[^\n]+" do out[#out + 1] = "    " .. line:match "^%s*(.-)%s*$" end
    out[#out + 1] = ""
    if c.details then out[#out + 1] = prose(c.details) .. "\n" end
    options(c.options or {})
  end
  out[#out + 1] = "## Exit codes\n\nThe first of these that applies:\n"
  rows(out, { "code", "meaning" }, EXIT)
  out[#out + 1] = "## Environment\n"
  rows(out, { "variable", "meaning" }, ENVIRONMENT)
  out[#out + 1] = "## Profiles\n\nKeys of a profile in `$XDG_CONFIG_HOME/tcb/config.lua`: `" .. table.concat(config.names, "` `") .. "`. A flag beats the "
    .. "environment, and that beats a profile."
  return (table.concat(out, "\n"):gsub("\n\n\n+", "\n\n"):gsub("[ \t]+\n", "\n")) .. "\n"
end

local function roff(text)
  return (text:gsub("\\", "\\e"):gsub("`", ""):gsub("%-", "\\-"):gsub("\n([.'])", "\n\\&%1"):gsub("^([.'])", "\\&%1"))
end

local function manual()
  local core = require "tcb.core"
  local out = { '.TH TCB 1 "" "tcb ' .. core.version .. '"', ".SH NAME", "tcb \\- Truecaller for Business caller\\-ID API from Lua",
    ".SH SYNOPSIS", ".B tcb\n.I COMMAND\n[options]\n.br\n.B tcb\n.I SCRIPT\n[args]\n.br\n.B tcb \\-e\n.I CHUNK\n.br\n.B tcb" }
  out[#out + 1] = ".SH DESCRIPTION\nRuns a command, a Lua script, a piece of Lua, or (alone, on a terminal) a prompt. Command names win over files. "
    .. "Standard output is data, standard error everything else. With \\-\\-sandbox everything works against the whole API inside the process: no "
    .. "account, no network."
  out[#out + 1] = ".SH OPTIONS"
  local own = { { "-e", "CHUNK", "run a piece of Lua" }, { "-l", "MODULE", "require a module first" }, { "-i", nil, "prompt after the script" },
    { "-v", nil, "show the version" } }
  local function options(list)
    for _, o in ipairs(list) do
      out[#out + 1] = (".TP\n.B %s\n%s"):format(roff(o[1]) .. (o[2] and " \\fI" .. roff(o[2]) .. "\\fR" or ""), roff(o[3]))
    end
  end
  options(own)
  options(args.GLOBAL)
  out[#out + 1] = ".SH COMMANDS"
  for _, name in ipairs(commands.names()) do
    local c = commands.get(name)
    out[#out + 1] = ".SS " .. roff(name) .. "\n" .. roff(c.summary:sub(1, 1):upper() .. c.summary:sub(2)) .. ".\n.PP\n.nf"
    for line in c.usage:gmatch "[^\n]+" do out[#out + 1] = roff(line:match "^%s*(.-)%s*$") end
    out[#out + 1] = ".fi"
    if c.details then out[#out + 1] = ".PP\n" .. roff((c.details:gsub("%s+", " "))) end
    options(c.options or {})
  end
  local function pairs_of(title, list)
    out[#out + 1] = ".SH " .. title
    for _, row in ipairs(list) do out[#out + 1] = (".TP\n.B %s\n%s"):format(roff(tostring(row[1])), roff(row[2])) end
  end
  pairs_of('"EXIT STATUS"', EXIT)
  pairs_of("ENVIRONMENT", ENVIRONMENT)
  out[#out + 1] = ".SH FILES\n.TP\n.I $XDG_CONFIG_HOME/tcb/config.lua\nprofiles, readable by their owner alone\n.TP\n.I FILE.tcb.db\n"
    .. "the journal of a campaign over FILE"
  return table.concat(out, "\n") .. "\n"
end

local action, folder, stale = arg[1], arg[2] or "docs", 0
for name, text in pairs { ["reference.md"] = reference(), ["tcb.1"] = manual() } do
  local path = folder .. "/" .. name
  if action == "write" then
    local file = assert(io.open(path, "w"))
    file:write(text)
    file:close()
  else
    local file = io.open(path)
    if not file or file:read "a" ~= text then
      print(path .. ": stale; run: build/tcb .ci/reference.lua write")
      stale = stale + 1
    end
    if file then file:close() end
  end
end
os.exit(stale == 0)
