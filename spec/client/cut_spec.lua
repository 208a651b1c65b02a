--- Connections that break: a server that answers the first request of a connection, does the work of the second, and cuts.
local core = require "tcb.core"
local second = require "support.second"
local tcb = require "tcb"

describe("a connection that breaks after the service did the work", function()
  local server, client, record

  before_each(function()
    core.log.level "error"
    server = second.start()
    client = assert(tcb.client(server:options{ deadline_s = 5 }))
    local t = tcb.now()
    record = { caller_number = "911234567890", receiver_number = "919876541111", label_id = client:labels():first().id,
      starts_at = t, ends_at = t + 9000 }
  end)
  after_each(function()
    server:close()
    core.log.level "warn"
  end)

  local function records_committed()
    local n = 0
    for _, c in ipairs(server:commits()) do if c ~= "token" then n = n + 1 end end
    return n
  end

  local calls = {
    push = { path = "/dynamic_call_records", run = function() return client:push{ record } end },
    personalise = { path = "/dynamic_call_record", run = function() return client:personalise(record) end },
    ["v1:push"] = { path = "/dynamic_call_records", run = function() return client.v1:push{ record } end },
    ["v1:personalise"] = { path = "/dynamic_call_record", run = function() return client.v1:personalise(record) end },
  }

  for name, c in pairs(calls) do
    for _, how in ipairs{ "fin", "rst", "half-head", "half-body", "long-header" } do
      it(("%s, %s: one commit, in doubt"):format(name, how), function()
        assert(client:labels():first())                                  -- the connection is kept alive from here
        server:fault{ path = c.path, cut = how, commit = true, times = 9 }
        local value, err = c.run()
        assert.is_nil(value)
        assert.same({ "in_doubt", 1 }, { err.kind, err.attempts }, tostring(err))
        assert.is_true(err.sent)
        assert.is_false(err.retryable)
        assert.is_truthy(tostring(err):find("may or may not have accepted it", 1, true), tostring(err))
        assert.equal(1, records_committed())
        assert.equal(1, #server:seen(c.path))
      end)
    end
  end

  it("a GET and a publish are repeated, and succeed", function()
    for _, how in ipairs{ "fin", "rst", "half-head", "half-body" } do
      server:fault{ path = "/labels", cut = how }
      assert.equal(5, #assert(client:labels():all()), how)
    end
    server:fault{ path = "/publish", cut = "rst", commit = true }
    local job = assert(client:publish(client:feature_sets():first().id, { "917700000001" }))
    assert.equal(2, #server:seen "/publish")
    assert.same({ "917700000001" }, assert(job:wait()).listed)
  end)

  it("a stall ends at the attempt's time limit, in doubt for a push", function()
    local brief = assert(tcb.client(server:options{ timeout_s = 0.3, deadline_s = 0.5 }))
    server:fault{ path = "/dynamic_call_records", cut = "stall", commit = true }
    local value, err = brief:push{ record }
    assert.is_nil(value)
    assert.equal("in_doubt", err.kind)
    assert.equal(1, records_committed())
  end)
end)
