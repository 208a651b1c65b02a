local luas = require "support.luas"
local tcb = require "support.tcb"
local terminal = require "support.terminal"

--- A session on a terminal with empty configuration and state; steps as of support.terminal.
local function session(steps, options)
  options = options or {}
  local dir = options.dir or luas.root .. "/build/repl-" .. luas.abi .. luas.suffix
  os.execute("rm -rf " .. dir .. "; mkdir -p " .. dir)
  steps.command = ("env -u TCB_BASE_URL -u TCB_ACCOUNT -u TCB_KEY_ID -u TCB_API_KEY -u TCB_STATE_DIR XDG_STATE_HOME=%s/state XDG_CONFIG_HOME=%s/config %s %s")
    :format(dir, dir, tcb.binary, options.args or "")
  steps.term = options.term
  local r = terminal(steps)
  r.dir = dir
  return r
end

local function piped(text, env)
  env = env or {}
  env.XDG_CONFIG_HOME = "/nonexistent"
  return tcb { "-i", stdin = text, env = env }
end

describe("the prompt", function()
  it("evaluates expressions, statements over several lines, and keeps what `local` made", function()
    local r = piped "x = 20\nlocal y = 1\nx + y\nfor i = 1, 2 do\nprint(i)\nend\nlocal function f(n)\nreturn n * 2\nend\nf(4)\n_\n"
    assert.matches("\n21\n1\n2\n8\n8\n$", r.out)
    assert.equal("", r.err)
    assert.equal(0, r.code)
  end)

  it("goes on after errors, and shows no whole number and no secret", function()
    local r = piped("error 'for 919876543210'\nx = = 1\n{ n = '919876543210' }\n:reveal\n{ n = '919876543210' }\nos.getenv 'TCB_API_KEY'\n",
      { TCB_API_KEY = "sentinel-key-2", TCB_BASE_URL = "http://127.0.0.1:1", TCB_ACCOUNT = "a", TCB_KEY_ID = "k" })
    assert.matches("for 91%*%*%*%*%*%*3210", r.err)
    assert.matches("unexpected symbol near '='", r.err)
    assert.matches('{ n = "91%*%*%*%*%*%*3210" }', r.out)
    assert.matches('{ n = "919876543210" }', r.out)
    assert.is_nil((r.out .. r.err):find("sentinel-key-2", 1, true))
  end)

  it("says whose account it works with", function()
    local r = piped("", { TCB_API_KEY = "sentinel", TCB_BASE_URL = "http://127.0.0.1:1/", TCB_ACCOUNT = "acc-7", TCB_KEY_ID = "k" })
    assert.matches("Account acc%-7 at http://127.0.0.1:1", r.out)
    assert.matches("No account is set up; `:sandbox`", piped "".out)
  end)

  it("explains errors and knows its commands", function()
    local r = piped "client\n:explain\n:hlep\n:doc client.push\n:doc nothing\n"
    assert.matches("no account to work with", r.err)
    assert.matches("kind +config\n", r.out)
    assert.matches("there is no ':hlep'; did you mean ':help'", r.out)
    assert.matches("client:push%(records%)\n\nPushes 1..500 records", r.out)
    assert.matches("nothing is called 'nothing'", r.out)
    for _, name in ipairs { ":help", ":doc", ":explain", ":limits", ":clock", ":reveal", ":sandbox", ":save", ":quit" } do
      assert.matches("\n  " .. name, piped ":help\n".out)
    end
  end)

  it("edits lines and completes names", function()
    local r = session {
      { "expect", "sandbox. .Y/n. " }, { "send", "n\n" }, { "expect", "\n> " },
      { "send", "string.rev\t" }, { "expect", "erse" }, { "send", "('abc')\n" }, { "expect", '"cba"' },
      { "send", "client:lab\t" }, { "expect", "els" }, { "send", "\21tcb.s\t" }, { "expect", "sandbox +schedule +sleep +spawn" },
      { "send", "\21x = client:personalise{ rec\t" }, { "expect", "eiver_number" }, { "send", "\21:he\t" }, { "expect", "lp" },
      { "send", "\21\27[A\n" }, { "expect", '"cba"' }, { "expect", "> " }, { "send", "\4" },
    }
    assert.equal(0, r.code)
  end)

  it("cancels a call with Ctrl-C, not the session", function()
    for _, term in ipairs { "xterm", "dumb" } do
      local r = session({
        { "expect", "Y/n. " }, { "send", "n\n" }, { "expect", "\n> " },
        { "send", "io.write 'go' io.flush() while true do end\n" }, { "expect", "\ngo" }, { "send", "\3" }, { "expect", "cancelled\r?\n.*> " },
        { "send", "coroutine.wrap(function() io.write 'co' io.flush() while true do end end)()\n" }, { "expect", "\nco" }, { "send", "\3" },
        { "expect", "cancelled\r?\n.*> " }, { "send", "1 + 1\n" }, { "expect", "\n2\r?\n.*> " }, { "send", "\4" },
      }, { term = term })
      assert.equal(0, r.code)
    end
  end)

  it("cancels a call that waits: a sleep, an answer that does not come, a loop over pages", function()
    local r = session({
      { "expect", "\n> " }, { "send", "tcb.sleep(60)\n" }, { "pause", 0.3 }, { "send", "\3" }, { "expect", "cancelled\r?\n.*> " },
      { "send", "s = tcb.sandbox{}; s:fault 'labels:1-9:stall+60'\n" }, { "expect", "> " },
      { "send", "c = tcb.client{ base_url = s.base_url, account = s.account, key_id = s.key_id, api_key = s.api_key, store = 'memory' }\n" },
      { "expect", "\n> " }, { "send", "c:labels():first()\n" }, { "pause", 0.3 }, { "send", "\3" }, { "expect", "cancelled\r?\n.*> " },
      { "send", "for l in client:labels() do io.write('at ', l.name) io.flush() tcb.sleep(60) end\n" }, { "expect", "\nat Acme" }, { "send", "\3" },
      { "expect", "cancelled\r?\n.*> " }, { "send", "client:labels():first().name\n" }, { "expect", '\n"Acme Deliveries".*\n> ' }, { "send", "\4" },
    }, { args = "--sandbox" })
    assert.equal(0, r.code, r.text)
  end)

  it("completes ids of the account: feature sets by their beginning or name, labels by field", function()
    local r = session({
      { "expect", "\n> " }, { "send", 'client:publish("2380\t' }, { "expect", "23806e65-53a2-4c66-b5cf-efa75815d489" },
      { "send", '\21client:delist("logistics\t' }, { "expect", "23806e65-[-0-9a-f]+  Logistics Reminders 1\r?\n" }, { "expect", "  Logistics Surveys" },
      { "send", '\21f = { feature_set_id = "health s\t' }, { "expect", "9498a412-|Health Surveys" },
      { "send", '\21r = { label_id = "\t' }, { "expect", "  Acme Deliveries\r?\n" }, { "send", "\21\4" },
    }, { args = "--sandbox" })
    assert.equal(0, r.code, r.text)
  end)

  it("shows what matters of an object first, in tables that fit the width", function()
    local r = session({
      { "expect", "\n> " }, { "send", "client:labels()\n" }, { "expect", "ID +NAME +LABEL TYPE .*dynamic.*page 1 of labels" }, { "expect", "> " },
      { "send", "client:numbers()\n" }, { "expect", "PHONE NUMBER +STATUS +LABEL NAME +FEATURE SET.*91\\*{6}[0-9]{4}  listed" }, { "expect", "> " },
      { "send", ":reveal\n" }, { "expect", "> " }, { "send", "client:numbers()\n" }, { "expect", "\n91[0-9]{10}  listed" }, { "expect", "page 1 of.*> " },
      { "send", "tcb\n" }, { "expect", "tcb [0-9.]+: .*campaign.*:doc tcb.NAME" }, { "send", ":doc tcb.campaign\n" },
      { "expect", "stop_over \\(number\\?\\): per cent" }, { "expect", "> " }, { "send", ":doc tcb.Record\n" }, { "expect", "receiver_number \\(string\\)" },
      { "send", ":help\n" }, { "expect", ":quit.*\n> " }, { "send", "\4" },
    }, { args = "--sandbox" })
    assert.equal(0, r.code, r.text)
    for line in r.text:gmatch "[^\n]+" do
      if not line:find "^> " then assert.is_true(#line:gsub("[\128-\191]", "") <= 80, line) end
    end
  end)

  it("keeps a history without secrets and whole numbers", function()
    local r = session {
      { "expect", "Y/n. " }, { "send", "n\n" }, { "expect", "\n> " }, { "send", "n = '919876543210'\n" }, { "expect", "> " },
      { "send", "api_key = 'sentinel-3'\n" }, { "expect", "> " }, { "send", "return 7\n" }, { "expect", "\n7\r?\n.*> " }, { "send", "\4" },
    }
    local path = r.dir .. "/state/tcb/history"
    assert.equal("n = '91******3210'\nreturn 7\n", tcb.slurp(path))
    assert.equal("600\n", tcb.shell("stat -c %a " .. path).out)
  end)

  it("has its first prompt in less than 50 ms", function()
    if luas.suffix ~= "" then return end
    local best = math.huge
    for _ = 1, 5 do
      local r = session({ { "time", "Nothing leaves this machine.\r?\n.*> " }, { "send", "\4" } }, { args = "--sandbox" })
      best = math.min(best, tonumber(r.text:match "took ([%d.]+) ms"))
    end
    assert.is_true(best < 50, best .. " ms")
  end)
end)
