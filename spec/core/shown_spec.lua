local core = require "tcb.core"

local NOW = 1893456000000

local function message(changes)
  local r = { caller_number = "911234567890", receiver_number = "919876543210", label_id = "0c7d1f6e-0281-4f86-bb27-745254543456",
    starts_at = NOW + 1000, ends_at = NOW + 3600000 }
  for k, v in pairs(changes) do r[k] = v end
  local ok, err = core.record.check(r, { now = NOW })
  assert.is_nil(ok)
  return err.message
end

describe("a value in a message", function()
  it("stands behind its field", function()
    assert.equal('receiver_number "98" is too short: 8 to 15 digits with the country code are needed', message { receiver_number = "98" })
    assert.equal('dynamic_call_reason "x" has 1 character; 10 to 100 are allowed', message { dynamic_call_reason = "x" })
    assert.equal("starts_at 1893456 looks like seconds; epoch milliseconds are needed (seconds times 1000)", message { starts_at = 1893456 })
    assert.equal('label_id "Acme" is not a UUID (tcb labels lists the account\'s)', message { label_id = " Acme " })
    assert.equal("label_id is missing", message { label_id = " " })
  end)

  it("says by how much a window is too long", function()
    assert.matches("ends_at 1893801600000 is 71 h 59 min too late$", message { ends_at = NOW + 4 * 86400000 })
    assert.matches("ends_at %d+ is 5 ms too late$", message { ends_at = NOW + 86401005 })
  end)

  it("hides most digits of what should be a number, whatever it is", function()
    assert.matches('^receiver_number "98%*%*%*%*%*" is', message { receiver_number = "9876543" })
    assert.matches('^receiver_number "9%.1%*%*77E%+11" is', message { receiver_number = "9.19877E+11" })
    assert.matches('^receiver_number "91%*%*%*%*%*%*3210x" holds', message { receiver_number = "919876543210x" })
    assert.matches('^receiver_number "91%*+3210" is too long', message { receiver_number = "9198765432109876543210" })
  end)

  it("holds no secret that stands where a number should", function()
    core.log.secret "76790ec9-512a-4490-9dcf-7893faa0f8bf"
    assert.matches('^receiver_number "%[secret%]" holds', message { receiver_number = "76790ec9-512a-4490-9dcf-7893faa0f8bf" })
  end)

  it("masks numbers and secrets in texts", function()
    core.log.secret "sesame-open"
    local text = message { dynamic_call_reason = "call 919876543210, the word is sesame-open & more of it" }
    assert.matches('^dynamic_call_reason "call 91%*%*%*%*%*%*3210, the word is %[secret%] …" holds', text)
  end)

  it("is cut at a whole character and kept on one line", function()
    local text = message { dynamic_label_name = ("a\n") .. ("é"):rep(60) }
    assert.matches('^dynamic_label_name "a ' .. ("é"):rep(19) .. '…"', text)
    assert.equal("dynamic_call_reason is not valid UTF-8", message { dynamic_call_reason = "\255 is no text" })
  end)
end)
