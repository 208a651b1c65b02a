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

case("every answer that is no success has its kind", function(t)
  for what, kind in pairs{ ["403"] = "forbidden", ["404"] = "not_found", html = "proto", empty = "proto", truncate = "proto" } do
    t.fault("labels:1-9:" .. what)
    local err = fails(kind, t.client:labels():all())
    equal("labels", err.call, what)
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
end)

return cases
