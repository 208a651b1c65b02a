--- The short form of soak/rows.sh: the fast path, the plain path and libcsv agree on inputs of fixed seeds.
local luas = require "support.luas"

-- It is a C program, built once: what runs it makes no difference.
describe("fuzz", luas.abi ~= "lua5.4" and function() end or function()
  it("finds no difference in 200,000 rows", function()
    local program = os.tmpname()
    local built = io.popen(("cd '%s' && sh spec/fuzz/build.sh %s -O2 2>&1"):format(luas.root, program))
    assert.equal("", built:read "*a")
    built:close()
    local run = io.popen(("cd '%s/build' && %s 200000 11 2>&1"):format(luas.root, program))
    local said = run:read "*a"
    run:close()
    os.remove(program)
    assert.matches("^200000 inputs, %d+ records, %d+ refusals, %d+ rows compared with libcsv\n$", said)
  end)
end)
