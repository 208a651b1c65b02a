local json = require "tcb.json"
local luas = require "support.luas"
local tcb = require "support.tcb"

--- Runs Lua in this ABI's own interpreter: what it writes to stderr.
local function lines_of(text)
  local line = ("cd '%s' && build/%s%s/lua -e \"package.path='lua/?.lua;'..package.path package.cpath='build/%s%s/?.so;'..package.cpath\" -e %s")
    :format(luas.root, luas.abi, luas.suffix, luas.abi, luas.suffix, tcb.quote(text))
  return tcb.shell(line).err
end

describe("log", function()
  it("writes redacted lines of text", function()
    assert.equal("tcb: warn: to 91******3210\n", lines_of "require 'tcb.core'.log.write('warn', 'to 919876543210')")
    assert.equal("", lines_of "require 'tcb.core'.log.write('info', 'quiet')")
  end)

  it("masks a number as people write it", function()
    local redact = require "tcb.core".log.redact
    assert.equal("call +91******3210, or +91******3210.", redact "call +91 98765 43210, or +91-(98765)-43210.")
    assert.equal("+91******3210", redact "+919876543210")
    assert.equal("+49******0000, 2026 records", redact "+49 30 900 0000, 2026 records")
    assert.equal("91******2233x, x91******2233, tel91******2233y", redact "919811122233x, x919811122233, tel919811122233y")
    assert.equal("'91******2233a'", redact "'919811122233a'")                  -- as long as a UUID's tail, and none
    for _, id in ipairs{ "0c7d1f6e-0281-4f86-bb27-74525454345a", "0c7d1f6e-0281-4f86-bb27-a45254543451", "12345678-0281-4f86-bb27-745254543451",
      "0123456789abcdef", "a012345678901234b", "x.corrupt-20260803T100000Z", "tcb_1234567890" } do
      assert.equal(id, redact(id))
    end
    for _, text in ipairs{ "+30 s", "a+12 345 6789", "+05:30", "+", "1 + 2 345 678" } do assert.equal(text, redact(text)) end
  end)

  it("writes JSON, whatever is in the text", function()
    local err = lines_of [[local log = require "tcb.core".log log.format "json" log.level "info"
      log.secret "sentinel-log" log.write("info", 'a "b" \\ sentinel-log \n\1 919876543210 \255\226\130 € तेज़')]]
    assert.equal(1, select(2, err:gsub("\n", "\n")))
    local line = json.decode(err)
    assert.equal("info", line.level)
    assert.is_true(line.t > 1700000000000)
    assert.equal('a "b" \\ [secret] \n\1 91******3210 ??? € तेज़', line.message)
  end)
end)
