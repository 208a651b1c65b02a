local tcb = require "support.tcb"
local terminal = require "support.terminal"

local ACCOUNT = "TCB_BASE_URL=https://tcb.invalid TCB_ACCOUNT=acc-1 TCB_KEY_ID=k TCB_API_KEY=sentinel-live"

describe("a live account", function()
  local dir
  before_each(function()
    dir = os.tmpname()
    os.execute("rm -f " .. dir .. "; mkdir -p " .. dir .. "/state")
    local rows = { "caller_number,receiver_number,label_id,starts_at,ends_at" }
    for i = 1, 2000 do
      rows[#rows + 1] = ("911204567801,9198765%05d,3a305b40-d545-4595-a4a8-c06e7b98d355,2100-01-01T10:00:00Z,2100-01-01T12:00:00Z"):format(i)
    end
    tcb.file(table.concat(rows, "\n") .. "\n", dir .. "/big.csv")
  end)
  after_each(function() os.execute("rm -rf " .. dir) end)

  local function push(steps, options)
    steps.command = ("env %s TCB_STATE_DIR=%s/state %s push %s/big.csv %s"):format(ACCOUNT, dir, tcb.binary, dir, options or "")
    return terminal(steps)
  end

  it("is named before it is changed", function()
    local r = tcb.shell(("%s TCB_STATE_DIR=%s/state %s publish fs 918800000001"):format(ACCOUNT, dir, tcb.binary))
    assert.matches("^account acc%-1 at https://tcb.invalid\n", r.err)
    assert.equal(5, r.code)
    assert.is_nil(r.err:find "sentinel")
  end)

  it("gets a large push only after a yes on a terminal", function()
    local r = push { { "expect", "account acc-1 at https://tcb.invalid" }, { "expect", "about [12],[09][0-9]{2} rows .* cannot be recalled.*y/N. " }, { "send", "n\n" },
      { "expect", "nothing was sent" } }
    assert.equal(1, r.code)
    assert.is_nil(io.open(dir .. "/big.csv.tcb.db"))
    r = push({ { "expect", "y/N. " }, { "send", "y\n" }, { "expect", "tcb push: " } }, "--patience 1")
    assert.equal(5, r.code)
  end)

  it("is not asked about with --yes", function()
    local r = push({ { "expect", "account acc-1" }, { "expect", "tcb push: " } }, "--yes --patience 1")
    assert.equal(5, r.code)
    assert.is_nil(r.text:find "Go on")
  end)
end)
