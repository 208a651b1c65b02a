local campaign = require "tcb.campaign"
local core = require "tcb.core"
local journal = require "tcb.campaign.journal"
local service = require "support.service"

describe("campaign", function()
  local path
  before_each(function()
    path = os.tmpname()
    os.remove(path)
    core.clock.virtual(service.BASE)
  end)
  after_each(function()
    core.clock.virtual(false)
    for _, tail in ipairs{ "", "-wal", "-shm", "-lock" } do os.remove(path .. tail) end
  end)

  local function make(s, records, options)
    local o = { client = s.client, source = service.source(records), journal = path, batch = 10 }
    for k, v in pairs(options or {}) do o[k] = v end
    return campaign.new(o)
  end

  local function sum(s)
    return s.refused + s.success + s.failed + s.expired + s.in_doubt + s.waiting + s.sent
  end

  local function check(s, wanted)
    assert.equal(s.records, sum(s))
    assert.equal(s.records, s.input - s.dropped + s.split)
    for name, n in pairs(wanted) do assert.equal(n, s[name], name) end
  end

  it("sends every record once, and settles it", function()
    local s = service.new()
    local c = make(s, service.records(95, { [3] = "9002", [50] = "9002", [51] = "9003" }))
    check(assert(c:push()), { records = 95, sent = 95, batches = 10, late = 0 })
    assert.same({ 95, 0 }, { s:counts() })
    local done = assert(c:reconcile())
    check(done, { records = 95, success = 92, failed = 3, sent = 0 })
    assert.same({ ["Not a Truecaller user"] = 2, ["OS not supported"] = 1 }, done.reasons)
    check(assert(c:summary()), { success = 92, failed = 3 })
    -- Nothing is left to do: the same again.
    local requests, polls = s.n, s.polls
    check(assert(c:push()), { success = 92, failed = 3 })
    check(assert(c:reconcile()), { success = 92, failed = 3 })
    assert.same({ requests, polls }, { s.n, s.polls })
  end)

  it("repeats what was certainly not processed, and never what may have been", function()
    local s = service.new{ faults = { [1] = "429", [2] = "503", [3] = "refused", [5] = "cut", [7] = "500" } }
    local c = make(s, service.records(60))
    local done = assert(c:push())
    check(done, { sent = 40, in_doubt = 20 })
    assert.equal(7, done:exit_code())
    assert.same({ 50, 0 }, { s:counts() })
    assert.same({ ["connection reset"] = 10, ["internal error"] = 10 }, done.reasons)
    check(assert(c:push()), { sent = 40, in_doubt = 20 })
    assert.same({ 50, 0 }, { s:counts() })
  end)

  it("ends with an error of kind memory, and goes on another time", function()
    local s, failed = service.new(), false
    local c = make(s, service.records(60), { on_batch = function(b)
      if b.seq == 3 and not failed then
        failed = true
        error("not enough memory", 0)                        -- as Lua raises it
      end
    end })
    local done, err = c:push()
    assert.same({ nil, "memory", "not enough memory" }, { done, err.kind, err.message })
    done = assert(c:push())
    assert.equal(60, done.sent + done.in_doubt)
    assert.is_true(done.sent >= 30)
    local sent, twice = s:counts()
    assert.equal(0, twice)
    assert.is_true(done.sent <= sent and sent <= 60)
  end)

  it("resends what is in doubt when told to, and counts it once", function()
    local s = service.new{ faults = { [2] = "cut", [4] = "500" } }
    local c = make(s, service.records(40), { in_doubt = "resend" })
    check(assert(c:push()), { records = 40, sent = 40, in_doubt = 0 })
    assert.same({ 40, 10 }, { s:counts() })
    -- Held first, resent by a later run.
    os.remove(path)
    s = service.new{ faults = { [2] = "cut" } }
    c = make(s, service.records(40))
    check(assert(c:push()), { in_doubt = 10, sent = 30 })
    check(assert(c:push{ in_doubt = "resend" }), { in_doubt = 0, sent = 40, records = 40 })
    assert.same({ 40, 10 }, { s:counts() })
  end)

  it("makes a rejected batch's records failed, and goes on", function()
    local s = service.new{ faults = { [2] = "400" } }
    local done = assert(make(s, service.records(30)):push())
    check(done, { sent = 20, failed = 10 })
    assert.same({ ["rejected: call_records: too odd"] = 10 }, done.reasons)
    assert.equal(4, done:exit_code())
  end)

  it("stops at once when the credentials are wrong; nothing is lost", function()
    local s = service.new{ faults = { ["*"] = "401" } }
    local c = make(s, service.records(300))
    local done, err = c:push()
    assert.is_nil(done)
    assert.equal("auth", err.kind)
    check(assert(c:summary()), { waiting = 300, records = 300 })
    s.faults = {}
    check(assert(c:push()), { sent = 300 })
    assert.same({ 300, 0 }, { s:counts() })
  end)

  it("gives up after the patience, with what is left waiting", function()
    local s = service.new{ faults = { ["*"] = "503", [1] = "", [2] = "" } }
    local c = make(s, service.records(100))
    local began = core.clock.now()
    local done, err = c:push{ patience_s = 300 }
    assert.is_nil(done)
    assert.equal("server", err.kind)
    local took = (core.clock.now() - began) / 1000
    assert.is_true(took >= 300 and took < 420, "took " .. took)
    check(assert(c:summary()), { sent = 20, waiting = 80 })
    s.faults = {}
    check(assert(c:push()), { sent = 100 })
    assert.same({ 100, 0 }, { s:counts() })
  end)

  it("expires what missed its window while it waited, and sends the rest", function()
    local records = service.records(20)
    for i = 1, 5 do records[i].ends_at, records[i].starts_at = service.BASE + 2000, service.BASE + 1000 end
    local s = service.new{ faults = { [1] = "503", [2] = "503" } }
    local c = make(s, records, { batch = 20 })
    check(assert(c:push()), { sent = 15, expired = 5 })
    assert.same({ 15, 0 }, { s:counts() })
    check(assert(c:reconcile()), { success = 15, expired = 5 })
  end)

  it("says which records were late, and expires them when strict", function()
    local records = service.records(20)
    for i = 1, 5 do records[i].starts_at = service.BASE + 1 end
    local s = service.new()
    check(assert(make(s, records):push()), { sent = 20, late = 5 })
    os.remove(path)
    s = service.new{ slot_s = 0.1 }
    check(assert(make(s, records, { strict = true }):push()), { sent = 15, expired = 5, late = 0 })
  end)

  it("keeps a batch of which every window has passed out of the service", function()
    local records = service.records(10)
    for i = 1, 10 do records[i].starts_at, records[i].ends_at = service.BASE + 500, service.BASE + 1000 end
    local s = service.new{ slot_s = 5 }
    check(assert(make(s, records):push()), { expired = 10, sent = 0 })
    assert.same({ 0, 0 }, { s:counts() })
  end)

  it("calls what was never reported in doubt, an hour after its window", function()
    local s = service.new()
    local c = make(s, service.records(12, { [4] = "9008", [7] = "9007" }))
    assert(c:push())
    local done, err = c:reconcile{ timeout_s = 60 }
    assert.is_nil(done)
    assert.equal("timeout", err.kind)
    check(assert(c:summary()), { success = 10, sent = 2 })
    done = assert(c:reconcile())
    check(done, { success = 10, in_doubt = 2 })
    assert.same({ ["not reported"] = 2 }, done.reasons)
    assert.is_true(core.clock.now() >= service.BASE + 7200000 + 3600000)
  end)

  it("sends Failed to push again, as often as told and while the window lasts", function()
    local s = service.new()
    local endings = {}
    for i = 1, 30 do endings[i] = i % 3 == 0 and "9006" or i % 10 == 1 and "9005" or nil end
    local c = make(s, service.records(30, endings))
    local done = assert(c:push{ wait = true })
    check(done, { success = 18, failed = 12 })
    done = assert(c:push{ wait = true, retry_failed = 2 })
    check(done, { records = 30, success = 28, failed = 2 })
    assert.same({ ["Failed to push"] = 2 }, done.reasons)
    assert.equal(30 + 12 + 2, (function() local n = 0 for _, b in pairs(s.batches) do n = n + #b.records end return n end)())
    check(assert(c:push{ wait = true, retry_failed = 2 }), { success = 28, failed = 2 })
  end)

  it("sends at most max_records in a run", function()
    local s = service.new()
    local c = make(s, service.records(100))
    local done = assert(c:push{ max_records = 35 })
    check(done, { sent = 30, waiting = 70 })
    assert.equal("max_records", done.stopped)
    check(assert(c:push()), { sent = 100 })
  end)

  it("lets a canary go first, and stops when too many of it fail", function()
    local endings = {}
    for i = 1, 100 do endings[i] = i % 5 == 0 and "9002" or nil end
    local s = service.new()
    local c = make(s, service.records(100, endings))
    local done, err = c:push{ canary = 15, stop_over = 10 }
    assert.is_nil(done)
    assert.equal("canary", err.slug)
    check(assert(c:summary()), { success = 16, failed = 4, waiting = 80 })
    done, err = c:push{ canary = 15, stop_over = 10 }
    assert.is_nil(done)
    assert.equal("canary", err.slug)
    os.remove(path)
    s = service.new()
    c = make(s, service.records(100, endings))
    check(assert(c:push{ canary = 15, stop_over = 25 }), { records = 100, failed = 4, sent = 80 })
  end)

  it("refuses to continue with other options, another account, another input", function()
    local s = service.new()
    assert(make(s, service.records(30)):push())
    local done, err = make(s, service.records(30), { batch = 20, zone = "Asia/Kolkata" }):push()
    assert.is_nil(done)
    assert.equal("config", err.kind)
    assert.truthy(err.message:find("--batch differs, --zone was not given then", 1, true))
    local other = service.new()
    other.client.account = "other"
    done, err = make(other, service.records(30)):push()
    assert.is_nil(done)
    assert.truthy(err.message:find("account acc, not to other", 1, true))
    done, err = make(other, service.records(30)):reconcile()
    assert.is_nil(done)
    assert.equal("config", err.kind)
    os.remove(path)
    assert(make(s, service.records(30)):push{ max_records = 10 })
    done, err = make(s, service.records(31)):push()
    assert.is_nil(done)
    assert.truthy(err.message:find("changed since", 1, true))
  end)

  it("asks the caller of a program's mistakes to mend them", function()
    assert.has_error(function() campaign.new{ client = {}, source = service.source{}, jurnal = "x" } end, "tcb.campaign: unknown option 'jurnal'")
    assert.has_error(function() campaign.new{ client = {}, source = service.source{}, batch = 501 } end, "tcb.campaign: option 'batch' must be 1..500")
    local c = campaign.new{ source = service.source{}, journal = path }
    assert.has_error(function() c:push() end, "campaign:push: the campaign was made without a client")
    assert.has_error(function() c:reconcile{ retry = 1 } end)
    local s, err = c:summary()
    assert.is_nil(s)
    assert.equal("absent", err.slug)
  end)

  it("calls hooks with what happened", function()
    local s = service.new()
    local batches, outcomes, shown = 0, {}, 0
    local c = make(s, service.records(25, { [3] = "9002" }), {
      on_batch = function(b) batches = batches + b.records end,
      on_outcome = function(o) outcomes[o.outcome] = (outcomes[o.outcome] or 0) + 1 end,
      on_progress = function(p) shown = p.records end,
    })
    assert(c:push{ wait = true })
    assert.equal(25, batches)
    assert.same({ success = 24, failed = 1 }, outcomes)
    assert.equal(25, shown)
  end)

  it("stops when a hook raises: what is under way gets its answer, the rest waits", function()
    local s = service.new{ slot_s = 0.2 }
    local function raised(options, method)
      local ok, err = pcall(function()
        local c = make(s, service.records(200), options)
        return c[method](c)
      end)
      return not ok and err
    end
    assert.equal("mine", raised({ on_batch = function(b) if b.seq == 2 then error("mine", 0) end end }, "push"))
    local committed = s:counts()
    check(assert(make(s, service.records(200)):summary()), { records = 200, in_doubt = 0, sent = committed })
    assert.is_true(committed >= 20 and committed < 200, committed)
    check(assert(make(s, service.records(200)):push()), { sent = 200, in_doubt = 0 })
    assert.same({ 200, 0 }, { s:counts() })
    local told = 0
    assert.equal("mine, too", raised({ on_outcome = function()
      told = told + 1
      if told == 15 then error("mine, too", 0) end
    end }, "reconcile"))
    assert.same({}, require("tcb.campaign.care").verify(path).problems)
    check(assert(make(s, service.records(200)):reconcile()), { success = 200 })
  end)

  it("has the life of each batch in the order of its events", function()
    local events = require "tcb.campaign.events"
    local s = service.new{ faults = { [1] = "429" } }
    local c = make(s, service.records(5))
    assert(c:push())
    assert(c:reconcile())
    local j = assert(journal.open(path, { readonly = true }))
    local what = {}
    for i, e in ipairs(events.read(j:batch(1).events)) do what[i] = e.what .. " " .. (e.text:match "^%S+" or "") end
    j:close()
    assert.same({ "push 429", "push 200", "status 200", "rows 0", "status 200", "rows 5" }, what)
  end)

  it("leaves an interrupted batch in doubt, and never sends it again by itself", function()
    local s = service.new()
    local c = make(s, service.records(30))
    assert(c:push{ max_records = 20 })
    local j = assert(journal.open(path, {}))
    assert(j:mark(2, journal.STATE.intent))
    j:close()
    check(assert(c:push()), { sent = 20, in_doubt = 10, records = 30 })
    assert.same({ 30, 0 }, { s:counts() })
  end)

  it("ends a run when asked: what is under way gets its answer", function()
    local s, c = service.new()
    c = make(s, service.records(1000))
    s.on_request = function(n) if n == 5 then c:stop("INT") end end
    local done, err = c:push()
    assert.is_nil(done)
    assert.equal("cancelled", err.kind)
    assert.truthy(tostring(err):find("run the same command again to continue", 1, true))
    local so_far = assert(c:summary())
    check(so_far, { records = 1000, in_doubt = 0 })
    assert.equal((s:counts()), so_far.sent)
    check(assert(c:push()), { sent = 1000 })
    assert.same({ 1000, 0 }, { s:counts() })
  end)
end)
