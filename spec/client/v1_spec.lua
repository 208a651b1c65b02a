local core = require "tcb.core"
local second = require "support.second"
local tcb = require "tcb"

describe("client.v1", function()
  local server, client, label, t, lines, log

  setup(function() server = second.start() end)
  teardown(function() server:close() end)
  before_each(function()
    lines, log = {}, core.log.write
    core.log.write = function(level, text) lines[#lines + 1] = level .. " " .. text end
    client = assert(tcb.client(server:options()))
    label, t = client:labels():first().id, tcb.now()
  end)
  after_each(function() core.log.write = log end)

  local function record(tail, more)
    local r = { caller_number = "911234567890", receiver_number = "91987654" .. tail, label_id = label, starts_at = t,
      ends_at = t + 3600000 }
    for k, v in pairs(more or {}) do r[k] = v end
    return r
  end
  local function log_says(part)
    local n = 0
    for _, line in ipairs(lines) do if line:find(part, 1, true) then n = n + 1 end end
    return n
  end
  local function answers(path, body) server:fault{ path = path, status = 200, body = body } end

  it("says what replaces a call, once per process", function()
    package.loaded["tcb.v1"] = nil                                   -- as in a process that has not heard it
    client = assert(tcb.client(server:options()))
    for _ = 1, 2 do assert(client.v1:personalise(record "1111")) end
    for _ = 1, 2 do assert(client.v1:push{ record "1111" }) end
    assert.equal(1, log_says "warn client.v1:personalise is deprecated by the service; use client:personalise")
    assert.equal(1, log_says "use client:push")
  end)

  it("reads the batch id out of the sentence, and finds the records of the rows", function()
    local mine = { record("1111", { order = 7 }), { caller = "911234567890", receiver = "919876546666", label_id = label,
      starts_at = t, ends_at = t + 5000 } }
    local batch = assert(client.v1:push(mine))
    assert.is_truthy(batch.id:match "^%x+%-%x+%-%x+%-%x+%-%x+$")
    assert.equal("Records Uploaded Successfully. BatchID: " .. batch.id, batch.message)
    local found = {}
    for _, row in ipairs(assert(batch:wait())) do found[row.record] = row.status end
    assert.same({ [mine[1]] = "success", [mine[2]] = "error" }, found)
  end)

  it("takes the id whatever stands around it", function()
    for text, id in pairs{ ["Records Uploaded Successfully. BatchID: b-1."] = "b-1", ["done, batch id : X_2"] = "X_2",
      ["BatchId:3, thanks"] = "3" } do
      answers("/dynamic_call_records", '{"status": "success", "message": "' .. text .. '"}')
      assert.equal(id, assert(client.v1:push{ record "1111" }).id)
    end
  end)

  it("reports the absence of a batch id: the records were accepted all the same", function()
    answers("/dynamic_call_records", '{"status": "success", "message": "Records Uploaded Successfully."}')
    local batch = assert(client.v1:push{ record "1111" })
    assert.is_nil(batch.id)
    assert.equal(1, log_says "named no batch id")
    local rows, err = batch:poll()
    assert.is_nil(rows)
    assert.same({ "proto", "the service's answer to this batch named no id, so its status cannot be asked for" }, { err.kind,
      err.message })
    rows, err = batch:wait()
    assert.is_nil(rows)
    assert.equal("proto", err.kind)
  end)

  it("takes a `failure` for what it says", function()
    local text = "ends_at cannot be older than current time. BatchID: 0b8b3b1c-1111-4222-8333-944455556666"
    answers("/dynamic_call_records", '{"status": "failure", "message": "' .. text .. '"}')
    local batch, err = client.v1:push{ record "1111" }
    assert.is_nil(batch)
    assert.same({ "input", 200, "v1_push", text }, { err.kind, err.status, err.call, err.message })
    local ok
    ok, err = client.v1:personalise(record("1111", { label_id = "0b8b3b1c-1111-4222-8333-944455556666" }))
    assert.is_nil(ok)
    assert.same({ "input", "v1_personalise" }, { err.kind, err.call })
  end)

  it("checks records before anything is sent, with the names of v1", function()
    local ok, err = client.v1:personalise(record("1111", { caller_number = "12" }))
    assert.is_nil(ok)
    assert.same({ "input", "caller" }, { err.kind, err.field })
    local batch
    batch, err = client.v1:push{ record "1111", record("2222", { dynamic_call_reason = "short" }) }
    assert.is_nil(batch)
    assert.same({ "input", "call_reason", 2 }, { err.kind, err.field, err.index })
    for _, bad in ipairs{ {}, { 1 }, "x" } do assert.has_error(function() client.v1:push(bad) end) end
  end)

  describe("feedback_log", function()
    local file
    before_each(function() file = os.tmpname() end)
    after_each(function() os.remove(file) end)
    local function ask() return client.v1:feedback_log{ survey = "s", from_date = t, file = file } end

    it("finds the address wherever the answer holds it", function()
      local url = server.base_url .. "/log.csv"
      for _, body in ipairs{ '"%s"', '{"url": "%s"}', '{"status": "ok", "data": {"download_url": "%s"}}',
        '{"report": {"where": ["%s"]}}' } do
        answers("/export_report", body:format(url))
        assert.equal(file, (assert(ask())))
      end
    end)

    it("does not follow an address that is not https", function()
      for _, url in ipairs{ "http://log.example/x.csv", "http://127.0.0.1.example/x", "http://user@127.0.0.1/x" } do
        answers("/export_report", '{"url": "' .. url .. '"}')
        local path, err = ask()
        assert.is_nil(path)
        assert.same({ "proto", "feedback_log" }, { err.kind, err.call })
      end
    end)

    it("gives a clear error when there is no log", function()
      answers("/export_report", '{"message": "No feedback found for client Id"}')
      local path, err = ask()
      assert.is_nil(path)
      assert.same({ "not_found", "No feedback found for client Id" }, { err.kind, err.message })
      assert.is_truthy(tostring(err):find("user_feedback webhook", 1, true))
    end)

    it("says so when the download fails, and leaves the file alone", function()
      local f = assert(io.open(file, "w"))
      f:write "of yesterday"
      f:close()
      answers("/export_report", '{"url": "' .. server.base_url .. '/gone.csv"}')
      local path, err = ask()
      assert.is_nil(path)
      assert.same({ "not_found", 404 }, { err.kind, err.status })
      assert.is_truthy(err.message:find("could not be downloaded", 1, true))
      f = assert(io.open(file))
      assert.equal("of yesterday", f:read "*a")
      f:close()
    end)

    it("cannot write where there is no folder", function()
      local path, err = client.v1:feedback_log{ survey = "s", from_date = t, file = "/nonexistent/x.csv" }
      assert.is_nil(path)
      assert.equal("feedback_log", err.call)
    end)

    it("raises without its options", function()
      assert.has_error(function() client.v1:feedback_log{ survey = "s", file = "x" } end)
      assert.has_error(function() client.v1:feedback_log{ survey = "s", from_date = "2026", file = "x" } end)
    end)
  end)

  describe("call_me_back_log", function()
    local function ask() return client.v1:call_me_back_log{ from = t, to = t + 1 } end

    it("takes rows, bare or wrapped, and an address with rows", function()
      for _, body in ipairs{ '[{"client_number": "919000000001"}]', '{"data": [{"client_number": "919000000001"}]}' } do
        answers("/summary", body)
        assert.same({ { client_number = "919000000001" } }, assert(ask()))
      end
      answers("/summary", "[]")
      assert.same({}, assert(ask()))
      answers("/summary", '{"url": "' .. server.base_url .. '/rows.json"}')
      answers("/rows.json", '[{"client_number": "919000000002", "created_at": "2026-01-07T06:53:55Z"}]')
      assert.same({ { client_number = "919000000002", created_at = 1767768835000 } }, assert(ask()))
      assert.is_nil(server:seen "/rows.json"[1].header.authorization)
    end)

    it("gives a clear error when there is none", function()
      answers("/summary", '{"message": "No CMB found for client Id"}')
      local rows, err = ask()
      assert.is_nil(rows)
      assert.same({ "not_found", "No CMB found for client Id", "cmb_log" }, { err.kind, err.message, err.call })
      assert.is_truthy(tostring(err):find("cmb webhook", 1, true))
    end)
  end)
end)
