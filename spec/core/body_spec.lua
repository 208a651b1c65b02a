local core = require "tcb.core"

local function record(starts, ends)
  return ('{"caller_number":"911234567890","dynamic_call_reason":"say \\"ends_at\\": 5 [now]","starts_at":%d,"ends_at":%d}'):format(starts, ends)
end

local function body(...)
  return core.buf('{"call_records":[' .. table.concat({ ... }, ",") .. "]}")
end

describe("body", function()
  local a, b, c = record(100, 200), record(150, 300), record(400, 500)

  it("leaves out what has expired, in place", function()
    local x = body(a, b, c)
    assert.is_nil(core.body.expire(x, 199))
    local left, codes = core.body.expire(x, 200)
    assert.equal(2, left)
    assert.same({ core.outcome.EXPIRED, 0, 0 }, { codes:byte(1, -1) })
    assert.equal(body(b, c):string(), x:string())
    left, codes = core.body.expire(x, 200, true)
    assert.equal(1, left)
    assert.same({ core.outcome.EXPIRED, 0 }, { codes:byte(1, -1) })
    assert.equal(body(c):string(), x:string())
    assert.equal(0, (core.body.expire(x, 1000)))
    assert.equal(body():string(), x:string())
  end)

  it("says which records are late", function()
    assert.is_nil(core.body.late(body(a, b, c), 99))
    local marks, n = core.body.late(body(a, b, c), 150)
    assert.same({ 1, 1, 0 }, { marks:byte(1, -1) })
    assert.equal(2, n)
    marks = core.body.late(body(a, c), 150, "\0\2\0")
    assert.same({ 1, 0, 0 }, { marks:byte(1, -1) })
    marks = core.body.late(body(b, c), 150, "\2\0\0")
    assert.same({ 0, 1, 0 }, { marks:byte(1, -1) })
  end)

  it("picks records, and joins bodies", function()
    local x, y = body(a, b, c), body(c, b)
    assert(core.body.pick(x, { 1, 3 }))
    assert.equal(body(a, c):string(), x:string())
    assert(core.body.join(x, y))
    assert.equal(body(a, c, c, b):string(), x:string())
    local empty = core.buf()
    assert(core.body.join(empty, y))
    assert.equal(y:string(), empty:string())
    local none = body()
    assert(core.body.join(none, y))
    assert.equal(y:string(), none:string())
    assert(core.body.join(none, body()))
    assert.equal(y:string(), none:string())
  end)

  it("tells the windows", function()
    assert.same({ 3, 100, 200, 500 }, { core.body.windows(body(a, b, c)) })
    assert.equal(0, (core.body.windows(body())))
  end)

  it("refuses what is no body", function()
    for _, text in ipairs{ "", "[", "[7]", "[{}]", '[{"starts_at":1}]', '{"call_records":[' .. a } do
      local n, err = core.body.windows(text)
      assert.is_nil(n)
      assert.equal("store", err.kind)
    end
  end)
end)
