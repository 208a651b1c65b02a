--- The short form of soak/rows.sh: the fast path, the plain path and libcsv agree on inputs of fixed seeds.
local luas = require "support.luas"

-- It is a C program, built once: what runs it makes no difference.
describe("fuzz", luas.abi ~= "lua5.4" and function() end or function()
  local function said(source, flags, arguments)
    local program = os.tmpname()
    local pipe = io.popen(("cd '%s' && PROGRAM=%s sh spec/fuzz/build.sh %s %s 2>&1 && cd build && %s %s 2>&1; rm -f %s"):format(luas.root, source,
      program, flags, program, arguments, program))
    local text = pipe:read "*a"
    pipe:close()
    return text
  end

  it("finds no difference in 200,000 rows", function()
    local text = said("rows", "-O2", "200000 11")
    local mutations = text:match "^200000 inputs, %d+ records, %d+ refusals, %d+ rows compared with libcsv; (%d+) mutations"
    assert.is_true(tonumber(mutations or 0) >= 100000, text)
  end)

  it("loses nothing when the allocator fails, wherever it fails", function()
    assert.matches("^%d+ failures of the allocator, each reported, nothing lost\n$", said("memory", "-O1 -fsanitize=address,undefined", ""))
  end)
end)
