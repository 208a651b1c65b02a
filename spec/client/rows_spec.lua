local json = require "tcb.json"
local rows = require "tcb.rows"

local T = 1787480000000

local function record(receiver, more)
  local r = { caller_number = "911234567890", receiver_number = receiver, label_id = "Aa", starts_at = T, ends_at = T + 1000 }
  for k, v in pairs(more or {}) do r[k] = v end
  return r
end

local function row(receiver, status, more)
  local r = record(receiver, { id = "r", label_id = "aA", status_info = { status = status } })
  for k, v in pairs(more or {}) do r[k] = v end
  return r
end

local function match(sent, raw)
  local list = assert(rows.read(json.encode{ data = json.array(raw) }, "status"))
  return list, rows.match(list, rows.index(sent, sent))
end

describe("rows.read", function()
  it("knows v2, v3 and the bare list of v1, and either spelling", function()
    local v2 = assert(rows.read(json.encode{ data = { row("919876541111", "success",
      { created_at = "2026-01-23T09:07:32.21Z" }) } }))[1]
    assert.same({ "success", 1769159252210, "919876541111" }, { v2.status, v2.created_at, v2.receiver_number })
    local v1 = assert(rows.read '[{"id":"r","caller":"911","receiver":"+919876541111","label_name":"n","call_reason":"c","status":"success"}]')[1]
    assert.same({ id = "r", caller_number = "911", receiver_number = "919876541111", dynamic_label_name = "n",
      dynamic_call_reason = "c",
      status = "success" }, v1)
    assert.same({}, rows.read "[]")
    assert.same({}, rows.read '{"data": []}')
  end)

  it("tells success, error with its reason and field, and everything else as pending", function()
    local list = assert(rows.read(json.encode{ data = { row("1", "success"), row("2", "error",
      { status_info = { status = "error", message = "OS not supported",
      field = "x" } }), row("3", "queued"), { id = "4" }, row("5", "error") } }))
    assert.same({ "success", "error", "pending", "pending", "error" }, { list[1].status, list[2].status, list[3].status,
      list[4].status, list[5].status })
    assert.same({ "OS not supported", "x", "no reason given" }, { list[2].reason, list[2].field, list[5].reason })
    assert.is_nil(list[1].reason or list[3].reason)
  end)

  it("refuses what holds no rows", function()
    for _, body in ipairs{ "7", '{"batch_id": "x"}', '{"data": 1}', '{"data": ["x"]}', "" } do
      local list, err = rows.read(body, "status")
      assert.is_nil(list, body)
      assert.equal("proto status", err.kind .. " " .. err.call)
    end
  end)
end)

describe("rows.match", function()
  it("finds the record of each row by its match key, whatever the order and the +", function()
    local sent = { record "919876541111", record "919876542222", record("919876541111", { starts_at = T + 1 }) }
    local list, settled = match(sent, { row("+919876542222", "success"), row("919876541111", "pending"), row("919876541111",
      "error", { starts_at = T + 1 }) })
    assert.same({ sent[2], sent[1], sent[3] }, { list[1].record, list[2].record, list[3].record })
    assert.equal(sent[2], list[1].record)
    assert.equal("key", list[1].matched)
    assert.equal(2, settled)
  end)

  it("leaves extra rows alone: others' records and second rows", function()
    local sent = { record "919876541111" }
    local list, settled = match(sent, { row("919876541111", "success"), row("919876541111", "success"), row("919876549999",
      "success") })
    assert.same({ "key", 1 }, { list[1].matched, settled })
    assert.is_nil(list[2].record or list[2].matched or list[3].record or list[3].matched)
  end)

  it("matches masked rows as a group when all agree", function()
    local sent = { record "919876541111", record "919876551111", record "919876542222" }
    local list, settled = match(sent, { row("91******1111", "success"), row("919876542222", "success"), row("91******1111",
      "success") })
    assert.same({ "group", "key", "group", 3 }, { list[1].matched, list[2].matched, list[3].matched, settled })
    assert.is_true((list[1].record == sent[1] and list[3].record == sent[2]) or (list[1].record == sent[2] and list[3].record == sent[1]))
  end)

  it("keeps only the counts exact when masked rows disagree", function()
    local sent = { record "919876541111", record "919876551111" }
    local list, settled = match(sent, { row("XXXXXXXX1111", "success"), row("XXXXXXXX1111", "error") })
    assert.same({ "group", "group", 2 }, { list[1].matched, list[2].matched, settled })
    assert.is_nil(list[1].record or list[2].record)
  end)

  it("does not match a mask that does not fit", function()
    local list, settled = match({ record "919876541111" }, { row("92******1111", "success"), row("91******2222", "success") })
    assert.equal(0, settled)
    assert.is_nil(list[1].matched or list[2].matched)
  end)
end)
