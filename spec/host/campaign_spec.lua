-- The campaign commands as a user sees them: golden pages at 80 and 40 columns, JSON, exit codes; their figures against the ledger's.
local json = require "tcb.json"
local sandboxed = require "support.sandboxed"

local FILE = [[
{ echo "phone,order,from,until"; i=0
while [ $i -lt 40 ]; do echo "91987654$((1000+i)),A-$i,2100-06-01T10:00:00Z,2100-06-01T19:00:00Z"; i=$((i+1)); done
for n in 919876549002 919876549005 12 919876541001; do echo "$n,B,2100-06-01T10:00:00Z,2100-06-01T19:00:00Z"; done; } > c.csv
set -- --label "Acme Deliveries" --caller 911204567801 --map receiver_number=phone --map starts_at=from --map ends_at=until
]]
local FAST = { "--settle", "0.1" }

--- What changes from run to run, made the same.
local function plain(text)
  return (text:gsub("%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x[%x%-]+", "ID"):gsub("%d%d%d%d%-%d%d%-%d%d %d%d:%d%d:?%d?%d?", "TIME")
    :gsub("20%d%d%-%d%d%-%d%dT[%d:.]+Z", "TIME"):gsub("after %d+ ms", "after N ms"):gsub("token %x%x%x%x%x%x%x%x", "token T"))
end

--- Outcomes by the ledger: what was settled last for each key.
local function settled(r)
  local by_status, rows = { success = 0, error = 0 }, {}
  for _, e in ipairs(r.ledger) do
    for _, row in ipairs(e.event == "settle" and e.results or {}) do rows[row.key] = row.status end
  end
  for _, status in pairs(rows) do by_status[status] = by_status[status] + 1 end
  return by_status
end

describe("tcb plan, push, reconcile", function()
  it("tell a campaign's story at 80 columns", function()
    local r = sandboxed(FILE .. [[tcb plan c.csv "$@"; echo "= $?"; tcb push c.csv "$@" --quiet; echo "= $?"; tcb reconcile c.csv --quiet; echo "= $?"
tcb push c.csv "$@" --quiet --json; echo "= $?"]], FAST)
    assert.equal([[
c.csv:44: error: receiver_number "12" is too short: 8 to 15 digits with the country code are needed
c.csv:45: warning: same numbers, window and label as line 3
44 rows: 43 to send in 2 batches, 1 refused
1 duplicate, 0 overlaps: all would be sent (--unique refuses duplicates)
started now it ends at TIME UTC, after 2 s, with 1 token
every window is met
= 4
RECORDS  OUTCOME
      1  refused, never sent
      1    number (receiver_number)
     43  sent, not settled yet
     44  records
= 4
RECORDS  OUTCOME
     41  success
      2  failed
      1    Failed to push
      1    Not a Truecaller user
      1  refused, never sent
      1    number (receiver_number)
     44  records
= 4
]], (plain(r.out):gsub("{.*", "")))
    local sums = json.decode(r.out:match "{.*}")
    assert.same({ sums.success, sums.failed }, { settled(r).success + 1, settled(r).error })       -- one key was sent twice
    assert.equal(#r.requests "push", sums.batches)
    local sent = 0
    for _, e in ipairs(r.requests "push") do sent = sent + e.records end
    assert.equal(sent, sums.success + sums.failed)
    assert.same({ ["Failed to push"] = 1, ["Not a Truecaller user"] = 1 }, sums.reasons)
    assert.equal(sums.records, sums.refused + sums.success + sums.failed + sums.expired + sums.in_doubt + sums.waiting + sums.sent)
  end)

  it("fit 40 columns: summary, progress, report", function()
    local r = sandboxed(FILE .. [[tcb push c.csv "$@" 2> progress; tcb reconcile c.csv 2>> progress; tcb report c.csv; tcb tokens
tcb numbers --page 1 --limit 3; tcb help; tcb help push; cat progress]], FAST, { COLUMNS = "40" })
    for line in r.out:gmatch "[^\n]+" do
      local width = select(2, line:gsub("[^\128-\191]", ""))
      assert.is_true(width <= 40 or line:match "^  tcb " ~= nil or line:match "^tcb [a-z-]+: " ~= nil or line:match "^  %-%-" ~= nil, line)
    end
    assert.matches("\n     44  records\n", r.out)
  end)

  it("print JSON that a parser reads, and nothing else", function()
    local r = sandboxed(FILE .. [[:
tcb plan c.csv "$@" --json --quiet; tcb push c.csv "$@" --json --quiet --progress=json; tcb reconcile c.csv --json --quiet
tcb why c.csv --line 2 --json; tcb report c.csv --json; tcb tokens --json; tcb doctor --json]], FAST)
    local lines = 0
    for line in r.out:gmatch "[^\n]+" do
      assert.is_table(json.decode(line), line)
      lines = lines + 1
    end
    assert.is_true(lines >= 3 + 1 + 1 + 1 + 1 + 1 + 9)
    assert.equal("", r.err)
  end)

  it("work with stdin closed and without a terminal, and colour nothing", function()
    local r = sandboxed(FILE .. [[tcb plan c.csv "$@" <&- | cat; tcb push c.csv "$@" <&- 2>&1 | cat; tcb reconcile c.csv <&- 2>&1 | cat
tcb report c.csv <&- | cat; tcb labels <&- | cat; tcb help <&- | cat]], FAST)
    assert.is_nil(r.out:find "\27")
    assert.is_nil(r.out:find "\r")
    assert.matches("44  records", r.out)
    assert.equal("", r.err)
  end)

  it("end with 6 when a window cannot be met, 7 when records are in doubt, 2 and 3 for mistakes", function()
    local r = sandboxed(FILE .. [[
now=$(date +%s); i=0
{ echo "phone,from,until"; while [ $i -lt 3000 ]; do echo "9198765$((10000+i)),$((now+2))000,$((now+600))000"; i=$((i+1)); done; } > tight.csv
tcb plan tight.csv --label "Acme Deliveries" --caller 911204567801 --map receiver_number=phone --map starts_at=from --map ends_at=until \
  --limit push=1/60 --tokens 1 > plan.out; echo $?; grep -o 'misses.*' plan.out | head -n 1
tcb push c.csv "$@" --quiet > out; echo $?
tcb push c.csv "$@" --lable x; echo $?; tcb push; echo $?; tcb push nosuch.csv "$@"; echo $?; tcb push c.csv "$@" --batch 501; echo $?
TCB_API_KEY= tcb push c.csv "$@"; echo $?; tcb why c.csv 911111111111; echo $?]], { "--settle", "0.1", "--fault", "push:1:reset-after-commit" })
    local codes = {}
    for code in ("\n" .. r.out):gmatch "\n(%d+)%f[\n]" do codes[#codes + 1] = tonumber(code) end
    assert.same({ 6, 7, 2, 2 }, { codes[1], codes[2], codes[3], codes[4] })
    assert.matches("did you mean '%-%-label'", r.err)
    assert.matches("nosuch.csv", r.err)
    assert.equal(2, codes[6])
    assert.equal(3, codes[7])
    assert.is_true(codes[8] ~= 0)
  end)
end)

describe("tcb why, export, journal", function()
  it("tell one record's life and give all of them back", function()
    local r = sandboxed(FILE .. [[tcb push c.csv "$@" --quiet > /dev/null; tcb reconcile c.csv --quiet > /dev/null
tcb why c.csv 919876549005; tcb export c.csv > x.csv; wc -l < c.csv; wc -l < x.csv; head -n 1 x.csv; cut -d, -f6 x.csv | sort | uniq -c | tr -s ' '
tcb journal verify c.csv]], FAST)
    assert.equal([[
line 43: failed: Failed to push
  from = 2100-06-01T10:00:00Z
  order = B
  phone = 91******9005
  until = 2100-06-01T19:00:00Z
  batch 1 (ID), record 42 of 42, checked TIME
    TIME  push: HTTP 200 after N ms, token T
    TIME  status asked: HTTP 200 after N ms, token T
]], (plain(r.out):gsub("    TIME  status read.*", "")))
    assert.matches("\n45\n45\nphone,order,from,until,tcb_line,tcb_outcome,tcb_reason,tcb_batch_id,tcb_record_id,tcb_matched\n", r.out)
    assert.matches("\n 2 failed\n 1 refused\n 41 success\n 1 tcb_outcome\n", r.out)
    assert.matches("c.csv.tcb.db: 2 batches, 43 records, 2 batches compared with the input: whole\n$", r.out)
    assert.same({ success = 40, error = 2 }, settled(r))
  end)
end)
