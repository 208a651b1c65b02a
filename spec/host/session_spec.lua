-- A new user's first session, key by key; then the script that `:save` wrote does the same to the account.
local json = require "tcb.json"
local tcb = require "support.tcb"
local terminal = require "support.terminal"

local function ledger_of(path)
  local calls, keys = {}, 0
  for line in io.lines(path) do
    local e = json.decode(line)
    if e.event == "request" and e.call ~= "labels" and e.call ~= "token" and e.call ~= "status" then calls[#calls + 1] = e.call .. " " .. e.status end
    keys = keys + (e.event == "request" and e.keys and #e.keys or 0)
  end
  return calls, keys
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
      { "send", '", caller_number = "911204567801", receiver_number = "98765", starts_at = tcb.now(), ends_at = tcb.now() + 600000 }\n' },
      { "expect", "\n> " },
      -- a wrong call, and its remedy
      { "send", "client:personalise(r)\n" }, { "expect", "input error: .*receiver_number.*\n> " },
      { "send", ":explain\n" }, { "expect", "field +receiver_number.*\n> " },
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
    local calls, keys = ledger_of(dir .. "/ledger")
    assert.same({ "personalise 200", "push 200" }, calls)
    assert.equal(1 + 3, keys)
    assert.same({ calls, keys }, { ledger_of(dir .. "/again/ledger") })
    assert.equal("600\n", tcb.shell(("stat -c %%a %s/first.lua"):format(dir)).out)
    os.execute("rm -rf " .. dir)
  end)
end)
