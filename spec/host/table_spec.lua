local tcb = require "support.tcb"

local function render(columns, rows, width)
  local r = tcb { "-e", ("io.write(require 'tcb.host.table'.render(%s, %s, %d))"):format(columns, rows, width) }
  assert.equal("", r.err)
  return r.out
end

describe("host.table", function()
  local rows = "{ { id = 'abcdef', name = 'Acme Deliveries', n = 12 }, { id = 'x', name = 'तेज़ डिलीवरी', n = 3 }, { id = 'y', name = '東京便' } }"
  local columns = "{ { name = 'name' }, { name = 'id' }, { name = 'n', right = true } }"

  it("aligns several scripts of writing by the columns they take", function()
    assert.equal(table.concat({
      "NAME             ID       N",
      "Acme Deliveries  abcdef  12",
      "तेज़ डिलीवरी       x        3",
      "東京便           y",
    }, "\n") .. "\n", render(columns, rows, 80))
  end)

  it("cuts the widest column first", function()
    assert.equal(table.concat({ "NAME       ID       N", "Acme Del…  abcdef  12", "तेज़ डिलीव…  x        3", "東京便     y" }, "\n") .. "\n",
      render(columns, rows, 21))
  end)

  it("drops the last columns when the first ones leave no room", function()
    assert.equal("NAME    ID\nAcme …  abcdef\nतेज़ डि…  x\n東京便  y\n", render(columns, rows, 14))
  end)

  it("shows no control character", function()
    assert.equal("NAME\na b?[1mc\n", render("{ { name = 'name' } }", "{ { name = 'a\\nb\\27[1mc' } }", 80))
  end)
end)
