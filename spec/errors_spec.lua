local errors = require "tcb.errors"

describe("errors.catch", function()
  it("gives true when nothing was raised", function() assert.is_true(errors.catch(function() end)) end)

  it("gives a raised error object back as nil, err", function()
    local err = errors.new{ kind = "store", message = "the disk is full" }
    local ok, got = errors.catch(function() error(err, 0) end)
    assert.is_nil(ok)
    assert.equal(err, got)
  end)

  it("lets a mistake in the program go on", function()
    local ok, got = pcall(errors.catch, function() error("a bug", 0) end)
    assert.is_false(ok)
    assert.equal("a bug", got)
  end)
end)
