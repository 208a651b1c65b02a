local core = require "tcb.core"
local second = require "support.second"
local tcb = require "tcb"

describe("batches", function()
  local server, client, label, t

  local function start(args, more)
    server = second.start(args)
    client = assert(tcb.client(server:options(more)))
    label, t = client:labels():first().id, tcb.now()
  end
  before_each(function() start() end)
  after_each(function() server:close() end)

  local function record(tail, more)
    local r = { caller_number = "911234567890", receiver_number = "91987654" .. tail, label_id = label, starts_at = t + 60000,
      ends_at = t + 3600000 }
    for k, v in pairs(more or {}) do r[k] = v end
    return r
  end
  local function by_tail(rows)
    local map = {}
    for _, row in ipairs(rows) do map[row.receiver_number:sub(-4)] = row end
    return map
  end

  it("wait until each record is settled, and find the record of each row", function()
    local sent = { record "1111", record "4444", record "5555", record "6666" }
    local batch = assert(client:push(sent))
    assert.equal(4, batch.count)
    assert.equal("string", type(batch.id))
    local rows = by_tail(assert(batch:wait()))
    for i, tail in ipairs{ "1111", "4444", "5555", "6666" } do
      assert.equal(sent[i], rows[tail].record, tail)
      assert.equal("key", rows[tail].matched)
    end
    assert.same({ "success", "error", "Failed to push" }, { rows["5555"].status, rows["6666"].status, rows["6666"].reason })
    assert.equal("91987654" .. "4444", rows["4444"].receiver_number)
    assert.equal(1769159252210, rows["1111"].created_at)
  end)

  it("give rows as they are, pending ones too, with one request", function()
    server:close()
    start "--settle 60"
    local batch = assert(client:push{ record "1111" })
    local n = 0
    for row in batch:status() do
      n = n + 1
      assert.equal("pending", row.status)
    end
    assert.equal(1, n)
    local gets = 0
    for _, r in ipairs(server:seen "/dynamic_call_records") do if r.method == "GET" then gets = gets + 1 end end
    assert.equal(1, gets)
  end)

  it("end a wait with an error and the rows so far", function()
    local batch = assert(client:push{ record "1111", record "7777" })
    local rows, err, so_far = batch:wait{ timeout_s = 1 }
    assert.is_nil(rows)
    assert.equal("timeout", err.kind)
    assert.equal("1 of 2 records are not settled after 1 s", err.message)
    assert.equal(2, #so_far)
  end)

  it("are found again by id", function()
    local id = assert(client:push{ record "1111" }).id
    local rows = assert(client:batch(id):wait{ timeout_s = 10 })
    assert.same({ 1, "success" }, { #rows, rows[1].status })
    assert.is_nil(rows[1].record or rows[1].matched)
  end)

  it("raise the error object in the loop over their status", function()
    local ok, err = pcall(function() for _ in client:batch("none"):status() do error "a row" end end)
    assert.is_false(ok)
    assert.same({ "not_found", "status", 404 }, { err.kind, err.call, err.status })
    local rows
    rows, err = client:batch("none"):poll()
    assert.is_nil(rows)
    assert.equal("not_found", err.kind)
  end)

  it("fall back to the v2 status path after a 404, and remember it", function()
    server:close()
    start "--no-v3"
    local batch = assert(client:push{ record "1111" })
    for _ = 1, 3 do assert(batch:poll()) end
    local paths = {}
    for _, r in ipairs(server:seen "/dynamic_call_records") do
      if r.method == "GET" then paths[#paths + 1] = r.path:sub(1, 4) end
    end
    assert.same({ "/v3/", "/v2/", "/v2/", "/v2/" }, paths)
  end)

  it("refuse bad records before anything is sent, naming index and field", function()
    for field, wrong in pairs{ caller_number = "12", receiver_number = "", label_id = "x", dynamic_label_name = "ab",
      dynamic_call_reason = "short", ends_at = t - 1 } do
      local batch, err = client:push{ record "1111", record("2222", { [field] = wrong }) }
      assert.is_nil(batch)
      assert.same({ "input", 2, field }, { err.kind, err.index, err.field })
      local ok
      ok, err = client:personalise(record("2222", { [field] = wrong }))
      assert.is_nil(ok)
      assert.same({ "input", field }, { err.kind, err.field })
    end
    local batch, err = client:push{ record "1111", record "1111" }
    assert.is_nil(batch)
    assert.same({ "input", 2 }, { err.kind, err.index })
    assert.equal(0, #server:seen "/dynamic_call_records" + #server:seen "/dynamic_call_record")
  end)

  it("raise on wrong types and counts, at the line of the call", function()
    local list = {}
    for i = 1, 501 do list[i] = record(("%04d"):format(i)) end
    local here = "batch_spec.lua"
    for _, bad in ipairs{ { list }, { {} }, { "x" }, { { 7 } }, { { record("1111", { starts_at = "soon" }) } },
      { { record("1111", { caller_number = 911234567890 }) } } } do
      local ok, err = pcall(function() client:push(bad[1]) end)
      assert.is_false(ok)
      assert.is_truthy(tostring(err):find(here, 1, true), tostring(err))
    end
    local ok, err = pcall(function() client:personalise(record("1111", { starts_at = {} })) end)
    assert.is_false(ok)
    assert.is_truthy(tostring(err):find("client:personalise: field 'starts_at'", 1, true), tostring(err))
    assert.has_error(function() client:personalise() end)
    assert.has_error(function() client:batch() end)
  end)

  it("say which field the service refused", function()
    local ok, err = client:personalise(record("1111", { label_id = "0b8b3b1c-1111-4222-8333-944455556666" }))
    assert.is_nil(ok)
    assert.same({ "input", 400, "label_id", "personalise" }, { err.kind, err.status, err.field, err.call })
  end)

  it("leave the caller's tables untouched", function()
    local r = record("1111", { mine = { 1 } })
    local copy = record("1111", { mine = r.mine })
    assert(client:push{ r })
    assert.same(copy, r)
  end)
end)

describe("client:request", function()
  it("calls what has no method, with the account's token", function()
    local server = second.start()
    local client = assert(tcb.client(server:options()))
    local answer = assert(client:request{ method = "get", path = "/clients/{client}/labels", query = { page = 2, limit = 1 } })
    assert.same({ 200, "Label 1" }, { answer.status, answer.body[1].name })
    assert.equal("limit=1&page=2", server:seen "/labels"[1].query)
    local none, err = client:request{ method = "POST", path = "/v9/x", body = { a = 1 } }
    assert.is_nil(none)
    assert.same({ "not_found", "other" }, { err.kind, err.call })
    assert.equal('{"a":1}', server:seen "/v9/x"[1].body)
    assert.has_error(function() client:request{ path = "/x" } end)
    assert.has_error(function() client:request{ method = "GET", path = "/x", headers = {} } end)
    assert.equal(core.version, tcb.version)
    server:close()
  end)
end)
