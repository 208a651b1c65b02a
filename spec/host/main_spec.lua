local tcb = require "support.tcb"

local function script(text)
  return tcb.file(text)
end

describe("tcb SCRIPT, -e, standard input", function()
  it("runs a script with its arguments", function()
    local path = script "print(arg[0], #arg, ...)"
    local r = tcb { path, "a", "-x" }
    assert.equal(path .. "\t2\ta\t-x\n", r.out)
    assert.equal(0, r.code)
    assert.equal(r.out, tcb { "run", path, "a", "-x" }.out)
  end)

  it("runs chunks, libraries and standard input, where tcb is a global", function()
    assert.matches("^%d+%.%d+%.%d+\n$", tcb { "-e", "print(tcb.version)" }.out)
    assert.matches("^table: ", tcb { "-l", "tcb.errors", "-e", "print(_G['tcb.errors'])" }.out)
    assert.equal("a\n", tcb { "-", "a", stdin = "print(...)" }.out)
    assert.matches("^%d+%.%d+", tcb { stdin = "print(tcb.version)" }.out)
    assert.equal("nil\n", tcb { script "print(rawget(_G, 'tcb'))" }.out)
  end)

  it("takes --sandbox behind a script as its own", function()
    local r = tcb { script "print(#arg, require 'tcb.ambient'.credentials ~= nil)", "--sandbox", "x" }
    assert.equal("1\ttrue\n", r.out)
  end)

  it("says its version", function()
    assert.matches("^tcb %d+%.%d+%.%d+ %(Lua 5%.4%)\n$", tcb { "-v" }.out)
  end)
end)

--- Lua that has the signal sent to its own process a moment later.
local function struck(signal)
  return ("os.execute '(sleep 0.2; kill -%s $PPID) &' "):format(signal)
end

describe("exit codes", function()
  local function ends(code, pattern, call)
    local r = tcb(call)
    assert.equal(code, r.code)
    assert.matches(pattern, r.err)
    assert.equal("", r.out)
  end

  it("are 1 with a traceback when a script fails", function()
    local path = script "local function deep() error 'boom' end\n\ndeep()"
    ends(1, "^tcb: " .. path .. ":1: boom\nstack traceback:\n.*:3: in main chunk\n$", { path })
    ends(1, "error object is a table value", { "-e", "error{}" })
    ends(1, "error object is nil", { "-e", "error()" })
    ends(1, "from tostring", { "-e", "error(setmetatable({}, { __tostring = function() return 'from tostring' end }))" })
    ends(1, "unexpected symbol", { "-e", "x =" })
    ends(1, ":2: .*near", { script "x = 1\ny = = 2" })
  end)

  it("shows the lines inside a coroutine that failed", function()
    local path = script "local function deep() error 'boom' end\nlocal co = coroutine.wrap(function() deep() end)\nco()"
    ends(1, "boom\nstack traceback:.*:1: in.*:2: in.*called from:.*:3: in main chunk\n$", { path })
  end)

  it("follow the kind of an uncaught error object", function()
    for kind, code in pairs { auth = 3, forbidden = 3, config = 3, net = 5, timeout = 5, server = 5, rate = 5, input = 1, store = 1 } do
      ends(code, "^tcb: it broke", { "-e", "error(require 'tcb.errors'.new{ kind = '" .. kind .. "', message = 'it broke' })" })
    end
  end)

  it("are 2 for a mistake in the command line, with the nearest name", function()
    ends(2, "unknown option '%-%-sandbx'; did you mean '%-%-sandbox'", { "--sandbx" })
    ends(2, "did you mean 'tcb help'", { "hepl" })
    ends(2, "cannot open script nothere.lua", { "nothere.lua" })
    ends(2, "cannot open script nothere.lua", { "run", "nothere.lua" })
    ends(2, "'91%*%*%*%*%*%*2233x' is neither a command", { "919811122233x" })
    ends(2, "'%-e' needs a value", { "-e" })
    ends(2, "unknown option '%-%-colour'", { "help", "--colour" })
    ends(2, "no command 'lables'", { "help", "lables" })
    ends(2, "needs a SCRIPT", { "run" })
    ends(2, "is a size", { "--memory-limit", "x", "-e", "" })
    ends(2, "number of seconds", { "--time-limit", "0", "-e", "" })
  end)

  it("are 130 and 143 after a signal, inside a coroutine too", function()
    for signal, code in pairs { INT = 130, TERM = 143 } do
      for _, chunk in ipairs { "while true do end", "coroutine.wrap(function() while true do end end)()", "io.read()" } do
        local r = tcb.shell("sleep 2 | { " .. tcb.line { "-e", struck(signal) .. chunk } .. "; echo $? >&2; }")
        assert.equal("tcb: interrupted\n" .. code .. "\n", r.err)
      end
    end
  end)

  it("end at once at the second signal", function()
    local chunk = "require 'tcb.host.native'.on_interrupt(function() io.stderr:write 'first ' end) while true do end"
    local r = tcb { "-e", struck "TERM" .. "os.execute '(sleep 0.6; kill -TERM $PPID) &' " .. chunk }
    assert.equal("first ", r.err)
    assert.equal(143, r.code)
  end)

  it("are 141, quietly, when nobody reads the output", function()
    local line = tcb.line { "-e", "for i = 1, 1e9 do print(i) end" }
    local r = tcb.shell("{ " .. line .. "; echo $? >&2; } | head -n 1")
    assert.equal("1\n", r.out)
    assert.equal("141\n", r.err)
  end)

  it("are 1 when the output cannot be written", function()
    local r = tcb.shell(tcb.line { "-e", "print 'x'" } .. " >/dev/full")
    assert.matches("cannot write the output", r.err)
    assert.equal(1, r.code)
  end)
end)

describe("limits", function()
  it("stop a script that takes too much memory", function()
    local r = tcb { "--memory-limit", "10M", "-e", "local t = {} for i = 1, 1e8 do t[i] = {} end" }
    assert.matches("not enough memory", r.err)
    assert.equal(1, r.code)
    assert.equal(0, tcb { "--memory-limit", "10M", "-e", "local t = {} for i = 1, 1e5 do t[1] = {} end" }.code)
  end)

  it("stop a script that runs too long, and one that will not be stopped", function()
    for _, chunk in ipairs { "while true do end", "coroutine.wrap(function() while true do end end)()" } do
      local r = tcb { "--time-limit", "0.2", "-e", chunk }
      assert.matches("time limit of 0.2 s reached", r.err)
      assert.equal(1, r.code)
    end
    local r = tcb { "--time-limit", "0.1", "-e", "(('a'):rep(40)):find(('a*'):rep(40) .. 'b')", timeout = 10 }
    assert.matches("does not stop", r.err)
    assert.equal(1, r.code)
  end)
end)

describe("secrets", function()
  it("are in no message, and numbers are masked", function()
    local r = tcb { "-e", "error('key ' .. os.getenv 'TCB_API_KEY' .. ' for 919876543210')", env = { TCB_API_KEY = "sentinel-key-1" } }
    assert.matches("key %[secret%] for 91%*%*%*%*%*%*3210", r.err)
    assert.is_nil(r.err:find "sentinel")
  end)
end)
