-- A new user's first session, key by key; then the script that `:save` wrote does the same to the account.
local json = require "tcb.json"
local tcb = require "support.tcb"
local terminal = require "support.terminal"

--- What a ledger says was done to the account: each call that changed something with its records' keys, and how each record settled.
local function ledger_of(path)
  local calls, settled = {}, {}
  for line in io.lines(path) do
    local e = json.decode(line)
    if e.event == "request" and e.keys then
      local keys = {}
      for i, k in ipairs(e.keys) do keys[i] = k.key .. " " .. k.starts_at .. " " .. k.ends_at .. " " .. k.receiver end
      calls[#calls + 1] = { e.call .. " " .. e.status, keys }
    elseif e.event == "settle" then
      for _, r in ipairs(e.results) do settled[r.key] = r.status .. ": " .. tostring(r.message) end
    end
  end
  return calls, settled
end

describe("a first session", function()
  it("goes from the offer of the sandbox to a saved script that does the same", function()
    local dir = os.tmpname()
    os.execute("rm -f " .. dir .. "; mkdir -p " .. dir .. "/again")
    local rows = { "phone,from,until" }
    for i, number in ipairs { "919876541001", "919876541002", "919876549005", "12" } do
      rows[i + 1] = number .. ",2100-01-01T10:00:00Z,2100-01-01T12:00:00Z"
    end
    tcb.file(table.concat(rows, "\n") .. "\n", dir .. "/calls.csv")
    os.execute(("cp %s/calls.csv %s/again"):format(dir, dir))
    local r = terminal {
      columns = 100,
      command = ("sh -c 'cd %s && exec env -u TCB_BASE_URL -u TCB_ACCOUNT -u TCB_KEY_ID -u TCB_API_KEY XDG_CONFIG_HOME=%s TCB_STATE_DIR=%s/state %s'")
        :format(dir, dir, dir, tcb.binary),
      { "expect", "No account is set up. Work in the sandbox. .Y/n. " }, { "send", "\n" }, { "expect", "made-up account.*\n> " },
      -- completion of a method, and of a live id
      { "send", "client:lab\t" }, { "expect", "els" }, { "send", "()\n" }, { "expect", "Acme Deliveries.*page 1 of labels.*\n> " },
      { "send", 'r = { label_id = "acme d\t' }, { "expect", "b889e976-6b24-4ce7-b3d5-2b5aa0e005a6" },
      { "send", '", caller_number = "911204567801", receiver_number = "98765", starts_at = 4102480800000, ends_at = 4102484400000 }\n' },
      { "expect", "\n> " },
      -- a wrong call, and its remedy
      { "send", "client:personalise(r)\n" }, { "expect", "input error: .*receiver_number.*\n> " },
      { "send", ":explain\n" }, { "expect", "field +receiver_number.*remedy +correct receiver_number: string, 8 to 15 digits.*\n> " },
      { "send", "client:personalize(r)\n" }, { "expect", "did you mean .personalise.*\n> " },
      { "send", 'r.receiver_number = "919876543210"\n' }, { "expect", "\n> " },
      { "send", "client:personalise(r)\n" }, { "expect", "\ntrue\r?\n.*> " },
      -- a campaign
      { "send", 'c = tcb.campaign{ client = client, source = tcb.csv "calls.csv", journal = "calls.db", label = "Acme Deliveries",\n' },
      { "expect", ">> " },
      { "send", 'caller = "911204567801", map = { receiver_number = "phone", starts_at = "from", ends_at = "until" } }\n' }, { "expect", "\n> " },
      { "send", "s = assert(c:push())\n" }, { "expect", "\n> " },
      { "send", "s = assert(c:reconcile())\n" }, { "expect", "\n> " },
      { "send", "s.success, s.failed, s.refused\n" }, { "expect", "\n2\r?\n1\r?\n1\r?\n.*> " },
      { "send", ":limits\n" }, { "expect", "9 mints left.*\n> " },
      { "send", "f = io.open('ledger', 'w')\n" }, { "expect", "\n> " },
      { "send", "for _, e in ipairs(require 'tcb.host.env'.running_sandbox():ledger()) do f:write(require 'tcb.json'.encode(e), '\\n') end\n" },
      { "expect", "\n> " }, { "send", "f:close()\n" }, { "expect", "\n> " },
      { "send", ":save first.lua\n" }, { "expect", "lines are in first.lua.*> " }, { "send", "\4" },
    }
    assert.equal(0, r.code, r.text)
    local again = tcb { "--sandbox", "../first.lua", cd = dir .. "/again" }
    assert.equal("", again.err)
    assert.equal(0, again.code)
    local calls, settled = ledger_of(dir .. "/ledger")
    assert.same({ "personalise 200", "push 200" }, { calls[1][1], calls[2] and calls[2][1], calls[3] })
    assert.same({ 1, 3 }, { #calls[1][2], #calls[2][2] })
    local n = { success = 0, error = 0 }
    for _, how in pairs(settled) do n[how:match "%a+"] = n[how:match "%a+"] + 1 end
    assert.same({ success = 2, error = 1 }, n)
    assert.same({ calls, settled }, { ledger_of(dir .. "/again/ledger") })
    assert.equal("600\n", tcb.shell(("stat -c %%a %s/first.lua"):format(dir)).out)
    os.execute("rm -rf " .. dir)
  end)
end)
