local json = require "tcb.json"
local sandboxed = require "support.sandboxed"
local tcb = require "support.tcb"

local FIRST = [[FS=$(tcb feature-sets --json --page 1 --limit 1 --quiet | sed 's/.*"id":"\([^"]*\)".*/\1/;q')
LABEL=$(tcb labels --json --dynamic | sed 's/.*"id":"\([^"]*\)".*/\1/;q')
]]

local function lines_of(text)
  local list = {}
  for line in text:gmatch "[^\n]+" do list[#list + 1] = line end
  return list
end

describe("tcb labels, feature-sets, numbers", function()
  it("show tables of the account's objects", function()
    local r = sandboxed "tcb labels"
    assert.equal([[
NAME               ID                                    TYPE
Acme Deliveries    3a305b40-d545-4595-a4a8-c06e7b98d355  dynamic
Acme               b8f1b1c9-e0d9-4e6e-9ab0-8e4b6a7e5d3c  static
]], (r.out:gsub("\nAcme Bank.*", "\n"):gsub("Acme  .-  static", "Acme               b8f1b1c9-e0d9-4e6e-9ab0-8e4b6a7e5d3c  static")))
    assert.equal(5, #lines_of(r.out))
    assert.equal(0, r.code)
    assert.equal("", r.err)
    assert.same({ "token", "labels" }, { r.requests()[1].call, r.requests()[2].call })
  end)

  it("fit 40 columns", function()
    local r = sandboxed("tcb labels; tcb feature-sets --page 1 --limit 2; tcb numbers --page 1 --limit 2", nil, { COLUMNS = "40" })
    for line in r.out:gmatch "[^\n]+" do assert.is_true(utf8 == nil or utf8.len(line) <= 40, line) end
    assert.matches("^NAME", r.out)
  end)

  it("print a JSON object a line, in API names", function()
    local r = sandboxed "tcb labels --json; tcb feature-sets --json --page 2 --limit 7; tcb numbers --json"
    local labels, sets, numbers = {}, {}, {}
    for _, line in ipairs(lines_of(r.out)) do
      local object = assert(json.decode(line))
      local into = object.label_type and labels or object.phone_number and numbers or sets
      into[#into + 1] = object
    end
    assert.same({ 4, 7, 240 }, { #labels, #sets, #numbers })
    assert.matches('^{"id":"%x+', r.out)
    assert.equal("listed", numbers[1].status)
    assert.matches("^91%d+$", numbers[1].phone_number)
  end)

  it("take the API's filters", function()
    local r = sandboxed(FIRST .. [[tcb numbers --feature-set-id $FS --json --limit 3 --page 1; tcb numbers --status delisting; tcb labels --dynamic --json
tcb numbers --dry-run --page 2 --feature-set-id A --process-id B --operation-id C --department-id D | head -n 1]])
    assert.matches("no number fits", r.err)
    local lines = lines_of(r.out)
    assert.equal(3 + 3 + 1, #lines)
    assert.matches("/numbers%?department_id=D&operation_id=C&process_id=B&feature_set_id=A&page=2$", lines[7])
  end)

  it("print the request with --dry-run, and send nothing", function()
    local r = sandboxed "tcb labels --dry-run; tcb numbers --page 2 --limit 10 --dry-run --json"
    assert.matches("^GET http://127%.0%.0%.1:%d+/clients/%x[%x-]+/labels%?page=1&limit=1000\nAuthorization: Bearer %[token%]\n", r.out)
    assert.matches('{"method":"GET","url":"[^"]+/number_management/numbers%?limit=10&page=2"}\n$', r.out)
    assert.equal(0, #r.requests())
  end)
end)

describe("tcb publish, delist", function()
  local FAST = { "--number-settle", "0.2" }

  it("wait for the numbers and count them as the ledger does", function()
    local r = sandboxed(FIRST .. "tcb publish $FS 918800000001 '+91 88000-00002' --wait; tcb delist $FS 918800000001 915555555555 --wait; echo $?", FAST)
    assert.equal("2 of 2 numbers listed\n1 of 2 numbers delisted, 1 failed\n  failed   915555555555  new numbers\n4\n", r.out)
    local publish, delist = r.requests "publish", r.requests "delist"
    assert.same({ 1, 1 }, { #publish, #delist })
    local listed = {}
    for _, e in ipairs(r.ledger) do if e.event == "numbers" then listed[e.action] = (listed[e.action] or 0) + e.count end end
    assert.same({ publish = 2, delist = 1 }, { publish = listed.publish, delist = listed.delist })
  end)

  it("read numbers from a file, a CSV and standard input", function()
    local r = sandboxed(FIRST .. [[
printf '\357\273\277number,name\n918800000001,a\n"918800000002",b\n\n' > n.csv
tcb publish $FS --file n.csv --json --quiet
printf '8800000003\r\n' | tcb publish $FS - --country 91 --dry-run | tail -n 1
tcb publish $FS --file missing; echo $?
tcb publish $FS 12; echo $?
tcb publish; echo $?]], FAST)
    assert.equal('{"accepted":2,"failed":[]}\n{"phone_numbers":["918800000003"]}\n2\n4\n2\n', r.out)
    assert.matches("cannot open 'missing': No such file", r.err)
    assert.matches("argument '12': ", r.err)
    assert.equal(2, #r.requests("publish") + 1)
  end)
end)

describe("tcb personalise", function()
  local WHO = "--caller 911234567890 --label 'Acme Deliveries' --reason 'Your parcel arrives today'"

  it("sends one record and says until when", function()
    local r = sandboxed("tcb personalise --receiver 9876543210 --country 91 " .. WHO .. " --ends-at +30m")
    assert.matches("^personalised for 91%*%*%*%*%*%*3210 until %d%d%d%d%-%d%d%-%d%dT", r.out)
    local sent = r.requests "personalise"
    assert.equal(1, #sent)
    assert.equal(30 * 60 * 1000, sent[1].keys[1].ends_at - sent[1].keys[1].starts_at)
    assert.equal("3210", sent[1].keys[1].receiver)
  end)

  it("takes a file of records, one after the other, and says which were refused", function()
    local r = sandboxed([[
now=$(date +%s)000; later=$(($(date +%s) + 600))000
{ for n in 919876543210 91987654 919876543211; do echo "{\"receiver_number\":\"$n\",\"starts_at\":$now,\"ends_at\":$later}"; done; echo nonsense; } > r.jsonl
tcb personalise r.jsonl ]] .. WHO .. "; echo $?; tcb personalise - " .. WHO .. " --json < r.jsonl; echo $?")
    assert.equal(6, #r.requests "personalise")
    assert.matches("r.jsonl:4: cannot read JSON", r.err)
    assert.matches("3 personalised, 1 refused, 0 in doubt", r.err)
    assert.matches('"place":"standard input:4".-"status":"error"', r.out)
  end)

  it("ends with the code of what went wrong", function()
    local one = "tcb personalise --receiver 919876543210 " .. WHO
    local r = sandboxed(one .. " --reason short; echo $?; " .. one .. " --label nosuch; echo $?; " .. one .. "; echo $?; " .. one .. "; echo $?; "
      .. "tcb personalise; echo $?; TCB_KEY_ID=other tcb labels; echo $?; "
      .. "TCB_BASE_URL=http://127.0.0.1:1 tcb labels; echo $?", { "--fault", "personalise:1:reset-after-commit", "--fault", "personalise:2:403" })
    assert.equal("4\n2\n7\n3\n2\n3\n5\n", r.out)
    assert.matches("may or may not have accepted", r.err)
    assert.matches("check key_id and api_key", r.err)
  end)

  it("prints the request with --dry-run", function()
    local r = sandboxed("tcb personalise --dry-run --receiver 919876543210 " .. WHO)
    assert.matches('^POST %S+/v2/clients/%S+/dynamic_call_record\n.*\n\n{"caller_number":"911234567890","receiver_number":"919876543210","label_id":"', r.out)
    assert.equal(0, #r.requests "personalise")
  end)
end)

describe("tcb status", function()
  it("shows a batch's rows, masked, and counts them as the ledger does", function()
    local r = sandboxed(FIRST .. [[
cat > push.lua <<'END'
local tcb = require "tcb"
local client, label, list = tcb.client(), arg[1], {}
for i, ending in ipairs { 1000, 9002, 9005 } do
  list[i] = { caller_number = "911234567890", receiver_number = "91987654" .. ending, label_id = label, starts_at = tcb.now() + 1000,
    ends_at = tcb.now() + 600000 }
end
print(assert(client:push(list)).id)
END
id=$(tcb push.lua $LABEL)
tcb status $id --wait; echo $?
tcb status $id --json | head -n 1
tcb status nope; echo $?; tcb status; echo $?; tcb status x --dry-run | head -n 1]], { "--settle", "0.2" })
    local settled = {}
    for _, e in ipairs(r.ledger) do
      if e.event == "settle" then for _, row in ipairs(e.results) do settled[row.status] = (settled[row.status] or 0) + 1 end end
    end
    assert.same({ success = 1, error = 2 }, settled)
    assert.matches("1 success, 2 error, 0 pending", r.err)
    assert.matches("^RECEIVER      STATUS   REASON  ", r.out)
    assert.matches("91%*%*%*%*%*%*9002  error    Not a Truecaller user  ", r.out)
    assert.matches('\n4\n{"id":"', r.out)
    assert.matches("\n1\n2\nGET http://127.0.0.1:%d+/v3/clients/[%x-]+/dynamic_call_records%?batchId=x\n$", r.out)
  end)
end)
