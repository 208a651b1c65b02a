--- What tcb does for a user, the same inside every host: one list of cases, run by busted, by nginx and by HAProxy.
-- A case gets `t`: its own account of a sandbox, and the sandbox's ledger to judge by. Plain Lua: no spec library is needed.
-- @module conformance.cases
local cases = {}

local function case(name, fn) cases[#cases + 1] = { name = name, fn = fn } end

local function equal(expected, got, what)
  if expected ~= got then
    error(("%s: expected %s, got %s"):format(what or "value", tostring(expected), tostring(got)), 2)
  end
end

local function fails(kind, value, err)
  if value ~= nil then error("an error of kind " .. kind .. " was expected", 2) end
  equal(kind, err.kind, "kind of " .. tostring(err))
  return err
end

local function record(t, receiver, more)
  local now = t.tcb.now()
  local r = { caller_number = "911234567890", receiver_number = receiver or "+91 98765-40001", label_id = t.label(),
    dynamic_call_reason = "Your parcel arrives today", starts_at = now + 3600000, ends_at = now + 7200000 }
  for k, v in pairs(more or {}) do r[k] = v end
  return r
end

-- The first account of a sandbox has 4 labels, 60 feature sets and 240 numbers; the others have few.
case("labels, feature sets and numbers come page by page, in a loop, all at once and by search", function(t)
  local names = {}
  for label in t.client:labels{ limit = 2 } do names[#names + 1] = label.name end
  local all = assert(t.client:labels():all())
  equal(4, #all)
  equal(4, #names)
  for i = 1, 4 do equal(all[i].name, names[i]) end
  equal(("%d"):format(all[1].created_at), tostring(all[1].created_at), "instants are integers")
  equal(4, #t.requests "labels", "requests: two full pages, an empty one, and the whole list")
  equal(60, #assert(t.client:feature_sets{ limit = 25 }:all()))
  local last, count = nil, 0
  for number in t.client:numbers{ limit = 100 } do last, count = number, count + 1 end
  equal(240, count)
  local found = assert(t.client:numbers{ limit = 100 }:find(function(n) return n.phone_number == last.phone_number end))
  equal(last.phone_number, found.phone_number)
  equal("string", type(assert(t.client:feature_sets():first()).id))
end)

case("a list begins where it is told, gives single pages, and ends without an item", function(t)
  local all = assert(t.client:labels():all())
  local from_two = assert(t.client:labels{ page = 2, limit = 2 }:all())
  equal(math.max(0, #all - 2), #from_two)
  equal(all[3] and all[3].id, from_two[1] and from_two[1].id)
  local pages, before = t.client:labels{ limit = 2 }, #t.requests "labels"
  equal(0, #assert(pages:page(9)))
  equal(math.min(2, #all), #assert(pages:page(1)))
  equal(math.min(2, #all), #assert(pages:page(1)))
  equal(before + 3, #t.requests "labels", "a page is asked for each time")
  equal(nil, t.client:labels():find(function() return false end))
  local first, err = t.client:numbers{ feature_set_id = assert(t.client:feature_sets():first()).id, department_id = "no such" }:first()
  equal(nil, first)
  equal(nil, err, "an empty list is no error")
  equal(false, (pcall(t.client.labels, t.client, { limit = 0 })))
  equal(false, (pcall(t.client.labels, t.client, { nonsense = 1 })))
end)

case("a loop that fails in the middle raises, and has given what came before", function(t)
  local seen = 0
  local size = math.max(1, math.floor(#assert(t.client:labels():all()) / 2))
  t.fault "labels:2:403"
  local ok, err = pcall(function() for _ in t.client:labels{ limit = size } do seen = seen + 1 end end)
  equal(false, ok)
  equal("forbidden", err.kind)
  equal(size, seen)
end)

case("a client says what it is, and refuses unknown options", function(t)
  equal("tcb.client of account " .. t.account .. " at " .. t.base_url, tostring(t.client))
  equal(false, (pcall(t.tcb.client, { nonsense = 1 })))
end)

case("a loop over pages raises the error object", function(t)
  t.fault "labels:1:403"
  local ok, err = pcall(function() for _ in t.client:labels() do end end)
  equal(false, ok)
  equal("forbidden", err.kind)
  equal("labels", err.call)
end)

case("one record is personalised, and committed once", function(t)
  equal(true, assert(t.client:personalise(record(t))))
  local done = t.requests "personalise"
  equal(1, #done)
  equal(200, done[1].status)
  equal("0001", done[1].keys[1].receiver)
end)

case("a bad record is told by its field, and nothing is sent", function(t)
  t.label()
  local before = #t.requests()
  local now = t.tcb.now()
  equal("dynamic_call_reason", fails("input", t.client:personalise(record(t, nil, { dynamic_call_reason = "no! way, no" }))).field)
  equal("receiver_number", fails("input", t.client:personalise(record(t, "12"))).field)
  equal("ends_at", fails("input", t.client:personalise(record(t, nil, { ends_at = now + 90 * 3600000 }))).field)
  local err = fails("input", t.client:push{ record(t), record(t, "x") })
  equal(2, err.index)
  equal(before, #t.requests())
end)

case("a batch is pushed, and its rows tell what became of it", function(t)
  local batch = assert(t.client:push{ record(t, "919876540001"), record(t, "919876549002"), record(t, "919876549003") })
  equal(3, batch.count)
  local rows = assert(batch:wait{ timeout_s = 30 })
  local outcome = {}
  for _, row in ipairs(rows) do outcome[row.receiver_number:sub(-4)] = row.reason or row.status end
  equal("success", outcome["0001"])
  equal("Not a Truecaller user", outcome["9002"])
  equal("OS not supported", outcome["9003"])
  local again = 0
  for row in t.client:batch(batch.id):status() do again = again + (row.status and 1 or 0) end
  equal(3, again)
end)

case("500 records travel as one batch, and come back matched to the tables that were sent", function(t)
  local records, by_number = {}, {}
  for i = 1, 500 do
    records[i] = record(t, ("91987651%04d"):format(i), { dynamic_call_reason = "Sendung f\195\188r Sie, Nummer " .. i })
    by_number[records[i].receiver_number] = records[i]
  end
  local batch = assert(t.client:push(records))
  equal(500, batch.count)
  local rows = assert(batch:wait{ timeout_s = 30 })
  equal(500, #rows)
  for _, row in ipairs(rows) do
    equal("key", row.matched)
    equal(by_number[row.receiver_number], row.record)
    equal(row.record.dynamic_call_reason, row.dynamic_call_reason)
    equal(("%d"):format(row.record.starts_at), tostring(row.starts_at), "instants are integers")
  end
  equal(1, #t.requests "push")
  equal(500, t.requests "push"[1].records)
  records[501] = record(t)
  equal(false, (pcall(t.client.push, t.client, records)))
  equal(false, (pcall(t.client.push, t.client, {})))
  equal(false, (pcall(t.client.push, t.client, { 17 })))
end)

case("a status tells what is pending, doubled, masked, or never reported", function(t)
  local batch = assert(t.client:push{ record(t, "919876549007"), record(t, "919876549008"), record(t, "919876549009"), record(t, "919876549010") })
  t.tcb.sleep(0.4)
  local rows = assert(batch:poll())
  local count, of = 0, {}
  for _, row in ipairs(rows) do
    count = count + 1
    of[row.receiver_number:sub(-4)] = (of[row.receiver_number:sub(-4)] or 0) + 1
    if row.receiver_number:sub(-4) == "9007" then equal("pending", row.status) end
  end
  equal(nil, of["9008"])
  equal(2, of["9009"])
  equal(1, of["9010"], "with or without +")
  local value, err, so_far = batch:wait{ timeout_s = 0.1 }
  equal("timeout", fails("timeout", value, err).kind)
  equal(count, #so_far)
  fails("not_found", t.client:batch("d76s5-dfg9d-o32442-837467854"):poll())
  t.fault "status:1-9:stall+9"
  local from = t.tcb.now()
  fails("timeout", t.client:batch(batch.id):wait{ timeout_s = 0.5 })
  if t.tcb.now() - from > 6000 then error "a wait outlasts its time by far" end
  for _, seconds in ipairs{ -1, 0 / 0, "1" } do equal(false, (pcall(batch.wait, batch, { timeout_s = seconds }))) end
end)

case("every answer that is no success has its kind", function(t)
  for what, kind in pairs{ ["403"] = "forbidden", ["404"] = "not_found", html = "proto", empty = "proto", truncate = "proto" } do
    t.fault("labels:1-9:" .. what)
    local err = fails(kind, t.client:labels():all())
    equal("labels", err.call, what)
    t.fault()
  end
end)

case("an error says what, where and how often, with a remedy and no secret", function(t)
  t.fault "feature_sets:1-9:403"
  local err = fails("forbidden", t.client:feature_sets():all())
  equal("feature_sets", err.call)
  equal(403, err.status)
  equal("forbidden-error", err.slug)
  equal(1, err.attempts)
  equal(false, err.retryable)
  if not tostring(err):find "admin" then error("no remedy: " .. tostring(err)) end
  t.fault()
  t.fault "token:1-99:401"
  local other = t.another_client{ key_id = "00000000-0000-4000-8000-000000000000", api_key = "0123456789abcdef-none-of-yours" }
  err = fails("auth", other:labels():all())
  if tostring(err):find("none-of-yours", 1, true) then error "the key stands in the message" end
end)

case("no connection, no answer in time, no end of the waits: each its kind, within the deadline", function(t)
  t.label()
  local nowhere = t.another_client{ base_url = "http://127.0.0.1:1", deadline_s = 0.4 }
  local err = fails("net", nowhere:labels():all())
  equal(true, err.retryable)
  equal(false, err.sent == true)
  local hasty = t.another_client{ timeout_s = 1, deadline_s = 1.2 }
  t.fault "labels:1-9:stall+3"
  fails("timeout", hasty:labels():all())
  t.fault()
  t.fault "personalise:1:stall+3"
  fails("in_doubt", hasty:personalise(record(t)))
  equal(1, #t.requests "personalise")
  t.fault()
  t.fault "labels:1-9:429+60"
  err = fails("rate", hasty:labels():all())
  equal(429, err.status)
  if not (err.retry_after_s > 50 and err.retry_after_s <= 60) then error("retry_after_s is " .. tostring(err.retry_after_s)) end
end)

case("a real-time call that may have been processed is in doubt; one refused is not", function(t)
  t.label()
  for what, kind in pairs{ ["500"] = "in_doubt", ["504"] = "in_doubt", ["reset-after-commit"] = "in_doubt", empty = "in_doubt", ["403"] = "forbidden" } do
    local before = #t.requests "personalise"
    t.fault("personalise:1:" .. what)
    local err = fails(kind, t.client:personalise(record(t)))
    equal(kind == "in_doubt" and true or err.sent, err.sent, what)
    equal(before + 1, #t.requests "personalise", what)
    t.fault()
  end
end)

case("a push that may have been processed is in doubt, and is not sent again", function(t)
  t.label()
  for _, what in ipairs{ "500", "502", "html", "reset-after-commit", "truncate" } do
    local before = #t.requests "push"
    t.fault("push:1:" .. what)
    local err = fails("in_doubt", t.client:push{ record(t) })
    equal(true, err.sent, what)
    equal(before + 1, #t.requests "push", what)
    t.fault()
  end
end)

case("what was certainly not processed is repeated", function(t)
  t.fault "labels:1-2:503"
  assert(t.client:labels():all())
  equal(3, #t.requests "labels")
  t.fault()
  t.fault "personalise:1:503"
  equal(true, assert(t.client:personalise(record(t))))
  t.fault()
  t.fault "push:1:429+1"
  assert(t.client:push{ record(t) })
  local pushes = t.requests "push"
  equal(2, #pushes)
  if pushes[2].t - pushes[1].t < 950 then error "Retry-After was not kept" end
end)

case("lists, publishing and minting are repeated after a server fault, a bounded number of times", function(t)
  t.fault "token:1:503"
  t.fault "labels:1:502"
  t.fault "labels:2:reset-before"
  assert(t.client:labels():all())
  equal(2, #t.requests "token")
  equal(200, t.requests "labels"[#t.requests "labels"].status)
  t.fault()
  local fs = assert(t.client:feature_sets():first())
  t.fault "publish:1:500"
  assert(t.client:publish(fs.id, { "918800077009" }))
  equal(2, #t.requests "publish")
  t.fault()
  t.fault "labels:1-99:503"
  local before = #t.requests "labels"
  local err = fails("server", t.another_client{ deadline_s = 2.5 }:labels():all())
  local made = #t.requests "labels" - before
  equal(made, err.attempts)
  if made < 2 or made > 5 then error("requests made: " .. made) end
end)

case("a token that is refused is replaced, once", function(t)
  t.label()
  t.fault "personalise:1:parse-token"
  equal(true, assert(t.client:personalise(record(t))))
  equal(2, #t.requests "token")
  t.fault()
  t.fault "labels:1-9:401"
  fails("auth", t.client:labels():all())
end)

case("tasks run side by side and share one token", function(t)
  local list, done = {}, 0
  for i = 1, 8 do
    list[i] = function()
      t.tcb.sleep(0.01)
      local n = #assert(t.client:labels():all())
      done = done + n
      return i
    end
  end
  local results = assert(t.tcb.all(list))
  equal(8, done)
  equal(8, results[8])
  equal(1, #t.requests "token", "mints")
  local other = t.another_client()
  assert(other:labels():all())
  equal(1, #t.requests "token", "mints for a second client of the account")
end)

case("what the account has left is told, and the pace keeps within its limits", function(t)
  t.label()
  local list = {}
  for i = 1, 30 do list[i] = function() return t.client:personalise(record(t, ("9198765%05d"):format(i))) end end
  local results = assert(t.tcb.all(list))
  for i = 1, 30 do equal(true, results[i]) end
  local done = t.requests "personalise"
  equal(30, #done)
  for _, request in ipairs(done) do equal(200, request.status) end
  local limits = assert(t.client:limits())
  equal(9, limits.mints_left)
  equal(1, #limits.tokens)
  equal(true, limits.tokens[1].usable)
end)

case("a token revoked under concurrent calls costs one more", function(t)
  assert(t.client:labels():all())
  t.control("revoke", ('{"account": "%s"}'):format(t.account))
  local list = {}
  for i = 1, 8 do list[i] = function() return #assert(t.client:labels():all()) end end
  equal(8, #assert(t.tcb.all(list)))
  equal(2, #t.requests "token", "mints")
end)

case("run, spawn and wait give results and raise errors", function(t)
  local tcb = t.tcb
  local a, b = tcb.run(function(x)
    local one = tcb.spawn(function() tcb.sleep(0.02) return x + 1 end)
    local two = tcb.spawn(function() return 5 end)
    return one:wait(), two:wait()
  end, 1)
  equal(2, a)
  equal(5, b)
  local ok, err = pcall(tcb.run, function() return tcb.spawn(function() error("mine", 0) end):wait() end)
  equal(false, ok)
  equal("mine", err)
  local value, why = tcb.all{ function() tcb.sleep(5) end, function() return t.client:batch("no such batch"):poll() end }
  fails("not_found", value, why)
end)

case("the deprecated calls go by their own names", function(t)
  t.label()
  equal(true, assert(t.client.v1:personalise(record(t))))
  local batch = assert(t.client.v1:push{ record(t, "919876540001"), record(t, "919876549002") })
  local rows = assert(batch:wait{ timeout_s = 30 })
  equal(2, #rows)
  equal(2, #assert(t.client.v1:batch_status(batch.id)))
  equal(1, #t.requests "v1_personalise")
  equal(1, #t.requests "v1_push")
  equal(0, #t.requests "push")
end)

case("numbers are published and delisted by jobs", function(t)
  local fs = assert(t.client:feature_sets():first())
  local job = assert(t.client:publish(fs.id, { "+91 88000 77001", "918800077002" }))
  local result = assert(job:wait{ timeout_s = 30 })
  equal(2, #result.listed)
  job = assert(t.client:delist(fs.id, { "918800077001" }))
  equal(1, #assert(job:wait{ timeout_s = 30 }).delisted)
end)

case("any other call goes with the account's token", function(t)
  local res = assert(t.client:request{ method = "GET", path = "/clients/{client}/labels", query = { page = 1, limit = 2 } })
  equal(200, res.status)
  equal("string", type(res.body[1].id))
  local before = #t.requests()
  local function refused(request)
    local ok, message = pcall(t.client.request, t.client, request)
    equal(false, ok)
    if not tostring(message):find "client:request: " then error("what is wrong is not told: " .. tostring(message)) end
  end
  refused{ method = "GET /x HTTP/1.1\r\nX: y\r\n", path = "/x" }
  refused{ method = "GET", path = "/x?page=1" }
  refused{ method = "GET", path = "/x", query = { page = {} } }
  refused{ method = "GET", path = "/x", query = { "page" } }
  refused{ method = "POST", path = "/x", body = 5 }
  refused{ method = "POST", path = "/x", body = { print } }
  refused(5)
  equal(before, #t.requests())
end)

return cases
