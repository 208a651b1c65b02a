local luas = require "support.luas"

-- The archives are built for Lua 5.4. `make soak` fails every allocation; here some of them.
describe("examples/embed", luas.abi ~= "lua5.4" and function() end or function()
  local function run(arguments, settings)
    local pipe = io.popen(("cd '%s' && export SAN=%s %s && d=$(mktemp -d) && sh spec/support/embed.sh %s 2>&1; echo \"exit $?\"; rm -rf \"$d\"")
      :format(luas.root, luas.suffix == "-asan" and "1" or "", settings or "", (arguments:gsub("DIR", '"$d"', 1))))
    local text = pipe:read "*a"
    pipe:close()
    return text
  end

  local function survives(arguments, settings)
    assert.matches("no record was lost.*\nexit 0\n$", run(arguments, settings))
  end

  it("runs a campaign beside a timer, within 16 MB, as a user builds it", function()
    if luas.suffix ~= "" then return end
    local out = run "example DIR 1000"
    assert.matches("1000 records of 1000 rows", out, 1, true)
    assert.matches("959 success", out, 1, true)
    assert.matches("12 refused", out, 1, true)
    assert.matches("tick: tcb.task 1 %(running%), %d+ batches\n", out)
    assert.matches("\n0 bytes left\n", out, 1, true)
    assert.matches("\nexit 0\n$", out)
  end)

  it("runs two states on two threads", function()
    local out = run "threads DIR 1000"
    local _, campaigns = out:gsub("1000 records of 1000 rows", "")
    assert.equal(2, campaigns)
    assert.matches("exit 0\n$", out)
  end)

  it("survives an allocator that fails, wherever it does", function()
    survives "fail DIR campaign 2 1 97 1000"
    survives("fail DIR campaign 2 50 97 1000", "EMBED_STYLE=blocking")
    survives "fail DIR require 2 1 0 10"
  end)

  it("is clean under valgrind", function()
    if luas.suffix ~= "" then return end
    survives "valgrind DIR campaign 2 700 900 2"
  end)
end)
