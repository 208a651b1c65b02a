--- What a tired person does: wrong names, wrong files, and the right ones afterwards. Nothing may stand in their way.
local json = require "tcb.json"
local sandboxed = require "support.sandboxed"

local FILE = [[
row() { echo "911234567890,91987650$1,Your parcel $1 arrives today,2100-06-01T10:00:00Z,2100-06-01T19:00:00Z"; }
H=caller_number,receiver_number,dynamic_call_reason,starts_at,ends_at
{ echo $H; row 1001; row 1002; row 1003; row 1002; } > c.csv
push() { tcb push "$@" --label "Acme Deliveries" --batch 2 --quiet --json; echo "= $?"; }
]]
local FAST = { "--settle", "0.1", "--limit", "push=0" }

--- The summaries that were printed, and the text with each of them replaced by its figures: records, sent, success, refused.
local function told(r)
  return (r.out:gsub("{[^\n]+}", function(text)
    local s = json.decode(text)
    return s and s.records and ("%d records, %d sent, %d success, %d refused"):format(s.records, s.sent, s.success, s.refused) or text
  end))
end

describe("a push that did not begin", function()
  it("leaves no journal behind, and does not stand in the way of the right one", function()
    local r = sandboxed(FILE .. [[
push absent.csv
tcb push c.csv --quiet --label Nobody; echo "= $?"
tcb push c.csv --quiet; echo "= $?"
push c.csv --map receiver_number=phone
: > empty.csv; push empty.csv
ls *.db* 2>/dev/null
push c.csv]], FAST)
    assert.equal("= 2\n= 2\n= 2\n= 2\n= 2\n4 records, 4 sent, 0 success, 0 refused\n= 0\n", told(r))
    for _, text in ipairs{ "cannot open 'absent.csv'", "no dynamic label named 'Nobody'", "no column for label_id", "column 'phone'", "is empty" } do
      assert.truthy(r.err:find(text, 1, true), text .. "\n" .. r.err)
    end
  end)

  it("of a pipe takes another one", function()
    local r = sandboxed(FILE .. [[
echo "phone,name" | push - --journal p.db
ls p.db* 2>/dev/null
push - --journal p.db < c.csv
tcb reconcile p.db --quiet > /dev/null; push - --journal p.db < c.csv]], FAST)
    assert.equal("= 2\n4 records, 4 sent, 0 success, 0 refused\n= 0\n4 records, 0 sent, 4 success, 0 refused\n= 0\n", told(r))
  end)

  it("because the file had no rows yet, begins when it has some", function()
    local r = sandboxed(FILE .. [[
cp c.csv full; echo $H > c.csv; push c.csv; tcb reconcile c.csv --quiet --json > /dev/null; echo "= $?"
cp full c.csv; push c.csv; push c.csv]], FAST)
    local all = "4 records, 4 sent, 0 success, 0 refused\n= 0\n"
    assert.equal("0 records, 0 sent, 0 success, 0 refused\n= 0\n= 0\n" .. all .. all, told(r))
  end)
end)

describe("JSON lines", function()
  it("are known by how a file begins, whatever its name is", function()
    local r = sandboxed(FILE .. [[
echo '{"caller_number":"911234567890","receiver_number":"919876501001","starts_at":"2100-06-01T10:00:00Z","ends_at":"2100-06-01T19:00:00Z"}' > rows.txt
tcb plan rows.txt --label "Acme Deliveries" --quiet --json; push rows.txt; tcb export rows.txt --json | grep -c '"tcb_outcome":"sent"']], FAST)
    assert.matches('"ok":1,', r.out)
    assert.matches("1 records, 1 sent, 0 success, 0 refused\n= 0\n1\n$", told(r))
  end)
end)

describe("a push that is over", function()
  it("tells its summary again, with the file gone too, and refuses another file of that name", function()
    local r = sandboxed(FILE .. [[
push c.csv; cp c.csv kept; row 1009 >> c.csv; push c.csv
sed 's/parcel/packet/' kept > c.csv; push c.csv
cp kept c.csv; push c.csv; rm c.csv; push c.csv]], FAST)
    local all = "4 records, 4 sent, 0 success, 0 refused\n= 0\n"
    assert.equal(all .. "= 3\n= 3\n" .. all .. all, told(r))
    assert.truthy(r.err:find("it was changed since", 1, true) and r.err:find("what was read of it then has changed", 1, true), r.err)
    assert.equal(2, #r.requests "push")
  end)

  it("remembers the keys of a pipe that must be unique, from run to run", function()
    local r = sandboxed(FILE .. [[
push - --journal p.db --unique --max-records 2 < c.csv
push - --journal p.db --unique < c.csv]], FAST)
    assert.equal("2 records, 2 sent, 0 success, 0 refused\n= 0\n4 records, 3 sent, 0 success, 1 refused\n= 4\n", told(r))
  end)
end)

describe("the line of a row", function()
  it("is that on which it begins, whoever tells it", function()
    local r = sandboxed(FILE .. [[
{ echo "$H,note"; echo "$(row 1001),\"one"; echo; echo 'three"'                  # 2 to 4
echo "911234567890,12,Your parcel arrives today,,,\"bad"; echo 'row"'              # 5, 6
echo "$(row 1002),x"; echo "$(row 1001),\"again"; echo 'two"'                      # 7; 8, 9
echo "$(row 9002),\"one"; echo 'two"'; echo "$(row 9001),x"; } > c.csv              # 10, 11; 12
tcb plan c.csv --label "Acme Deliveries" --json
tcb push c.csv --label "Acme Deliveries" --quiet > /dev/null; tcb reconcile c.csv --quiet > /dev/null
tcb export c.csv --json; echo "--"
for n in 1 2 3 4 5 6 7 8 9 10 11 12; do tcb why c.csv --line $n --json; done
tcb report c.csv --html r.html > /dev/null; grep -o '<tr><td class="n">[0-9]*</td><td>[^<]*</td><td>[a-z]*</td>' r.html]], FAST)
    local planned, exported, whys, reported = {}, {}, {}, {}
    local is_why = false
    for line in r.out:gmatch "[^\n]+" do
      local o = line:find "^{" and json.decode(line)
      if line == "--" then is_why = true
      elseif o and o.code then planned[#planned + 1] = ("%d %s"):format(o.line, o.code)
      elseif o and o.tcb_line then exported[#exported + 1] = ("%d %s"):format(o.tcb_line, o.tcb_outcome)
      elseif o and is_why then whys[#whys + 1] = ("%d %s"):format(o.line, o.outcome)
      elseif not o then reported[#reported + 1] = ("%s %s"):format(line:match '"n">(%d+)<', line:match ">(%l+)</td>$") end
    end
    table.sort(planned)
    table.sort(reported)
    assert.same({ "5 missing", "5 missing", "5 number", "8 duplicate" }, planned)
    assert.same({ "2 success", "5 refused", "7 success", "8 success", "10 failed", "12 failed" }, exported)
    assert.same(exported, whys)
    assert.same({ "10 failed", "12 failed", "5 refused" }, reported)
  end)
end)
