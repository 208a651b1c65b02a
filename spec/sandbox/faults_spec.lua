local faults = require "tcb.sandbox.faults"
local support = require "sandbox.support"

describe("a fault spec", function()
  it("is CALL:WHICH:WHAT", function()
    local f = faults.parse "push:2-4:429+3.5"
    assert.equal("push", f.call)
    assert.same({ first = 2, last = 4 }, f.when)
    assert.equal(3.5, f.seconds)
    assert.equal("429+3.5", f.what)
    for _, what in ipairs { "401", "403", "404", "429", "429+2", "500", "502", "503", "504", "parse-token", "html", "empty",
      "truncate", "stall+2",
      "reset-before", "reset-after-commit" } do
      assert.is_table(faults.parse("*:5%:" .. what))
    end
    for _, call in ipairs(faults.CALLS) do assert.is_table(faults.parse(call .. ":1:503")) end
  end)

  it("is refused with a reason when it is none", function()
    for _, spec in ipairs { "", "push", "push:1", "pull:1:503", "push:0:503", "push:3-2:503", "push:101%:503", "push:x:503",
      "push:1:200",
      "push:1:stall", "push:1:503+2", "push:1:html+1", "push:1:reset" } do
      local f, why = faults.parse(spec)
      assert.is_nil(f)
      assert.matches("^fault ", why)
    end
  end)
end)

describe("sandbox faults", function()
  local s
  before_each(function()
    s = support.start()
    s:mint()
  end)
  after_each(function() s:close() end)

  local function last() local list = s:events("request") return list[#list] end

  it("hit the requests they name, counted from when they were set", function()
    assert.equal(200, s:call("labels").status)
    s.rules.faults:add "labels:2-3:503"
    local seen = {}
    for i = 1, 5 do seen[i] = s:call("labels").status end
    assert.same({ 200, 503, 503, 200, 200 }, seen)
    s.rules.faults:add "*:1:500"
    assert.equal(500, s:call("numbers").status)
    assert.equal(200, s:call("labels").status)
    s.rules.faults:add "push:1:404"
    assert.equal(200, s:call("labels").status)
    assert.equal(404, s:push(s:record()).status)
  end)

  it("hit a share of the requests, the same ones for the same seed", function()
    local function run()
      local other, hits = support.start{ faults = { "labels:20%:503" } }, {}
      other:mint()
      for i = 1, 500 do if other:call("labels").status == 503 then hits[#hits + 1] = i end end
      other:close()
      return hits
    end
    local hits = run()
    assert.is_true(#hits > 60 and #hits < 140)
    assert.same(hits, run())
  end)

  it("answer instead of the service: nothing is committed", function()
    local shapes = { ["401"] = "authorization%-error",
      ["403"] = "forbidden%-error.*not authorized%. please contact your admin%.", ["404"] = "not%-found",
      ["429"] = "too%-many", ["500"] = "internal%-server%-error", ["502"] = "<html>.*502 Bad Gateway", ["503"] = "<html>.*503",
      ["504"] = "<html>.*504" }
    for what, pattern in pairs(shapes) do
      s.rules.faults:add("push:1:" .. what)
      local answer = s:push(s:record())
      assert.equal(tonumber(what), answer.status)
      assert.matches(pattern, answer.text)
      assert.is_nil(answer.cut)
      local line = last()
      assert.equal(what, line.fault)
      assert.equal(answer.status, line.status)
      assert.is_true(line.answered)
      assert.is_nil(line.keys)
      assert.is_nil(line.batch_id)
    end
    s.rules.faults:add "push:1:parse-token"
    local answer = s:push(s:record())
    assert.equal(500, answer.status)
    assert.equal("500/50011 - Failed to parse token", answer.json.message)
    assert.equal(0, s.account.batches)
  end)

  it("name a time to wait when told so", function()
    s.rules.faults:add "push:1:429+7"
    assert.equal("7", s:push(s:record()).headers["Retry-After"])
    s.rules.faults:add "push:1:429"
    assert.is_nil(s:push(s:record()).headers["Retry-After"])
  end)

  it("spoil the answer of a push that is committed all the same", function()
    for _, what in ipairs { "html", "empty", "truncate", "stall+5", "reset-after-commit" } do
      s.rules.faults:add("push:1:" .. what)
      local before = s.account.batches
      local answer = s:push(s:record())
      local line = last()
      assert.equal(before + 1, s.account.batches)
      assert.equal(what, line.fault)
      assert.equal(200, line.status)
      assert.equal(1, #line.keys)
      assert.is_string(line.batch_id)
      assert.equal(what ~= "truncate" and what ~= "reset-after-commit", line.answered)
      if what == "html" then assert.matches("^<html>", answer.text) end
      if what == "empty" then assert.equal("", answer.text) end
      if what == "stall+5" then assert.equal(5, answer.stall_s) end
      assert.equal(({ truncate = "truncate", ["stall+5"] = "stall", ["reset-after-commit"] = "reset-after-commit" })[what],
        answer.cut)
    end
  end)

  it("cut before anything happened", function()
    s.rules.faults:add "push:1:reset-before"
    local answer = s:push(s:record())
    assert.equal("reset-before", answer.cut)
    local line = last()
    assert.is_nil(line.status)
    assert.is_false(line.answered)
    assert.is_nil(line.keys)
    assert.equal(0, s.account.batches)
  end)

  it("take a token from the budget when the mint was committed, and only then", function()
    s.rules.faults:add "token:1:503"
    s:mint()
    assert.equal(1, s.account.minted)
    s.rules.faults:add "token:1:reset-after-commit"
    s:mint()
    assert.equal(2, s.account.minted)
    assert.matches("^%x%x%x%x%x%x%x%x$", last().token)
  end)
end)
