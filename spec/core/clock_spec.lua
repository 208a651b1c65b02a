local core = require "tcb.core"

describe("clock", function()
  after_each(function() core.clock.virtual(false) core.clock.shift(0) end)

  it("gives epoch milliseconds as an exact integer", function()
    local now = core.clock.now()
    assert.is_true(now > 1700000000000)
    assert.equal(now, math.floor(now))
    assert.equal(("%d"):format(now), tostring(now))
  end)

  it("shifts the wall clock and leaves the monotonic one alone", function()
    local wall, mono = core.clock.now(), core.clock.mono()
    core.clock.shift(3600 * 1000)
    assert.is_true(core.clock.now() - wall >= 3600 * 1000)
    assert.is_true(core.clock.mono() - mono < 60 * 1000000)
  end)

  it("stands still when virtual, and moves by what it is told", function()
    core.clock.virtual(1893456000000)
    assert.equal(1893456000000, core.clock.now())
    core.clock.advance(1500000)
    assert.equal(1893456001500, core.clock.now())
  end)
end)

describe("redact", function()
  it("masks phone numbers and keeps instants, UUIDs and short numbers", function()
    assert.equal("to 91******3210 at 1790000000000",
      core.log.redact("to 919876543210 at 1790000000000"))
    local uuid = "91234567-0281-4f86-bb27-745254543456"
    assert.equal(uuid, core.log.redact(uuid))
    assert.equal("batch 1234567", core.log.redact("batch 1234567"))
  end)

  it("replaces registered secrets anywhere", function()
    core.log.secret("s3cret-key-value")
    assert.equal("key=[secret]&x", core.log.redact("key=s3cret-key-value&x"))
    assert.equal("91******3210[secret]91******3211", core.log.redact("919876543210s3cret-key-value919876543211"))
  end)

  it("finds a secret that begins with digits behind a number", function()
    core.log.secret("76790ec9-512a-4490-9dcf-7893faa0f8bf")
    local key = "76790ec9-512a-4490-9dcf-7893faa0f8bf"
    assert.equal("91******3210[secret]", core.log.redact("919876543210" .. key))
    assert.equal("+91******3210[secret]", core.log.redact("+91 98765 43210" .. key))
    assert.equal("12[secret]34[secret]", core.log.redact("12" .. key .. "34" .. key))
    assert.equal("[secret]91******3210", core.log.redact(key .. "919876543210"))
  end)
end)
