local journal = require "tcb.campaign.journal"
local task = require "tcb.task"
local core = require "tcb.core"

local STATE = journal.STATE

local function batch(fields)
  local b = { state = STATE.intent, records = 2, planned_at = 10, starts_at = 20, ends_at = 30, last_ends_at = 40, spans = "s\0p",
    hashes = ("h"):rep(16), checkpoint = "c\0p", refused = "r", refused_count = 1 }
  for k, v in pairs(fields or {}) do b[k] = v end
  return b
end

describe("journal", function()
  local path, open
  before_each(function()
    path = os.tmpname()
    os.remove(path)
    open = {}
  end)
  after_each(function()
    for _, j in ipairs(open) do j:close() end
    for _, tail in ipairs{ "", "-wal", "-shm", "-lock" } do os.remove(path .. tail) end
  end)

  local function make(options)
    local j, err = journal.open(path, options or { create = true })
    if j then open[#open + 1] = j end
    return j, err
  end

  it("keeps batches, their input and outcomes byte for byte", function()
    local j = assert(make())
    assert.is_true(j.is_new)
    local b = batch()
    assert(j:add(b))
    assert.equal(1, b.seq)
    assert(j:sent(1, "id-1", 25, "push 25 200\n"))
    assert(j:outcome(1, "\1\16", nil, ("i"):rep(32), "n\0", 0))
    assert(j:polled(1, 0, 50, "status 50 200\n"))
    assert(j:reason(0, "OS not supported", ""))
    assert(j:set{ account = "a" })
    assert(j:count("requests", 3))
    j:close()
    j = assert(make{ readonly = true })
    assert.is_false(j.is_new)
    assert.same({ seq = 1, state = STATE.sent, records = 2, open = 0, planned_at = 10, starts_at = 20, ends_at = 30, last_ends_at = 40,
      batch_id = "id-1", sent_at = 25, generation = 0, polls = 1, polled_at = 50, events = "push 25 200\nstatus 50 200\n" }, j:batch(1))
    assert.same({ spans = "s\0p", hashes = ("h"):rep(16), refused = "r", refused_count = 1, dropped = 0, split = 0, checkpoint = "c\0p" }, j:input(1))
    assert.same({ "\1\16", nil, ("i"):rep(32), "n\0" }, { j:outcomes(1) })
    assert.same({ [0] = { text = "OS not supported" } }, j:reasons())
    assert.same({ account = "a", requests = 3 }, j.header)
    assert.equal("c\0p", j:checkpoint())
    assert.is_nil(j:batch(2))
    assert.is_nil(j:outcomes(2))
  end)

  it("makes all writes of one turn durable with one commit, before anybody goes on", function()
    local j = assert(make())
    local before, after = j.commits, {}
    task.run(function()
      for i = 1, 5 do
        task.spawn(function()
          assert(j:add(batch()))
          assert(j:durable())
          after[i] = j.commits
        end)
      end
    end)
    for i = 1, 5 do assert.equal(before + 1, after[i]) end
    assert.equal(5, j:value("SELECT count(*) FROM batch"))
  end)

  it("is readable by its owner alone", function()
    assert(make())
    assert.equal("-rw-------", io.popen("ls -l " .. path):read("*l"):sub(1, 10))
    assert.equal("-rw-------", io.popen("ls -l " .. path .. "-lock"):read("*l"):sub(1, 10))
  end)

  it("tells a second process who holds it, and lets it read", function()
    local first = assert(make{ create = true, what = "push" })
    assert(first:add(batch()))
    first:commit()
    local second, err = make{ create = true, what = "reconcile" }
    assert.is_nil(second)
    assert.equal("held", err.slug)
    assert.truthy(err.message:find("process " .. core.pid() .. " (tcb push, since 2", 1, true))
    assert.equal(1, assert(make{ readonly = true }):value("SELECT count(*) FROM batch"))
    first:close()
    first:close()
    assert.is_not_nil(make{ what = "reconcile" })
  end)

  it("gives batches in pages while they are written", function()
    local j = assert(make())
    for _ = 1, 1300 do assert(j:add(batch{ state = STATE.waiting })) end
    local seen = 0
    for b in j:batches("state = ?", STATE.waiting) do
      seen = seen + 1
      assert.equal(seen, b.seq)
      assert(j:mark(b.seq, STATE.doubt, "interrupted"))
    end
    assert.equal(1300, seen)
  end)

  it("keeps refusals without a batch", function()
    local j = assert(make())
    local b = batch{ records = 0 }
    assert(j:add(b))
    assert.is_nil(j:batch(b.seq))
    assert.equal(1, j:input(b.seq).refused_count)
  end)

  it("refuses other databases, other files, newer journals and absent ones", function()
    local sqlite = require "tcb.sqlite"
    local j, err = make{ create = false }
    assert.is_nil(j)
    assert.equal("absent", err.slug)
    local db = sqlite.open(path)
    db:exec "PRAGMA user_version=1; CREATE TABLE x (y)"
    db:close()
    j, err = make()
    assert.is_nil(j)
    assert.equal("foreign", err.slug)
    db = sqlite.open(path)
    db:exec "PRAGMA user_version=99"
    db:close()
    j, err = make()
    assert.is_nil(j)
    assert.equal("newer", err.slug)
    local file = io.open(path, "wb")
    file:write(("not a database "):rep(100))
    file:close()
    j, err = make()
    assert.is_nil(j)
    assert.equal("damaged", err.slug)
    j, err = journal.open("/nonexistent/x.db", { create = true })
    assert.is_nil(j)
    assert.equal("store", err.kind)
  end)

  it("opens the journals of every earlier version with their outcomes unchanged", function()
    local sqlite, summary = require "tcb.sqlite", require "tcb.campaign.summary"
    local file = assert(io.open("spec/campaign/stored/journal-1.sql", "rb"))
    local db = assert(sqlite.open(path))
    assert(db:exec(file:read "*a"))
    file:close()
    assert(db:exec "PRAGMA user_version=1; PRAGMA application_id=1952670314")
    db:close()
    for _, options in ipairs{ { readonly = true }, { what = "push" } } do
      local j = assert(make(options))
      local s = summary.read(j)
      assert.same({ 25, 1, 14, 5, 5 }, { s.records, s.refused, s.success, s.failed, s.in_doubt })
      assert.same({ 3, 2 }, { s.reasons["Not a Truecaller user"], s.reasons["Failed to push"] })
      local codes, _, ids = j:outcomes(1)
      assert.same({ 5, 80, 40 }, { #codes, #ids, #j:hashes(1) })
      assert.truthy(core.outcome.id(ids, 5))
      assert.equal(2, j:value "PRAGMA user_version")
      j:close()
    end
    assert.same({}, require("tcb.campaign.care").verify(path).problems)
    -- For a while version 1 had the tables of version 2 already.
    db = assert(sqlite.open(path))
    assert(db:exec "PRAGMA user_version=1")
    db:close()
    local j = assert(make{ what = "push" })
    local s = summary.read(j)
    assert.same({ 25, 1, 14, 5, 5, 2 }, { s.records, s.refused, s.success, s.failed, s.in_doubt, j:value "PRAGMA user_version" })
    j:close()
  end)

  it("writes nothing more after a failed write, and says why each time", function()
    local j = assert(make())
    assert(j:add(batch()))
    j:commit()
    assert(j:add(batch()))
    j._next = 1                                            -- a row that exists
    local ok, err = j:add(batch())
    assert.is_nil(ok)
    assert.equal("store", err.kind)
    local again, same = j:durable()
    assert.is_nil(again)
    assert.equal(err, same)
    assert.equal(1, j:value("SELECT count(*) FROM batch"))
  end)
end)
