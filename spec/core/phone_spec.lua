local core = require "tcb.core"
local parse = core.phone.parse

local function why(text, country)
  local digits, err = parse(text, country)
  assert.is_nil(digits)
  assert.equal("input", err.kind)
  return err.message
end

describe("phone.parse", function()
  it("takes every form in which users have international numbers", function()
    for _, text in ipairs { "919876543210", "+919876543210", "+91 98765-43210", "00919876543210", "0091 98765 43210", "+91 (98765) 43210",
      " 919876543210 ", "[+91] 98765 43210", "+91\194\16098765\226\128\14543210", "\226\128\170+919876543210\226\128\172" } do
      assert.equal("919876543210", parse(text))
    end
  end)

  it("drops the trunk zero in brackets of an international number", function()
    assert.equal("442079460958", parse "+44 (0)20 7946 0958")
    assert.equal("442079460958", parse "0044 (0)20 7946 0958")
  end)

  it("completes national numbers with the country, dropping one trunk zero", function()
    assert.equal("919876543210", parse("98765 43210", "91"))
    assert.equal("919876543210", parse("098765 43210", "91"))
    assert.equal("919876543210", parse("(0)98765-43210", "91"))
    assert.equal("919123456789", parse("9123456789", "91"))
    assert.equal("4520123456", parse("20123456", "45"))
  end)

  it("leaves numbers alone that have a country code", function()
    assert.equal("14155550100", parse("+1 415 555 0100", "91"))
    assert.equal("919876543210", parse("919876543210", "91"))
    assert.equal("4520123456", parse("4520123456", "45"))
    assert.equal("14155550100", parse("0014155550100", "91"))
  end)

  it("allows 8 to 15 digits, the first not 0", function()
    assert.equal("12345678", parse "12345678")
    assert.equal("123456789012345", parse "123456789012345")
    assert.matches("too short", why "1234567")
    assert.matches("too long", why "1234567890123456")
    assert.matches("too long", why(("9"):rep(40)))
    assert.matches("starts with 0", why "+0123456789")
    assert.matches("too short", why("123", "91"))
  end)

  it("asks for the country when a number starts with its trunk zero", function()
    assert.matches("country", why "09876543210")
  end)

  it("says what a spreadsheet did", function()
    assert.matches("scientific notation", why "9.19877E+11")
    assert.matches("scientific notation", why "9,19877E+11")
    assert.matches("scientific notation", why "9e11")
    assert.matches("ends in %.0", why "919876543210.0")
    assert.matches("ends in %.0", why "919876543210,00")
    assert.matches("apostrophe", why "'919876543210")
  end)

  it("refuses letters, points, misplaced plus signs and nothing at all", function()
    assert.matches("character", why "91ABC1234567")
    assert.matches("character", why "91.98765.43210")
    assert.matches("character", why "91987654321\255")
    assert.matches("not at its start", why "91+9876543210")
    assert.matches("not at its start", why "++919876543210")
    assert.matches("no digits", why "")
    assert.matches("no digits", why "   ")
    assert.matches("no digits", why "+")
  end)

  it("never shows a whole number in a message", function()
    local message = why "919876543210.0"
    assert.is_nil(message:find("98765", 1, true))
    assert.is_nil(tostring(select(2, parse "91987654321x")):find("98765", 1, true))
  end)

  it("raises on a wrong country", function()
    assert.has_error(function() parse("919876543210", "+91") end)
    assert.has_error(function() parse("919876543210", "9191") end)
  end)
end)

describe("phone.mask", function()
  it("keeps the first two and the last four digits", function()
    assert.equal("91******3210", core.phone.mask "919876543210")
    assert.equal("91******3210", core.phone.mask "+919876543210")
    assert.equal("******", core.phone.mask "1234")
  end)
end)
