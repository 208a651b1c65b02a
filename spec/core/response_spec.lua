local core = require "tcb.core"

local function digest(call, status, body, retry_after)
  return core.digest(call, status, body, retry_after)
end

describe("core.digest, errors", function()
  it("reads slug and message, and takes the kind from the status", function()
    for status, want in pairs{ [400] = "input", [401] = "auth", [403] = "forbidden", [404] = "not_found", [429] = "rate",
      [500] = "server",
      [502] = "server", [503] = "server", [504] = "server", [422] = "input", [302] = "proto" } do
      local e = digest("push", status, '{"slug": "some-error", "message": "it says why"}')
      assert.same({ kind = want, status = status, slug = "some-error", message = "it says why", sent = true }, e)
    end
  end)

  it("reads status_info, and the older answer without it", function()
    local text = "Request body is invalid: ends_at cannot be older than current time"
    local want = { kind = "input", status = 400, field = "ends_at", message = text, sent = true }
    assert.same(want, digest("personalise", 400,
      '{"status_info": {"status": "error", "field": "ends_at", "message": "' .. text .. '"}}'))
    assert.same(want, digest("personalise", 400, '{"status": "error", "message": "' .. text .. '", "field": "ends_at"}'))
  end)

  it("takes an answer of 200 that says error for what it says", function()
    local e = digest("personalise", 200, '{"status_info": {"status": "error", "field": "label_id", "message": "unknown label"}}')
    assert.same({ kind = "input", status = 200, field = "label_id", message = "unknown label", sent = true }, e)
    e = digest("v1_push", 200, '{"status": "failure", "message": "ends_at cannot be older than current time. BatchID: b-1"}')
    assert.equal("input ends_at cannot be older than current time. BatchID: b-1", e.kind .. " " .. e.message)
  end)

  it("knows the expired token that comes as a 500", function()
    local e = digest("status", 500, '{"slug": "internal-server-error", "message": "500/50011 - Failed to parse token"}')
    assert.equal("auth", e.kind)
    assert.equal("500/50011 - Failed to parse token", e.message)
    assert.equal("auth", digest("v1_status", 500, "500/50011 - Failed to parse token").kind)
    assert.equal("server", digest("status", 503, '{"message": "Failed to parse token"}').kind)
  end)

  it("survives bodies that are empty, pages, text or cut short", function()
    assert.same({ kind = "server", status = 502, message = "502 Bad Gateway", sent = true },
      digest("push", 502, "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>"))
    assert.equal("a gateway could not reach the service", digest("push", 504, "").message)
    assert.equal("a gateway could not reach the service", digest("push", 504, nil).message)
    assert.equal("the service failed", digest("push", 500, "<html><title>unfinished").message)
    assert.equal("over a limit of the service", digest("push", 429, "slow down").message)
    local e = digest("push", 400, '{"slug": "invalid-input", "message": "api_key is requi')
    assert.equal("invalid-input api_key is requi", e.slug .. " " .. e.message)
    assert.equal("the service refused the request", digest("push", 400, '{"slug": {"a": 1}, "message": ["x"]}').message)
    assert.equal("no access", digest("push", 403, '"no access"').message)
  end)

  it("reads escapes, cuts at characters, and drops control characters", function()
    assert.equal('say "\195\169 \240\159\152\128" end', digest("push", 400,
      [[{"message": "say \"\u00e9 \ud83d\ude00\"\u0000end"}]]).message)
    local long = ("\195\169"):rep(300)
    local cut = digest("push", 400, '{"message": "' .. long .. '"}').message
    assert.is_true(#cut > 100 and #cut < 256)
    assert.equal(0, #cut % 2)
  end)

  it("keeps secrets and numbers out of what the service said", function()
    core.log.secret "topsecret-token"
    local e = digest("publish", 400, '{"slug": "topsecret-token", "message": "919876543210 is not yours, topsecret-token"}')
    assert.equal("91******3210 is not yours, [secret]", e.message)
    assert.equal("[secret]", e.slug)
  end)
end)

describe("core.digest, Retry-After", function()
  before_each(function() core.clock.virtual(1767225600000) end)      -- 2026-01-01T00:00:00Z
  after_each(function() core.clock.virtual(false) end)

  it("reads seconds and dates, and bounds absurd values", function()
    for header, want in pairs{ ["3"] = 3, ["0"] = 0, [" 12 "] = 12, ["Thu, 01 Jan 2026 00:00:30 GMT"] = 30,
      ["Wed, 31 Dec 2025 23:00:00 GMT"] = 0,
      ["99999999999999999999"] = 3600, ["Sat, 01 Jan 2050 00:00:00 GMT"] = 3600 } do
      assert.equal(want, digest("push", 429, "", header).retry_after_s, header)
      assert.equal(want, digest("push", 503, "", header).retry_after_s, header)
    end
    for _, header in ipairs{ "", "soon", "-1", "3s", "Thu, 99 Foo 2026 00:00:00 GMT" } do
      assert.is_nil(digest("push", 429, "", header).retry_after_s, header)
    end
    assert.is_nil(digest("push", 500, "", "3").retry_after_s)
  end)
end)

describe("core.digest, success", function()
  local good = {
    token = '{"token": "abc", "created_at": "2026-01-10T06:59:05.72Z"}', labels = "[]", push = ' {"batch_id": "x"} ',
    personalise = '{"status_info": {"status": "success", "message": "Record processed successfully"}}',
    status = '{"data": []}', feature_sets = '{"feature_sets": []}', numbers = '{"numbers": []}',
      publish = '{"status": "pending"}', delist = "{}",
    v1_personalise = '{"status": "success", "message": "x"}', v1_push = '{"status": "success", "message": "x"}', v1_status = "[]",
    feedback_log = '"https://x"', cmb_log = "[]", other = "anything",
  }

  it("is nothing at all for each call's own shape", function()
    for call in pairs(core.endpoints) do assert.is_nil(digest(call, 200, good[call]), call) end
    assert.is_nil(digest("personalise", 200, '{"status": "success", "message": "Record processed successfully"}'))
    assert.is_nil(digest("push", 200, core.buf '{"batch_id": "x"}'))
  end)

  it("is proto for a 200 that is empty, a page, cut short or of another shape", function()
    for call in pairs(core.endpoints) do
      if call ~= "other" then
        assert.equal("proto", digest(call, 200, "").kind, call)
        assert.equal("proto", digest(call, 200, "<html><title>hello</title>").kind, call)
      end
    end
    for _, body in ipairs{ '{"batch_id": "x"', '{"batch_id": "x"}}', '{"batch_id": ""}', '{"batch_id": 7}', "[]",
      '{"batch_id": "x",}', '{batch_id: "x"}',
      "null", "{}", '{"batch_id": "x" "y"}', '{"batch_id": tru}', '{"batch_id": "x", "n": 01}' } do
      assert.equal("proto", digest("push", 200, body).kind, body)
    end
    assert.equal("proto", digest("personalise", 200, '{"status_info": {"status": "maybe"}}').kind)
    assert.equal("proto", digest("push", 200, '{"batch_id":"x","a":' .. ("["):rep(5000) .. ("]"):rep(5000) .. "}").kind)
  end)

  it("tells a failed number lookup from an empty list", function()
    local e = digest("numbers", 200, '{"client_account_id": "c", "phone_type": "", "new_numbers": [], "status": "failed"}')
    assert.equal("proto", e.kind)
    assert.equal("the answer has no numbers, but the status 'failed'", e.message)
  end)
end)

describe("core.digest, whatever comes", function()
  it("never fails on mangled bodies, and never takes one for the wrong thing", function()
    local seeds = { '{"slug": "invalid-input", "message": "a \\u00e9\\ud83d\\ude00 b"}', '{"batch_id": "d76s5-dfg9d-o32442-837467854"}',
      '{"status_info": {"status": "error", "field": "ends_at", "message": "[1,2]"}, "n": [-1.5e3, true, null]}', "<html><title>x</title>" }
    local state = 12345
    local function random(n)
      state = (state * 1103515245 + 12345) % 2147483648
      return math.floor(state / 65536) % n + 1
    end
    for i = 1, 4000 do
      local body = seeds[random(#seeds)]
      for _ = 1, random(4) do
        local at = random(#body + 1)
        local what = random(3)
        if what == 1 then body = body:sub(1, at - 1)
        elseif what == 2 then body = body:sub(1, at - 1) .. string.char(random(256) - 1) .. body:sub(at + 1)
        else body = body:sub(1, at) .. body:sub(random(#body + 1)) end
      end
      local status = ({ 200, 400, 401, 500, 502 })[random(5)]
      local e = digest(({ "push", "personalise", "token", "labels" })[random(4)], status, i % 2 == 0 and body or core.buf(body))
      if status ~= 200 then assert.is_truthy(e and e.kind) end
      if e then
        assert.equal(status, e.status)
        assert.is_nil(e.message:find "[%c]")
        assert.is_true(#e.message < 256 and #e.message > 0)
      end
    end
  end)
end)
