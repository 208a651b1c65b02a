local luas = require "support.luas"

-- The archives are built for Lua 5.4.
describe("tcb.h", luas.abi ~= "lua5.4" and function() end or function()
  it("serves a C program that links libtcb.a, with its own allocator and several states", function()
    local out = ("%s/build/spec-embed%s"):format(luas.root, luas.suffix)
    local san = luas.suffix == "-asan" and "-fsanitize=address,undefined " or ""
    local build = ("cd '%s' && gcc -Wall -Wextra -Werror %s-Isrc $(pkg-config --cflags lua5.4) -o '%s' spec/support/embed.c "
      .. "build/lib%s/libtcb.a $(pkg-config --libs lua5.4) -lm 2>&1"):format(luas.root, san, out, luas.suffix)
    local pipe = io.popen(build .. " && '" .. out .. "' lua 2>&1")
    local text = pipe:read "*a"
    pipe:close()
    assert.equal("ok " .. require("tcb").version .. "\n", text)
  end)
end)
