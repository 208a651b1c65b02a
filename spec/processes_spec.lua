--- Several processes of one account share its state file: real clock, scaled limits, judged by the ledger.
local child = require "support.child"
local json = require "tcb.json"
local tcb = require "support.tcb"

local LIMITS = "mint=3/8 push=6/2"
local SCRIPT = [[
  local tcb = require "tcb"
  local task = require "tcb.task"
  local core = require "tcb.core"
  local name, seconds = arg[1], tonumber(arg[2])
  local client = assert(tcb.client{ tokens = 3, wait = true })
  local stop, n = core.clock.mono() + seconds * 1e6, 0
  local label = assert(client:labels():first())
  tcb.run(function()
    for worker = 1, 8 do
      tcb.spawn(function()
        while core.clock.mono() < stop do
          n = n + 1
          local body = require("tcb.json").encode{ call_records = { { caller_number = "911234567890",
            receiver_number = ("91%s%07d"):format(name, n), label_id = label.id, starts_at = tcb.now() + 3600000,
            ends_at = tcb.now() + 7200000 } } }
          local res, err = client._wire:request("push", { body = body, count = 1, demand = 100 })
          if not res and err.kind ~= "rate" then error(err, 0) end
        end
      end)
    end
  end)
]]

local dir, server, env, script
before_each(function()
  dir = os.tmpname()
  os.remove(dir)
  os.execute("mkdir -p " .. dir)
  script = tcb.file(SCRIPT, dir .. "/script.lua")
  local ready = dir .. "/env"
  os.execute(("%s >/dev/null 2>%s/err & echo $! >%s/pid; while [ ! -s %s ]; do sleep 0.02; done"):format(
    tcb.line{ "sandbox", "--seed", "5", "--env", ready, "--ledger", dir .. "/ledger", "--latency", "50-150",
      "--limit", "mint=3/8", "--limit", "push=6/2", timeout = 60 }, dir, dir, ready))
  server = tcb.slurp(dir .. "/pid"):match "%d+"
  env = "TCB_STATE_DIR=" .. dir .. "/state TCB_LIMITS='" .. LIMITS .. "' TCB_LOG=error"
  for line in io.lines(ready) do env = env .. " " .. line end
end)
after_each(function() os.execute(("kill %s; rm -rf %s"):format(server, dir)) end)

--- Runs children at the same time: { { name, seconds, env }, ... }; `kill` = { child, after seconds }. Waits for all of them.
local function together(children, kill)
  local parts = {}
  for i, c in ipairs(children) do
    local command = ("env %s %s %s %s %g"):format(env, c.env or "", child.lua(script), c.name, c.seconds)
    parts[i] = ("sleep %g; %s >>%s/out 2>&1 & p%d=$!; "):format(c.after or 0, command, dir, i)
  end
  local line = "exec 2>/dev/null; " .. table.concat(parts)      -- the shell tells of killed children there
  if kill then line = line .. ("sleep %g; kill -9 $p%d; "):format(kill[2], kill[1]) end
  for i in ipairs(children) do line = line .. ("wait $p%d; echo $? >>%s/codes; "):format(i, dir) end
  os.execute(line)
  return tcb.slurp(dir .. "/codes"):gsub("\n", " "), tcb.slurp(dir .. "/out")
end

local function judge()
  local by_token, mints, n, tokens = {}, {}, 0, 0
  for line in io.lines(dir .. "/ledger") do
    local e = json.decode(line)
    if e.event == "request" then
      assert.are_not.equal(429, e.status)
      if e.call == "token" then mints[#mints + 1] = e.t end
      if e.call == "push" then
        n = n + 1
        if not by_token[e.token] then tokens = tokens + 1 end
        by_token[e.token] = by_token[e.token] or {}
        table.insert(by_token[e.token], e.t)
      end
    end
  end
  local function most(list, window)
    local densest, first = 0, 1
    for i, t in ipairs(list) do
      while list[first] <= t - window do first = first + 1 end
      densest = math.max(densest, i - first + 1)
    end
    return densest
  end
  for _, list in pairs(by_token) do assert.is_true(most(list, 2000) <= 6) end
  assert.is_true(most(mints, 8000) <= 3)
  return n, tokens, #mints
end

describe("processes that share a state file", function()
  it("never break a limit, 2 of them, one with its clock 30 s off", function()
    local codes, out = together{ { name = "801", seconds = 6 }, { name = "802", seconds = 6, env = "TCB_CLOCK=+30s" } }
    assert.equal("0 0 ", codes, out)
    local n, tokens, mints = judge()
    assert.equal(3, tokens)
    assert.equal(3, mints)
    assert.is_true(n >= 3 * 6 / 2.5 * 6 * 0.6, n .. " pushes")
  end)

  it("never break a limit, 4 of them, one killed in the middle", function()
    local codes, out = together({ { name = "801", seconds = 6 }, { name = "802", seconds = 6 }, { name = "803", seconds = 6 },
      { name = "804", seconds = 6, env = "TCB_CLOCK=-30s" } }, { 2, 2 })
    assert.equal("0 137 0 0 ", codes, out)
    local n, tokens, mints = judge()
    assert.equal(3, tokens)
    assert.equal(3, mints)
    assert.is_true(n >= 3 * 6 / 2.5 * 6 * 0.6, n .. " pushes")
  end)

  it("are not held up for more than 5 s by a minter that was killed", function()
    os.execute(("curl -s -X POST %s/_sandbox/fault -d '{\"fault\":\"token:1:stall+30\"}' >/dev/null"):format(
      env:match "TCB_BASE_URL=(%S+)"))
    local from = os.time()
    local codes, out = together({ { name = "801", seconds = 30 }, { name = "802", seconds = 7, after = 0.5 } }, { 1, 0.5 })
    assert.equal("137 0 ", codes, out)
    assert.is_true(os.time() - from <= 12)
    local n, _, mints = judge()
    assert.is_true(n > 0)
    assert.is_true(mints >= 2)
  end)
end)
