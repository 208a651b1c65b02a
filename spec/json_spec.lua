local core = require "tcb.core"
local json = require "tcb.json"

describe("json.decode", function()
  it("gives integers where the text has them, on every Lua", function()
    local v = json.decode '{"a": 42, "t": 1787480000123, "f": 1.5, "l": [1, -2, 0], "big": 9007199254740992, "o": {"n": 7}}'
    assert.equal("42 1787480000123 1.5", ("%s %s %s"):format(tostring(v.a), tostring(v.t), tostring(v.f)))
    assert.equal("1 -2 0 7", table.concat({ tostring(v.l[1]), tostring(v.l[2]), tostring(v.l[3]), tostring(v.o.n) }, " "))
    if math.type then assert.equal("integer", math.type(v.big)) end
    assert.equal("42", tostring(json.decode "42"))
  end)

  it("drops nulls of objects unless asked, and keeps those of lists", function()
    assert.same({ a = 1, o = {} }, json.decode '{"a": 1, "b": null, "o": {"x": null}}')
    assert.equal(json.null, json.decode('{"b": null}', { nulls = true }).b)
    assert.same({ 1, json.null, 3 }, json.decode "[1, null, 3]")
  end)

  it("takes a buffer, and refuses bad text with an error of kind proto", function()
    assert.same({ 1 }, json.decode(core.buf "[1]"))
    for _, text in ipairs{ "", "{", '{"a": 1,}', "[1] x", "NaN", '{"a": 0x10}', ("["):rep(70) .. ("]"):rep(70) } do
      local v, err = json.decode(text)
      assert.is_nil(v, text)
      assert.equal("proto", err.kind)
    end
  end)

  it("leaves the application's cjson alone", function()
    local cjson = require "cjson"
    assert.is_true(cjson.decode "[NaN]"[1] ~= cjson.decode "[NaN]"[1])
  end)
end)

describe("json.encode", function()
  it("writes fields in the order given, then sorted", function()
    assert.equal('{"key_id":"a","api_key":"b","x":1,"y":[true,null]}',
      json.encode({ y = { true, json.null }, x = 1, api_key = "b", key_id = "a" }, { "key_id", "api_key" }))
    assert.equal('{"e":{},"l":[]}', json.encode{ l = json.array(), e = {} })
  end)

  it("writes instants in full and escapes what must be", function()
    assert.equal("1787480000123", json.encode(1787480000123))
    assert.equal('"a\\"\\\\/\\n\\u0001\195\169"', json.encode 'a"\\/\n\1\195\169')
  end)

  it("raises on what JSON cannot hold", function()
    local loop = {}
    loop.x = loop
    for _, v in ipairs{ 0 / 0, 1 / 0, print, loop } do assert.has_error(function() json.encode(v) end) end
    assert.has_error(function() json.encode{ [1.5] = 1 } end)
  end)
end)
