--- One row of the API's error table after another: the error object a user gets from a GET, a real-time call and a push.
local core = require "tcb.core"
local second = require "support.second"
local tcb = require "tcb"

local HTML = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><center><h1>502 Bad Gateway</h1></center></body></html>"
local FORBIDDEN = '{"slug": "forbidden-error", "message": "not authorized. please contact your admin."}'
local PARSE = '{"slug": "internal-server-error", "message": "500/50011 - Failed to parse token"}'
local PAST = "Request body is invalid: ends_at cannot be older than current time"

--- status, body -> what a GET gives; `post` where a push or a real-time call gives something else. Each: kind, message, slug, field.
local ROWS = {
  { "400 with slug and message", 400, '{"slug": "invalid-input", "message": "page is invalid"}', { "input", "page is invalid",
    "invalid-input" } },
  { "400 with status_info", 400, '{"status_info": {"status": "error", "field": "ends_at", "message": "' .. PAST .. '"}}',
    { "input", PAST, nil, "ends_at" } },
  { "400 in the older shape", 400, '{"status": "error", "field": "ends_at", "message": "' .. PAST .. '"}', { "input", PAST,
    nil, "ends_at" } },
  { "400 with nothing", 400, "", { "input", "the service refused the request" } },
  { "401", 401, '{"slug": "authorization-error", "message": "please login again"}', { "auth", "please login again",
    "authorization-error" } },
  { "403", 403, FORBIDDEN, { "forbidden", "not authorized. please contact your admin.", "forbidden-error" } },
  { "404 with any body", 404, "404 page not found", { "not_found", "no such path or id" } },
  { "500", 500, '{"slug": "internal-server-error", "message": "it broke"}', { "server", "it broke", "internal-server-error" },
    post = "in_doubt" },
  { "500 that is an expired token", 500, PARSE, { "auth", "500/50011 - Failed to parse token", "internal-server-error" } },
  { "502 with a gateway's page", 502, HTML, { "server", "502 Bad Gateway" }, post = "in_doubt" },
  { "503", 503, "", { "server", "a gateway could not reach the service" } },
  { "504, cut short", 504, "<html><ti", { "server", "a gateway could not reach the service" }, post = "in_doubt" },
  { "302", 302, "", { "proto", "the service answered with a redirect, which is not followed" }, post = "in_doubt" },
  { "200 that is empty", 200, "", { "proto", "the answer is empty" }, post = "in_doubt" },
  { "200 that is a page", 200, HTML, { "proto", "the answer is a page, not JSON" }, post = "in_doubt" },
  { "200 of another shape", 200, "7", { "proto" }, post = "in_doubt" },
}

describe("errors", function()
  local server, client, record

  before_each(function()
    core.log.level "error"
    server = second.start()
    client = assert(tcb.client(server:options{ deadline_s = 0.4 }))
    local t = tcb.now()
    record = { caller_number = "911234567890", receiver_number = "919876541111", label_id = client:labels():first().id,
      starts_at = t, ends_at = t + 9000 }
  end)
  after_each(function()
    server:close()
    core.log.level "warn"
  end)

  local calls = {
    labels = { path = "/labels", run = function() return client:labels():all() end },
    personalise = { path = "/dynamic_call_record", run = function() return client:personalise(record) end, is_post = true },
    push = { path = "/dynamic_call_records", run = function() return client:push{ record } end, is_post = true },
  }

  for _, row in ipairs(ROWS) do
    local name, status, body, want = row[1], row[2], row[3], row[4]
    it(name, function()
      for call, c in pairs(calls) do
        server:fault{ path = c.path, status = status, body = body, times = 50 }
        local value, err = c.run()
        assert.is_nil(value, call)
        assert.equal(c.is_post and row.post or want[1], err.kind, call)
        if want[2] then assert.equal(want[2], err.message) end
        assert.same({ status, want[3] or "none", want[4] or "none", call }, { err.status, err.slug or "none",
          err.field or "none", err.call })
        assert.is_true(err.attempts >= 1)
        local text = tostring(err)
        assert.is_truthy(text:find("HTTP " .. status, 1, true) and text:find(call .. ": ", 1, true), text)
        assert.is_nil(text:find(server.api_key, 1, true))
      end
    end)
  end

  it("429 with Retry-After", function()
    for call, c in pairs(calls) do
      server:fault{ path = c.path, status = 429, body = "", headers = { ["Retry-After"] = "7" }, times = 50 }
      local value, err = c.run()
      assert.is_nil(value)
      assert.same({ "rate", true }, { err.kind, err.retryable }, call)
      assert.is_true(err.retry_after_s > 5 and err.retry_after_s <= 7.5, err.retry_after_s)
      assert.is_truthy(tostring(err):find("possible again in", 1, true), tostring(err))
    end
  end)

  it("a refused key is an auth error with its remedy", function()
    local other = assert(tcb.client(server:options{ api_key = "not-the-right-key" }))
    local all, err = other:labels():all()
    assert.is_nil(all)
    assert.same({ "auth", "invalid key", "authorization-error", "token" }, { err.kind, err.message, err.slug, err.call })
    assert.is_truthy(tostring(err):find("check key_id and api_key", 1, true))
  end)

  it("an expired token is replaced once, and nobody notices", function()
    for _, c in pairs(calls) do
      server:control("/_expire", {})
      assert(c.run())
    end
  end)

  it("a server that is not there is a net error", function()
    local gone = assert(tcb.client(server:options{ base_url = "http://127.0.0.1:1", deadline_s = 0.3 }))
    local all, err = gone:labels():all()
    assert.is_nil(all)
    assert.same({ "net", true }, { err.kind, err.retryable })
  end)
end)
