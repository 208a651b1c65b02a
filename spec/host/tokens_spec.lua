local json = require "tcb.json"
local luas = require "support.luas"
local tcb = require "support.tcb"

if luas.abi ~= "lua5.4" then return end

local dir, sandbox, env
local function start()
  dir = os.tmpname()
  os.remove(dir)
  local ready = dir .. ".env"
  local command = ("%s >/dev/null 2>%s.err & echo $! > %s.pid; while [ ! -s %s ]; do sleep 0.02; done"):format(
    tcb.line{ "sandbox", "--seed", "5", "--env", ready, "--ledger", dir .. ".ledger", timeout = 60 }, dir, dir, ready)
  os.execute(command)
  env = { TCB_STATE_DIR = dir }
  for line in io.lines(ready) do
    local name, value = line:match "^([%u_]+)=(.*)$"
    env[name] = value
  end
  sandbox = tcb.slurp(dir .. ".pid"):match "%d+"
end
local function stop()
  os.execute(("kill %s; rm -rf %s %s.*"):format(sandbox, dir, dir))
end
local function run(...)
  local call = { ... }
  call.env = env
  local result = tcb(call)
  return result
end
local function mints()
  local n = 0
  for line in io.lines(dir .. ".ledger") do
    local e = json.decode(line)
    if e.event == "request" and e.call == "token" then n = n + 1 end
  end
  return n
end

describe("tcb tokens, pause, resume", function()
  before_each(start)
  after_each(stop)

  it("11 runs of a script mint one token, and tokens shows it", function()
    local script = tcb.file [[assert(tcb or require "tcb").client{}:labels():all()]]
    for _ = 1, 11 do assert.equal(0, run(script).code) end
    assert.equal(1, mints())
    local text = run "tokens"
    assert.equal(0, text.code, text.err)
    assert.truthy(text.out:find("9 mints left", 1, true), text.out)
    local s = assert(json.decode(run("tokens", "--json").out))
    assert.equal(1, #s.tokens)
    assert.equal(9, s.mints_left)
    assert.equal(3600000, s.tokens[1].ends_at - s.tokens[1].minted_at)
    assert.equal(1, mints())                               -- asking asks nobody
    os.remove(script)
  end)

  it("keeps the file for its owner, and drops what it holds when asked", function()
    run "labels"
    local listing = tcb.shell("stat -c '%a %n' " .. dir .. " " .. dir .. "/*.db").out
    assert.truthy(listing:find("^700 "), listing)
    assert.truthy(listing:find("\n600 .-/account%-%x+%.db\n"), listing)
    assert.equal(0, run("tokens", "--forget").code)
    local s = assert(json.decode(run("tokens", "--json").out))
    assert.equal(0, #s.tokens)
    assert.equal(10, s.mints_left)
  end)

  it("pause holds the sends of other processes within a second, resume lets them go", function()
    local script = tcb.file [[
      local tcb = require "tcb"
      local client = assert(tcb.client{})
      local label = client:labels():first()
      local function record(n)
        return { caller_number = "911234567890", receiver_number = ("9198%08d"):format(n), label_id = label.id,
          starts_at = tcb.now() + 3600000, ends_at = tcb.now() + 7200000 }
      end
      for n = 1, tonumber(arg[1]) do assert(client:personalise(record(n))) tcb.sleep(0.02) end
    ]]
    local one = ("( %s 2>>%s.children; echo $? >>%s.codes ) & "):format(tcb.line{ script, "80", env = env }, dir, dir)
    os.execute(one:rep(4) .. "sleep 1")
    local paused = run "pause"
    assert.equal(0, paused.code, paused.err)
    os.execute "sleep 1"
    local function count()
      local n = 0
      for l in io.lines(dir .. ".ledger") do
        local e = json.decode(l)
        if e.call == "personalise" and e.status == 200 then n = n + 1 end
      end
      return n
    end
    local before = count()
    os.execute "sleep 0.5"
    assert.equal(before, count())
    assert.is_true(before > 0 and before < 320, before .. " sent before the pause")
    assert.truthy(run("tokens").out:find("paused since", 1, true))
    assert.equal(0, run("labels", "--json").code)          -- reading goes on
    assert.equal(0, run("resume").code)
    os.execute(('for i in $(seq 150); do [ "$(cat %s.codes 2>/dev/null | wc -l)" = 4 ] && break; sleep 0.1; done'):format(dir))
    assert.equal("0\n0\n0\n0\n", tcb.slurp(dir .. ".codes"), tcb.slurp(dir .. ".children"))
    assert.equal(320, count())
    assert.equal(1, mints())
    os.remove(script)
  end)

  --- Runs a shell line with the account in its environment; fails when it takes longer than 10 s.
  local function within(line)
    local words = { "env" }
    for name, value in pairs(env) do words[#words + 1] = name .. "=" .. tcb.quote(value) end
    return tcb.shell(("%s timeout 10 sh -c %s"):format(table.concat(words, " "), tcb.quote(line)))
  end

  it("says so when its folder may not be written, and works without a store", function()
    local bin, folder = dir .. ".bin", "lua5.4" .. luas.suffix .. "/tcb"         -- where anybody may read
    local built = tcb.binary:gsub("[^/]*$", "")
    os.execute(("mkdir -p %s %s/%s; chmod 711 %s; cp %s %s; cp %s/%s/sqlite.so %s/%s; chmod -R a+rX %s"):format(
      dir, bin, folder, dir, tcb.binary, bin, built, folder, bin, folder, bin))
    local r = within(("runuser -u nobody -- %s/tcb%s tokens"):format(bin, luas.suffix))
    assert.equal(1, r.code, r.err)
    assert.truthy(r.err:find("cannot open '.-account%-%x+%.db': Permission denied"), r.err)
    assert.truthy(r.err:find("--no-store", 1, true))
    assert.equal(0, mints())
  end)

  it("says so when the disk is full, before a token is minted", function()
    local r = within(([[unshare -m sh -c 'mkdir -p %s && mount -t tmpfs -o size=64k none %s || exit 99
      head -c 70000 /dev/zero >%s/fill 2>/dev/null
      %s labels; code=$?; rm %s/fill; %s labels --quiet >/dev/null && exit $code']]):format(dir, dir, dir,
      tcb.binary, dir, tcb.binary))
    assert.equal(1, r.code, r.err)
    assert.truthy(r.err:find("the disk is full", 1, true), r.err)
    assert.equal(1, mints())                               -- the one after there was room
  end)

  it("sets a damaged file aside, says so, and mints one at a time from then on", function()
    run "labels"
    os.execute(("for f in %s/account-*.db; do head -c 9000 /dev/urandom >$f; done"):format(dir))
    local r = run("labels", "--json")
    assert.equal(0, r.code, r.err)
    assert.truthy(r.err:find("is damaged: set aside as '.-%.corrupt%-%d+T%d+Z'"), r.err)
    assert.equal(2, mints())
    r = run("labels", "--json")
    assert.equal("", r.err)
    assert.equal(2, mints())
    assert.truthy(run("tokens").out:find("mint history lost: one mint at a time until", 1, true))
  end)

  it("leaves a newer file alone", function()
    run "labels"
    local db = assert(require("tcb.sqlite").open(tcb.shell("ls " .. dir .. "/*.db").out:match "%S+"))
    db:exec "PRAGMA user_version=99"
    db:close()
    local r = run "labels"
    assert.equal(1, r.code)
    assert.truthy(r.err:find("newer tcb", 1, true), r.err)
    assert.equal(1, mints())
  end)

  it("says what is wrong with its state file, and with none", function()
    assert.equal(2, run("pause", "now").code)
    assert.equal(2, run("--sandbox", "pause").code)
    env.TCB_STATE_DIR = dir .. "/file"
    os.execute("mkdir -p " .. dir .. "; touch " .. dir .. "/file")
    local result = run "tokens"
    assert.equal(1, result.code)
    assert.truthy(result.err:find("TCB_STATE_DIR", 1, true), result.err)
    env.TCB_STATE_DIR = dir
  end)
end)
