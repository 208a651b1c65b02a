local core = require "tcb.core"

describe("spans", function()
  it("joins records that follow each other", function()
    local packed = core.spans.pack{ { offset = 80, bytes = 100, line = 2 }, { offset = 180, bytes = 50, line = 3 } }
    assert.same({ { offset = 80, bytes = 150, line = 2, records = 2 } }, core.spans.list(packed))
    assert.is_true(#packed <= 6)
  end)

  it("keeps gaps, and records that lie before the one before them", function()
    local list = { { offset = 5000000000, bytes = 100, line = 9, records = 1 }, { offset = 5000000200, bytes = 7, line = 11, records = 3 },
      { offset = 12, bytes = 50, line = 2, records = 1 } }
    assert.same(list, core.spans.list(core.spans.pack(list)))
  end)

  it("has an empty form", function()
    assert.equal("", core.spans.pack{})
    assert.same({}, core.spans.list "")
  end)

  it("refuses bytes that are no spans", function()
    for _, bytes in ipairs{ "\1", "\255\255\255", ("\255"):rep(12), "\1\0\1\1" } do
      local list, err = core.spans.list(bytes)
      assert.is_nil(list)
      assert.equal("store", err.kind)
    end
  end)
end)
