--- Runs a program on a pseudo-terminal and talks to it: steps are { "send", text }, { "expect", pattern of Python }, { "signal", name }.
-- With `raw` the transcript keeps its carriage returns.
local luas = require "support.luas"
local tcb = require "support.tcb"
local json = require "tcb.json"

return function(call)
  local lines = {}
  for _, step in ipairs(call) do lines[#lines + 1] = json.encode(json.array(step)) end
  local steps = tcb.file(table.concat(lines, "\n") .. "\n")
  local line = (call.raw and "TERMINAL_RAW=1 " or "") .. ("timeout 120 python3 '%s/spec/support/terminal.py' %d %s %s <%s"):format(luas.root, call.columns or 80, call.term or "xterm",
    call.command, steps)
  local r = tcb.shell(line)
  os.remove(steps)
  local text, code = r.out:match "^(.*)\nexit (%d+)\n$"
  assert(text, r.out .. r.err)
  return { text = text, code = tonumber(code) }
end
