--- `tcb report` against the sandbox: its figures are those of the ledger.
local json = require "tcb.json"
local luas = require "support.luas"
local sandboxed = require "support.sandboxed"

local ROWS = 1200
local INPUT = [[
now=$(date +%s)000
awk -v now=$now 'BEGIN { print "receiver_number,dynamic_call_reason,starts_at,ends_at"
  for (i = 1; i <= ]] .. ROWS .. [[; i++) {
    end = i % 50 == 0 ? "9002" : i % 70 == 1 ? "9003" : i % 9 == 4 ? "9008" : sprintf("%04d", i)
    number = i % 100 == 7 ? "12" : sprintf("9198%04d%s", i, end)
    starts = i % 40 == 3 ? now - 60000 : now + 3600000
    printf "%s,Order A%05d arrives,%.0f,%.0f\n", number, i, starts, starts + 7200000
  }
}' > r.csv
label=$(tcb labels --json | grep '"dynamic"' | head -n 1 | sed 's/.*"id":"\([^"]*\)".*/\1/')
tcb push r.csv --label $label --caller 911204567801 --quiet > push.txt
tcb reconcile r.csv --quiet --timeout 3 > /dev/null 2>&1
]]

--- What the ledger says: records committed by minute, and how they were settled.
local function judge(ledger)
  local j = { committed = 0, batches = 0, success = 0, reasons = {}, failed = 0 }
  for _, e in ipairs(ledger) do
    if e.event == "request" and e.call == "push" and e.status == 200 then
      j.committed, j.batches = j.committed + e.records, j.batches + 1
    elseif e.event == "settle" then
      for _, r in ipairs(e.results) do
        if r.status == "success" then j.success = j.success + 1 end
        if r.status == "error" then
          j.failed = j.failed + 1
          j.reasons[r.message] = (j.reasons[r.message] or 0) + 1
        end
      end
    end
  end
  return j
end

local function widest(text)
  local most = 0
  for line in text:gmatch "[^\n]+" do
    local _, n = line:gsub("[^\128-\191]", "")
    most = math.max(most, n)
  end
  return most
end

if luas.abi == "lua5.4" then describe("tcb report", function()
  local r, object, page

  setup(function()
    r = sandboxed(INPUT .. [[
for columns in 80 40; do echo "== $columns"; COLUMNS=$columns LC_ALL=C.UTF-8 tcb report r.csv; done
echo "== ascii"; LC_ALL=C tcb report r.csv
echo "== json"; tcb report r.csv --json
tcb report r.csv --html page.html < /dev/null
echo "== mode"; ls -l page.html r.csv.tcb.db | cut -c 1-10 | sort -u
echo "== page"; cat page.html
echo "== moved"; mv r.csv elsewhere.csv; tcb report r.csv.tcb.db --html page.html --json | cut -c 1-9; grep -c 'sent again\|9[0-9]\*\*\*\*\*\*' page.html
tcb report r.csv.tcb.db --input elsewhere.csv --html page.html; grep -c '9[0-9]\*\*\*\*\*\*' page.html
echo "== end"
]], { "--settle", "0.1" })
    object = json.decode(r.out:match "== json\n([^\n]+)")
    page = r.out:match "== page\n(.*)\n== moved"
  end)

  it("tells the ledger's figures", function()
    local truth = judge(r.ledger)
    assert.is_true(truth.failed > 20)
    assert.equal(ROWS, object.records)
    assert.equal(truth.committed, object.records - object.refused)
    assert.equal(truth.batches, object.batches)
    assert.equal(truth.success, object.success)
    assert.equal(truth.failed, object.failed)
    assert.same(truth.reasons, object.reasons)
    local sum = 0
    for _, t in ipairs(object.timeline) do sum = sum + t.records end
    assert.equal(truth.committed, sum)
    assert.same({ met = truth.committed - object.late, late = object.late, missed = 0 }, object.windows)
    assert.is_true(object.late > 20)
    assert.equal(300000, object.ceiling_per_minute)
    assert.equal(object.failed + object.refused, object.failures_total)
    assert.equal(object.sent, truth.committed - truth.success - truth.failed)
  end)

  it("draws bars that fit 80 and 40 columns", function()
    for _, columns in ipairs{ 80, 40 } do
      local text = r.out:match("== " .. columns .. "\n(.-)==")
      assert.is_true(widest(text) <= columns, text)
      assert.truthy(text:find("success", 1, true))
      assert.truthy(text:find("█", 1, true))
      assert.truthy(text:find("failed: Not a Truecaller user", 1, true))
      assert.truthy(text:find("ceiling 300,000", 1, true))
      assert.is_nil(text:find("\27", 1, true))
    end
  end)

  it("stays with ASCII where the locale is C", function()
    local text = r.out:match "== ascii\n(.-)=="
    assert.is_nil(text:find "[\128-\255]")
    assert.truthy(text:find("####", 1, true))
  end)

  it("writes a page that is its owner's alone, as the journal is", function()
    assert.equal("-rw-------\n", r.out:match "== mode\n(.-)==")
  end)

  it("puts the ledger's figures into the page, numbers masked, and no request", function()
    local truth = judge(r.ledger)
    for text, n in pairs(truth.reasons) do
      assert.truthy(page:find(("failed: %s</th><td class=\"n\">%d</td>"):format(text, n), 1, true), text)
    end
    local rows = 0
    for _ in page:gmatch '%[%d+,"[^"]*","[^"]*","%a+",%d+,%d+%]' do rows = rows + 1 end
    assert.equal(object.failures_total, rows)
    assert.is_nil(page:find "%d%d%d%d%d%d%d%d%d%d%d%d")
    assert.truthy(page:find("[51,\"91******9002\",", 1, true))
    for _, word in ipairs{ "https?:", "src=", "url%(", "@import", "fetch%(", "XMLHttp", "//" } do assert.is_nil(page:find(word), word) end
  end)

  it("needs the input for the receivers alone", function()
    assert.truthy(r.out:match '== moved\n{"journal\n0\n')
    assert.truthy(tonumber(r.out:match "(%d+)\n== end") > 0)
  end)

  it("tells a missing journal", function()
    local got = sandboxed("tcb report nowhere.csv; echo $?")
    assert.equal("1\n", got.out)
    assert.truthy(got.err:find("nowhere.csv.tcb.db", 1, true))
  end)
end) end
