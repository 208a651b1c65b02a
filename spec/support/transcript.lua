--- Sessions of the command line as text: every case of a scene is run inside one sandbox, its words, outputs and exit code are kept,
-- and what changes from run to run is made the same, so that a file of spec/host/golden/ can be read like a session at a terminal.
--
-- A scene: { name, sandbox = { options of tcb sandbox }, setup = shell lines, cases = { case, ... } }.
-- A case: { name, line, code = 0, narrow = false, wide = false, text = false, pre = shell lines in front of it }: `line` is shell with the functions `tcb` and
-- `begin` (in the background, until `stop` ends it once it has said something); `code` is what it ends with;
-- a narrow one must fit 40 columns, a wide one need not fit 80; with
-- `text = true` its product is no JSON, whatever is asked; a loose one's JSON, a hidden one's output stands in no golden. In `setup` and in front of a line
-- (`pre`) the function `t` is the binary without the variant's options.
-- Goldens are written by TCB_GOLDEN=write spec/run -a lua5.4 spec/host/golden_spec.lua; look at what `git diff` says then.
local json = require "tcb.json"
local luas = require "support.luas"
local tcb = require "support.tcb"
local M = {}

M.folder = (luas.root or ".") .. "/spec/host/golden/"

--- How a scene is run: environment, options in front of every command, what standard input is. `json` names a golden of its own.
M.VARIANTS = {
  plain = { env = { NO_COLOR = "1", COLUMNS = "80" }, stdin = "</dev/null" },
  json = { env = { NO_COLOR = "1", COLUMNS = "80" }, stdin = "</dev/null", option = "--json" },
  closed = { env = { COLUMNS = "80", TERM = "xterm-256color" }, stdin = "<&-" },                 -- colours are wanted, but there is no terminal
  narrow = { env = { NO_COLOR = "1", COLUMNS = "40", TERM = "dumb" }, stdin = "</dev/null" },
}

local function script_of(scene, variant, dir)
  local option = variant.option and " " .. variant.option or ""
  local lines = { "cd " .. dir, ("t() { '%s' \"$@\"; }"):format(tcb.binary), ("tcb() { '%s'%s \"$@\"; }"):format(tcb.binary, option),
    ("begin() { '%s'%s \"$@\" & }"):format(tcb.binary, option),
    "stop() { p=$!; until [ -s $OUT.out ] || [ -s $OUT.err ]; do sleep 0.05; done; kill -TERM $p; wait $p; }",
    scene.setup or "" }
  for i, case in ipairs(scene.cases) do
    lines[#lines + 1] = "OUT=out/" .. i
    lines[#lines + 1] = case.pre
    lines[#lines + 1] = ("{ %s\n} %s >out/%d.out 2>out/%d.err; echo $? >out/%d.code"):format(case.line, variant.stdin, i, i, i)
  end
  lines[#lines + 1] = scene.finish
  return table.concat(lines, "\n") .. "\n"
end

--- Starts a scene in a variant, in the background of the shell line that is returned; `collect` reads it once that line has ended.
local function prepare(scene, name)
  local variant, dir = M.VARIANTS[name], os.tmpname()
  os.execute(("rm -f %s; mkdir -p %s/state %s/out"):format(dir, dir, dir))
  tcb.file(script_of(scene, variant, dir), dir .. "/script")
  local words = { "env -u NO_COLOR -u TCB_BASE_URL -u TCB_ACCOUNT -u TCB_KEY_ID -u TCB_API_KEY -u TCB_LOG LC_ALL=C.UTF-8 XDG_CONFIG_HOME=" .. dir,
    "TCB_STATE_DIR=" .. dir .. "/state" }
  for k, v in pairs(variant.env) do words[#words + 1] = k .. "=" .. v end
  words[#words + 1] = ("timeout 60 %s sandbox --seed 7 --ledger %s/ledger"):format(tcb.quote(tcb.binary), dir)
  for _, word in ipairs(scene.sandbox or {}) do words[#words + 1] = tcb.quote(word) end
  words[#words + 1] = ("-- sh %s/script >%s/script.out 2>%s/script.err </dev/null"):format(dir, dir, dir)
  return { scene = scene, variant = name, dir = dir, line = table.concat(words, " ") }
end

local Session = {}
Session.__index = Session

--- Requests of the ledger, of one call when given; only those answered with `status` when given.
function Session:requests(call, status)
  local list = {}
  for _, e in ipairs(self.ledger) do
    if e.event == "request" and (not call or e.call == call) and (not status or e.status == status) then list[#list + 1] = e end
  end
  return list
end

--- How many keys were settled as what: { success = n, error = n }.
function Session:settled()
  local rows, status = {}, {}
  for _, e in ipairs(self.ledger) do
    for _, row in ipairs(e.event == "settle" and e.results or {}) do rows[row.key] = row.status end
  end
  for _, name in pairs(rows) do status[name] = (status[name] or 0) + 1 end
  return status
end

--- The objects that a case printed, one a line.
function Session:objects(name)
  local list = {}
  for line in self[name].out:gmatch "[^\n]+" do list[#list + 1] = json.decode(line) end
  return list
end

local function collect(run)
  local self = setmetatable({ ledger = {}, dir = run.dir, scene = run.scene, variant = run.variant }, Session)
  for i, case in ipairs(run.scene.cases) do
    local at = run.dir .. "/out/" .. i
    local ok, result = pcall(function()
      return { out = tcb.slurp(at .. ".out"), err = tcb.slurp(at .. ".err"), code = tonumber(tcb.slurp(at .. ".code")) }
    end)
    if not ok then error(("scene %s (%s) ended before '%s':\n%s"):format(run.scene.name, run.variant, case.name, tcb.slurp(run.dir .. "/script.err")), 0) end
    self[case.name] = result
  end
  self.stray = tcb.slurp(run.dir .. "/script.out") .. tcb.slurp(run.dir .. "/script.err")
  for line in io.lines(run.dir .. "/ledger") do self.ledger[#self.ledger + 1] = json.decode(line) end
  os.execute("rm -rf " .. run.dir)
  return self
end

--- Runs scenes, each in every variant, side by side: name of the scene -> name of the variant -> session. Blocks.
function M.play(scenes, ...)
  local runs, lines, sessions = {}, {}, {}
  for name, scene in pairs(scenes) do
    sessions[name] = {}
    for _, variant in ipairs { ... } do
      runs[#runs + 1] = prepare(scene, variant)
      lines[#lines + 1] = runs[#runs].line .. " &"
    end
  end
  os.execute(table.concat(lines, "\n") .. "\nwait")
  for _, run in ipairs(runs) do sessions[run.scene.name][run.variant] = collect(run) end
  return sessions
end

--- What changes from run to run, made the same at the same width: ids that are not of the seed become numbered, instants of these
-- years, ports and folders become letters; how long something took becomes N.
function M.plain(text, dir)
  local ids, n = {}, 0
  text = text:gsub("%f[%x]%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x%f[^%x]", function(id)
    if not ids[id] then
      n = n + 1
      ids[id] = ("%08d-0000-4000-8000-000000000000"):format(n)
    end
    return ids[id]
  end)
  text = text:gsub("%f[%x]%x%x%x%x%x%x%x%x%-%x%x%x%x%-…", "00000000-0000-…")
  text = text:gsub("\n%x%x%x%x%x%x%x%x  %l[^\n]+", function(token)                   -- age, end, and what the last second saw
    return token:gsub("%d+:%d%d", function(t) return t:gsub("%d", "N") end):gsub("%d( *)$", "N%1")
  end)
  if dir then text = text:gsub(dir:gsub("%p", "%%%0"), "/folder") end
  return (text:gsub("20[23]%d%-%d%d%-%d%d([T ])%d%d:%d%d:%d%d%.%d%d%d", "YYYY-MM-DD%1hh:mm:ss.mmm")
    :gsub("20[23]%d%-%d%d%-%d%d([T ])%d%d:%d%d:%d%d", "YYYY-MM-DD%1hh:mm:ss"):gsub("20[23]%d%-%d%d%-%d%d ([%d:]+)", function(clock)
      return "YYYY-MM-DD " .. clock:gsub("%d%d", "hh", 1):gsub("%d%d", "mm")
    end)
    :gsub("%f[%d]1[789]%d%d%d%d%d%d%d%d%d%d%d%f[%D]", "EEEEEEEEEEEEE"):gsub("%f[%d]1[789]%d%d%d%d%d%d%d%d%f[%D]", "EEEEEEEEEE"):gsub("(127%.0%.0%.1:)%d+", "%1PPPPP")
    :gsub("20[23]%d%-%d%d%-%d%d%f[^%w-]", "YYYY-MM-DD"):gsub(" %d%d%-%d%d %d%d:%d%d%f[%D]", " MM-DD hh:mm")
    :gsub("%f[%d]%d+ ms%f[%W]", "N ms"):gsub("made %d+ min ago", "made N min ago"):gsub("%f[%d]%d+%.%d s%f[%W]", "N.N s"):gsub('("seconds":)[%d.]+', "%1N")
    :gsub('("personalise_used":)%d+', "%1N"):gsub('("text":"%d+ )%d+ ', "%1N "):gsub("tcb/%d+%.%d+%.%d+", "tcb/VERSION"))
end

--- The session as text: "$ line", what it printed, what it said on standard error behind "! ", its exit code.
function M.text(session, filter)
  local out = {}
  for _, case in ipairs(session.scene.cases) do
    if not filter or filter(case) then
      local r = session[case.name]
      out[#out + 1] = "$ " .. case.line:gsub("\n", "\n> ") .. "\n" .. r.out .. (r.out:match "[^\n]$" and "(no newline)\n" or "")
        .. r.err:gsub("[^\n]*\n?", function(line) return line ~= "" and "! " .. line or nil end) .. "= " .. r.code .. "\n\n"
    end
  end
  return M.plain(table.concat(out), session.dir)
end

--- Columns of the widest line.
function M.widest(text)
  local most, which = 0, nil
  for line in text:gmatch "[^\n]+" do
    local _, n = line:gsub("[^\128-\191]", "")
    if n > most then most, which = n, line end
  end
  return most, which
end

--- In what `text` differs from the golden one of that name, "" when in nothing; with TCB_GOLDEN=write it becomes the golden one,
-- unless it is only compared.
function M.differs(name, text, is_compared)
  local path = M.folder .. name .. ".txt"
  if os.getenv "TCB_GOLDEN" == "write" and not is_compared then tcb.file(text, path) end
  local now = tcb.file(text)
  local r = tcb.shell(("diff -u %s %s"):format(tcb.quote(path), now))
  os.remove(now)
  return r.out .. r.err
end

return M
