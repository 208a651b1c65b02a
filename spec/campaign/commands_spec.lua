local json = require "tcb.json"
local luas = require "support.luas"
local tcb = require "support.tcb"

if luas.is_jit then return end                             -- the binary is the same for all

--- One campaign for all: two files beside a sandbox, pushed and reconciled, looked at from every side.
describe("the campaign commands", function()
  local dir, out, ledger = nil, nil, {}
  local FROM = (os.time() + 86400) * 1000

  local SCRIPT = [[
B=%s C=%s/c.csv D=%s
L=$($B labels --json | sed -n 's/.*"id":"\([^"]*\)".*"label_type":"dynamic".*/\1/p' | head -n 1)
P="--label $L --batch 20 --no-store --quiet"
say() { echo "== $1"; shift; "$@"; echo "exit $?"; }
say plan $B plan $C --label $L --batch 20 --json
say plantext $B plan $C --label $L --batch 20
say push $B push $C $P --json
say reconcile $B reconcile $C --no-store --quiet --json
say again $B push $C $P --json
say text $B journal status $C
say csv $B export $C
say jsonl $B export $C --json
say sqlite $B export $C --format sqlite --output $D/out.db
say why $B why $C --json 919000012345
say whytext $B why $C --line 5
say whynone $B why $C 919999999999
say verify $B journal verify $C --json
say dry $B push $C --label $L --batch 20 --dry-run --json
say purge $B journal purge $C --older 0s
say other $B push $C $P --zone Asia/Kolkata
say usage $B push
say nofile $B push $D/absent.csv $P
]]

  setup(function()
    dir = os.tmpname()
    os.remove(dir)
    os.execute("mkdir " .. dir)
    local rows = { "order,caller_number,receiver_number,dynamic_call_reason,starts_at,ends_at" }
    local function row(n, receiver, reason)
      rows[#rows + 1] = ('%d,911234567890,%s,"%s",%d,%d'):format(n, receiver, reason or "Your parcel, number " .. n .. " arrives", FROM, FROM + 3600000)
    end
    row(1, "919000012345")
    for n = 2, 100 do
      local ending = n % 9 == 0 and 9002 or n % 11 == 0 and 9001 or n == 53 and 9010 or n == 51 and 9011 or n == 52 and 9009 or 1000 + n
      row(n, ("9190%04d%04d"):format(n, ending), n % 25 == 0 and "no good@" .. n .. " at all" or nil)
    end
    row(101, "12")
    rows[#rows + 1] = "102,911234567890"
    tcb.file(table.concat(rows, "\n") .. "\n", dir .. "/c.csv")
    local file = tcb.file(SCRIPT:format(tcb.binary, dir, dir))
    local got = tcb.shell(("timeout 100 %s sandbox --seed 3 --settle 0.3 --ledger %s/ledger --limit push=0 --fault push:2:429 --fault push:4:503 -- sh %s")
      :format(tcb.binary, dir, file))
    os.remove(file)
    assert.equal(0, got.code, got.err)
    out = { err = got.err }
    for name, text in (got.out .. "== "):gmatch "(%w+)\n(.-)%f[=\0]== " do
      local body, code = text:match "^(.*)exit (%d+)\n$"
      out[name] = { text = body, code = tonumber(code) }
    end
    for line in io.lines(dir .. "/ledger") do ledger[#ledger + 1] = json.decode(line) end
  end)
  teardown(function() os.execute("rm -rf " .. dir) end)

  local function lines(text)
    local list = {}
    for line in text:gmatch "[^\n]+" do list[#list + 1] = json.decode(line) end
    return list
  end

  local function counts_of_ledger()
    local c = { success = 0, failed = {}, batches = 0, requests = 0, mints = 0, rate_limited = 0, committed = 0 }
    for _, e in ipairs(ledger) do
      if e.event == "request" then
        if e.call == "push" and e.batch_id then c.batches = c.batches + 1 end
        if e.call == "push" and e.keys then c.committed = c.committed + #e.keys end
        if e.call == "push" and e.status == 429 then c.rate_limited = c.rate_limited + 1 end
      elseif e.event == "settle" then
        for _, r in ipairs(e.results) do
          if r.status == "success" then c.success = c.success + 1 else c.failed[r.message] = (c.failed[r.message] or 0) + 1 end
        end
      end
    end
    return c
  end

  it("plan: a line a fault, a summary, and the exit code", function()
    local faults = lines(out.plan.text)
    local s = table.remove(faults).summary
    assert.same({ 102, 96, 6, 0, 0, 5, 1, true, 0 },
      { s.rows, s.ok, s.refused, s.duplicates, s.overlaps, s.batches, s.tokens, s.met, s.late_by_s })
    assert.equal(4, out.plan.code)
    local codes = {}
    for _, f in ipairs(faults) do
      codes[f.code] = (codes[f.code] or 0) + 1
      assert.is_number(f.line)
      assert.equal("error", f.severity)
    end
    assert.same({ charset = 4, number = 1, csv = 1 }, codes)
    assert.matches(dir .. '/c%.csv:26: error: dynamic_call_reason "[^"]*@[^"]*" holds .@.', out.plantext.text)
    assert.truthy(out.plantext.text:find("102 rows: 96 to send in 5 batches, 6 refused", 1, true))
    assert.truthy(out.plantext.text:find("every window is met", 1, true))
  end)

  it("push and reconcile: figures that are the ledger's", function()
    local l = counts_of_ledger()
    local s = lines(out.push.text)[1]
    assert.same({ 102, 96, 6, 96 }, { s.records, s.sent, s.refused, l.committed })
    assert.same({ l.batches, l.rate_limited }, { s.batches, s.rate_limited })
    assert.equal(4, out.push.code)
    s = lines(out.reconcile.text)[1]
    assert.same(l.failed, s.reasons)
    assert.same({ l.success, 0, 0 }, { s.success, s.sent, s.in_doubt })
    assert.same(s, lines(out.again.text)[1])
    local keys = {}
    for name in pairs(s) do keys[#keys + 1] = name end
    table.sort(keys)
    assert.equal("batches dropped expired failed in_doubt input journal late mints rate_limited reasons records refused requests sent split "
      .. "success waiting", table.concat(keys, " "))
    assert.truthy(out.text.text:find("success", 1, true))
    assert.equal(4, out.text.code)
  end)

  it("export: every row once, in order, with its fate; the same in three forms", function()
    local by_outcome, n, records = {}, 0, lines(out.jsonl.text)
    for i, r in ipairs(records) do
      assert.equal(i + 1, r.tcb_line)
      assert.equal(tostring(i), r.order)
      by_outcome[r.tcb_outcome] = (by_outcome[r.tcb_outcome] or 0) + 1
      if r.tcb_outcome == "success" or r.tcb_outcome == "failed" then
        assert.truthy(r.tcb_batch_id)
        assert.truthy(r.tcb_matched)
      end
    end
    local s = lines(out.reconcile.text)[1]
    assert.same({ success = s.success, failed = s.failed, refused = 6 }, by_outcome)
    assert.equal("group", records[51].tcb_matched)
    assert.equal("key", records[53].tcb_matched)
    assert.truthy(records[53].tcb_record_id)
    for line in out.csv.text:gmatch "[^\n]+" do
      n = n + 1
      if n == 1 then
        assert.equal("order,caller_number,receiver_number,dynamic_call_reason,starts_at,ends_at,tcb_line,tcb_outcome,tcb_reason,tcb_batch_id,"
          .. "tcb_record_id,tcb_matched", line)
      end
      local _, commas = line:gsub('"[^"]*"', ""):gsub(",", "")
      assert.equal(11, commas, line)
    end
    assert.equal(103, n)
    assert.equal(0, out.sqlite.code)
    local db = require("tcb.sqlite").open(dir .. "/out.db", { readonly = true })
    local select = db:prepare "SELECT * FROM records ORDER BY tcb_line"
    local i = 0
    for row in select:rows() do
      i = i + 1
      assert.same({ records[i].order, records[i].tcb_outcome, records[i].tcb_record_id }, { row[1], row[8], row[11] })
    end
    db:close()
    assert.equal(102, i)
  end)

  it("why: a record's requests as the ledger has them", function()
    local list = lines(out.why.text)
    assert.equal(1, #list)
    local r, b = list[1], list[1].batches[1]
    assert.same({ 2, "success", "919000012345" }, { r.line, r.outcome, r.row.receiver_number })
    local mine, theirs = {}, {}
    for _, e in ipairs(b.events) do
      local status, _, token = e.text:match "^(%S+) (%d+) (%S+)"
      if e.what == "push" or e.what == "status" then mine[#mine + 1] = table.concat({ e.what, status, token }, " ") end
    end
    for _, e in ipairs(ledger) do
      if e.event == "request" and e.batch_id == b.batch_id then theirs[#theirs + 1] = ("%s %d %s"):format(e.call, e.status, e.token) end
    end
    assert.same(theirs, mine)
    assert.truthy(out.whytext.text:find("line 5: success", 1, true))
    assert.truthy(out.whytext.text:find("receiver_number = 91******1004", 1, true))
    assert.is_nil(out.whytext.text:find("919000041004", 1, true))
    assert.same({ 1, "" }, { out.whynone.code, out.whynone.text })
  end)

  it("journal: whole, compared with the input; details go when told", function()
    local report = lines(out.verify.text)[1]
    assert.same({ 5, 96, 5, {} }, { report.batches, report.records, report.input_batches, report.problems })
    assert.equal("0 batches: details forgotten, outcomes kept\n", out.purge.text)
  end)

  it("a dry run counts what a push would send", function()
    local sums = lines(out.dry.text)[1]
    assert.same({ 96, 6, 5 }, { sums.records, sums.refused, sums.batches })
    assert.equal(4, out.dry.code)
  end)

  it("says what is wrong with a command, and ends with its code", function()
    assert.equal(3, out.other.code)
    assert.truthy(out.err:find("was begun with other options: --zone was not given then", 1, true))
    assert.equal(2, out.usage.code)
    assert.is_true(out.nofile.code == 2 or out.nofile.code == 1)
    assert.truthy(out.err:find("absent.csv", 1, true))
  end)

  it("shows no whole number but where the product is numbers", function()
    assert.is_nil(out.err:find "9190000%d%d%d%d%d")
    for _, name in ipairs{ "plan", "plantext", "push", "reconcile", "text", "whytext", "verify" } do
      assert.is_nil(out[name].text:find "91900%d%d%d%d%d%d%d", name)
    end
  end)
end)
