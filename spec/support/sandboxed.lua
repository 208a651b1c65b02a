--- Shell lines with `tcb sandbox` around them: `sandboxed("tcb labels", { "--settle", "0.1" })` -> { out, err, code, ledger = events }.
-- In the lines `tcb` is the binary; they run with the sandbox's account in the environment, at 80 columns.
local json = require "tcb.json"
local luas = require "support.luas"
local tcb = require "support.tcb"

return function(lines, options, env)
  local dir = os.tmpname()
  os.execute(("rm -f %s; mkdir -p %s/state"):format(dir, dir))
  local words = { "env", "XDG_CONFIG_HOME=" .. dir, "TCB_STATE_DIR=" .. dir .. "/state", "NO_COLOR=1" }
  if not (env and env.COLUMNS) then words[#words + 1] = "COLUMNS=80" end
  for name, value in pairs(env or {}) do words[#words + 1] = name .. "=" .. tcb.quote(value) end
  for _, word in ipairs { "timeout", "100", tcb.binary, "sandbox", "--seed", "7", "--ledger", dir .. "/ledger" } do words[#words + 1] = word end
  for _, word in ipairs(options or {}) do words[#words + 1] = tcb.quote(word) end
  local text = ("cd %s\ntcb() { %s \"$@\"; }\n%s"):format(dir, tcb.quote(tcb.binary), lines)
  local r = tcb.shell(table.concat(words, " ") .. " -- sh -c " .. tcb.quote(text))
  r.ledger = {}
  for line in io.lines(dir .. "/ledger") do r.ledger[#r.ledger + 1] = json.decode(line) end
  function r.requests(call)
    local list = {}
    for _, e in ipairs(r.ledger) do
      if e.event == "request" and (not call or e.call == call) then list[#list + 1] = e end
    end
    return list
  end
  os.execute("rm -rf " .. dir)
  assert(luas.root)
  return r
end
