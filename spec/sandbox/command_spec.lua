local tcb = require "support.tcb"

describe("tcb sandbox", function()
  local function sh(text) return tcb { "sandbox", "--", "sh", "-c", text } end

  it("runs a command with the variables set, prints nothing itself, and ends with its status", function()
    local r = sh "env | grep ^TCB_ | sort | sed 's/=.*//'; exit 7"
    assert.equal(7, r.code)
    assert.matches("TCB_ACCOUNT\nTCB_API_KEY\nTCB_BASE_URL\nTCB_KEY_ID\n", r.out)
    assert.equal("", r.err)
    assert.equal(127, tcb { "sandbox", "--", "/no/such/program" }.code)
    assert.equal(143, sh "kill -TERM $$".code)
  end)

  it("serves while the command runs, and not after it", function()
    local r = sh "echo $TCB_BASE_URL; curl -s $TCB_BASE_URL/_sandbox/state"
    local base, state = r.out:match("^(%S+)\n(.*)$")
    assert.matches('"seed":"%d+"', state)
    local again = sh("curl -s -o /dev/null -w '%{http_code}' " .. base .. "/")
    assert.equal("000", again.out)
  end)

  it("gives the same credentials for the same seed, others without", function()
    local function key(...)
      local argv = { "sandbox", ... }
      for _, word in ipairs { "--", "sh", "-c", "echo $TCB_ACCOUNT $TCB_KEY_ID $TCB_API_KEY" } do argv[#argv + 1] = word end
      return tcb(argv).out
    end
    assert.equal(key("--seed", "5"), key("--seed", "5"))
    assert.not_equal(key("--seed", "5"), key("--seed", "6"))
    assert.not_equal(key(), key())
  end)

  it("prints four lines when it accepts connections, and ends with 0 at a signal", function()
    for _, signal in ipairs { "INT", "TERM" } do
      local base = os.tmpname()
      local script = ([[
        import subprocess, sys, os, signal, json
        p = subprocess.Popen([%q, 'sandbox', '--env', %q, '--ledger', %q, '--accounts', '2'], stdout=subprocess.PIPE)
        lines = [p.stdout.readline().decode() for _ in range(7)]
        p.send_signal(signal.SIG%s)
        rest = p.stdout.read()
        print(p.wait(), len(rest), oct(os.stat(%q).st_mode & 0o777), open(%q).read() == ''.join(lines))
        print(''.join(line.split('=')[0] + ' ' for line in lines))
        print([json.loads(line)['event'] for line in open(%q)])
      ]]):gsub("\n        ", "\n"):gsub("^%s+", ""):format(tcb.binary, base .. ".env", base .. ".l", signal, base .. ".env",
        base .. ".env", base .. ".l")
      local f = assert(io.open(base, "w"))
      f:write(script)
      f:close()
      local p = io.popen("timeout 20 python3 " .. base .. " 2>&1")
      local out = p:read "*a"
      p:close()
      os.remove(base)
      os.remove(base .. ".env")
      os.remove(base .. ".l")
      assert.equal("0 0 0o600 True\nTCB_BASE_URL TCB_ACCOUNT TCB_KEY_ID TCB_API_KEY TCB_ACCOUNT_2 TCB_KEY_ID_2 TCB_API_KEY_2 \n['start']\n", out)
    end
  end)

  it("asks a running sandbox for webhook events", function()
    local r = sh(tcb.binary .. " sandbox trigger cmb --scenario not-interested --count 2; " .. tcb.binary
      .. " sandbox trigger user_feedback --json; "
      .. tcb.binary .. " sandbox trigger nonsense; echo $?; curl -s $TCB_BASE_URL/_sandbox/ledger")
    local one, two, object, code = r.out:match "^(%S+)\n(%S+)\n({[^\n]+)\n(%d+)\n"
    assert.matches("^%x+%-%x+%-4%x+%-", one)
    assert.not_equal(one, two)
    assert.matches('"event_ids":%["%x', object)
    assert.equal("2", code)
    assert.matches('"what":"trigger cmb not%-interested 2"', r.out)
    assert.equal(2, tcb { "sandbox", "trigger", "cmb" }.code)                   -- no TCB_BASE_URL
  end)

  it("stands at the time of TCB_CLOCK", function()
    local r = tcb { "sandbox", "--", "sh", "-c", "curl -s $TCB_BASE_URL/_sandbox/state", env = { TCB_CLOCK = "2030-01-01T00:00:00Z" } }
    local now = tonumber(r.out:match '"now":(%d+)')
    assert.is_true(now >= 1893456000000 and now < 1893456060000)
  end)

  it("refuses what it does not know, with 2", function()
    for _, argv in ipairs { { "--limit", "push" }, { "--limit", "pull=1/1" }, { "--fault", "push:0:503" }, { "--fault",
      "push:1:999" },
      { "--latency", "5-1" }, { "--settle", "soon" }, { "--accounts", "0" }, { "nonsense" }, { "trigger" }, { "--webhook",
        "ftp://x" } } do
      local r = tcb { "sandbox", (table.unpack or unpack)(argv) }             -- luacheck: ignore
      assert.equal(2, r.code)
      assert.matches("^tcb sandbox: ", r.err)
      assert.equal("", r.out)
    end
  end)
end)
