--- `tcb why` against the ledger: the lives of 20 sampled records, event by event, of a campaign in which much went wrong.
local core = require "tcb.core"
local json = require "tcb.json"
local luas = require "support.luas"
local sandboxed = require "support.sandboxed"

if luas.is_jit then return end                             -- the binary is the same for all

local ROWS, SAMPLE = 200, 20
local NEAR_MS = 1000                                       -- between the client's clock reading and the sandbox's counting

describe("tcb why", function()
  local run, lives, rows = nil, {}, {}

  setup(function()
    local from, file, samples = (os.time() + 86400) * 1000, { "caller_number,receiver_number,dynamic_call_reason,starts_at,ends_at" }, {}
    local endings = { [3] = 9002, [5] = 9005, [7] = 9006, [9] = 9010 }
    for i = 1, ROWS do
      local receiver = i % 40 == 20 and "12" or ("919%05d%04d"):format(i, endings[i % 11] or 1234)
      file[#file + 1] = ("911234567890,%s,Your parcel %d arrives today,%d,%d"):format(receiver, i, from, from + 3600000)
      rows[i + 1] = { receiver = receiver, from = from }
    end
    math.randomseed(os.time())
    for _ = 1, SAMPLE do samples[#samples + 1] = math.random(2, ROWS + 1) end
    run = sandboxed(("cat > c.csv <<'END'\n%s\nEND\n"):format(table.concat(file, "\n")) .. [[
L=$(tcb labels --json | sed -n 's/.*"id":"\([^"]*\)".*"label_type":"dynamic".*/\1/p' | head -n 1)
P="--label $L --batch 10 --limit push=0 --quiet --json"
tcb push c.csv $P > /dev/null; tcb push c.csv $P --in-doubt resend > /dev/null
tcb reconcile c.csv --quiet > /dev/null; tcb push c.csv $P --retry-failed 2 --wait
for n in ]] .. table.concat(samples, " ") .. "; do tcb why c.csv --line $n --json; done\necho LABEL $L",
      { "--settle", "0.2", "--limit", "push=0", "--limit", "mint=0", "--fault", "push:2:429", "--fault", "push:4:503", "--fault", "push:6:500",
        "--fault", "push:8:reset-after-commit", "--fault", "push:10:reset-before", "--fault", "push:12:401", "--fault", "status:3:503" })
    for line in run.out:gmatch "{[^\n]+}" do
      local r = json.decode(line)
      if type(r.batches) == "table" then lives[#lives + 1] = r end
    end
  end)

  --- The requests of the ledger about one record: pushes that committed its key, questions about the batches it was in.
  local function in_ledger(key, ids)
    local list, last = {}, nil
    for _, e in ipairs(run.ledger) do
      if e.event == "request" and (e.call == "status" and ids[e.batch_id]) then list[#list + 1] = e end
      for _, k in ipairs(e.event == "request" and e.call == "push" and e.keys or {}) do
        if k.key == key then list[#list + 1] = e end
      end
      for _, k in ipairs(e.event == "settle" and e.results or {}) do
        if k.key == key then last = k end
      end
    end
    return list, last
  end

  --- A request that a fault answered has no token in the ledger.
  local function is_same(event, request)
    local result, _, token = event.text:match "^(%S+) (%d+) (%S+)"
    local status = request.answered == false and "in_doubt" or tostring(request.status)
    return event.what == request.call and (token == request.token or not request.token) and math.abs(event.at - request.t) <= NEAR_MS
      and (result == status or request.answered == false and not tonumber(result))
  end

  it("explains 20 sampled records as the ledger has them", function()
    local label = run.out:match "LABEL (%S+)"
    assert.equal(SAMPLE, #lives, run.err)
    for _, r in ipairs(lives) do
      local row = rows[r.line]
      assert.equal(row.receiver, r.row.receiver_number)
      if row.receiver == "12" then
        assert.same({ "refused", 0 }, { r.outcome, #r.batches })
      else
        local key = core.sha256(("911234567890|%s|%d|%d|%s"):format(row.receiver, row.from, row.from + 3600000, label)):sub(1, 16)
        local ids, events = {}, {}
        for i = #r.batches, 1, -1 do
          if r.batches[i].batch_id then ids[r.batches[i].batch_id] = true end
          for _, e in ipairs(r.batches[i].events) do
            if e.what == "push" or e.what == "status" then events[#events + 1] = e end
          end
        end
        local requests, last = in_ledger(key, ids)
        -- What the ledger has about the record is told, once each and in order ...
        local at = 0
        for _, request in ipairs(requests) do
          repeat at = at + 1 until not events[at] or is_same(events[at], request)
          assert.truthy(events[at], ("line %d: not told: %s %s of %.0f"):format(r.line, request.call, request.status, request.t))
          events[at].is_known = true
        end
        -- ... and whatever else is told are requests that committed nothing, of the ledger as well.
        for _, e in ipairs(events) do
          local found = e.is_known
          for _, request in ipairs(run.ledger) do
            found = found or (request.event == "request" and not request.keys and is_same(e, request))
          end
          assert.truthy(found, ("line %d: not in the ledger: %s %s"):format(r.line, e.what, e.text))
        end
        assert.equal(last.status == "success" and "success" or "failed", r.outcome, "line " .. r.line)
        if r.outcome == "failed" then assert.equal(last.message, r.reason) end
      end
    end
  end)
end)
