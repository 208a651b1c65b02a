local core = require "tcb.core"

describe("core.json_check", function()
  local function good(text, depth) assert.is_true(core.json_check(text, depth)) end
  local function bad(text, why, depth)
    local ok, reason = core.json_check(text, depth)
    assert.is_nil(ok)
    assert.matches(why, reason)
  end

  it("accepts every kind of value, and white space around it", function()
    for _, text in ipairs { "{}", "[]", " [1, -0, 0.5, 1e9, 1E+2, -3.25e-7] ", '"a"', "true", "false", "null",
      '\t{"a" :\r\n[ {} , "x" ]}\n',
      '"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude9a"', '"äöü \226\130\172 \240\159\154\154"' } do
      good(text)
    end
  end)

  it("refuses what only looks like JSON", function()
    for text, why in pairs {
      [""] = "too early", ["{"] = "too early", ["[1,"] = "too early", ["[1 2]"] = "bracket", ["[1,]"] = "value", ["{,}"] = "name",
      ['{"a"}'] = "colon", ['{"a":1,}'] = "name", ["{a:1}"] = "name", ["'a'"] = "value", ["01"] = "wrong number",
        ["1."] = "wrong number",
      [".5"] = "value", ["+1"] = "value", ["1e"] = "wrong number", ["-"] = "wrong number", ["nul"] = "word", ["True"] = "value",
      ["[}"] = "value", ["[1}"] = "bracket", ['{"a":1]'] = "bracket", ["1 2"] = "behind", ["{}x"] = "behind",
        ['"a'] = "closing quote",
      ['"\\x"'] = "escape", ['"\\u12g4"'] = "escape", ['"\\ud800"'] = "escape", ['"\\ude9a"'] = "escape",
        ['"\\ud83d\\u0041"'] = "escape",
      ['"a\nb"'] = "control", ['"\0"'] = "control", ['"\255"'] = "UTF%-8", ['"\192\128"'] = "UTF%-8",
        ['"\237\160\128"'] = "UTF%-8",
      ['"\244\144\128\128"'] = "UTF%-8", ['"\226\130"'] = "UTF%-8", ["NaN"] = "value", ["\239\187\191{}"] = "value" } do
      bad(text, why)
    end
  end)

  it("bounds the depth", function()
    good(("["):rep(64) .. ("]"):rep(64))
    bad(("["):rep(65) .. ("]"):rep(65), "deep")
    bad('{"a":[[]]}', "deep", 2)
    good('{"a":[]}', 2)
  end)

  it("finds the end of strings of every length and alignment", function()
    for n = 0, 70 do
      good('"' .. ("x"):rep(n) .. '"')
      good('["' .. ("x"):rep(n) .. 'ß","\\n' .. ("y"):rep(n) .. '"]')
      bad('"' .. ("x"):rep(n) .. "\1" .. '"', "control")
    end
  end)

  it("tells where it stopped, and takes a tcb.buf", function()
    local _, _, at = core.json_check('{"a":tru}')
    assert.equal(5, at)
    assert.is_true(core.json_check(core.buf("[1]")))
  end)
end)

describe("core.sha256", function()
  it("gives the digests of FIPS 180-4", function()
    assert.equal("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", core.sha256 "")
    assert.equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", core.sha256 "abc")
    assert.equal("248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
      core.sha256 "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")
    assert.equal("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0", core.sha256(("a"):rep(1000000)))
  end)

  it("is the same with and without the processor's instructions", function()
    for n = 0, 200 do
      local text = ("%d."):format(n):rep(80):sub(1, n)
      assert.equal(core.sha256(text), core.sha256(text, true))
    end
  end)
end)
