--- From the sandbox's webhooks over `tcb listen` into a campaign's `why` and `export`, with the binary alone.
local json = require "tcb.json"
local luas = require "support.luas"
local tcb = require "support.tcb"

if luas.is_jit then return end                 -- the binary is Lua 5.4, whatever runs the spec

local SCRIPT = [=[
set -e
cd "$1"; tcb="$2"
export TCB_STATE_DIR="$1/state"
printf 'webhook-key-0123456789' > key; chmod 600 key
"$tcb" listen --port 0 --key-file key 2>listen.err & listener=$!
i=0; while ! grep -q '^listening on ' listen.err && [ $i -lt 100 ]; do sleep 0.1; i=$((i+1)); done
url=$(sed -n 's/^listening on \([^?]*\)?key.*/\1/p' listen.err)
cat > inner.sh <<'END'
set -e
tcb="$1"
label=$("$tcb" labels --dynamic --json | head -n 1 | sed 's/.*"id":"\([^"]*\)".*/\1/')
now=$(date +%s)
{
  echo 'caller_number,receiver_number,starts_at,ends_at,city'
  for i in 1 2 3 4 5; do echo "910000000001,91 90000 0000$i,$((now + 600))000,$((now + 4200))000,\"Pune, \"\"$i\"\"\""; done
} > records.csv
"$tcb" push records.csv --label "$label" --quiet --json > push.json
sleep 2.5
"$tcb" reconcile records.csv --quiet --json > reconcile.json
"$tcb" sandbox trigger cmb --scenario interested --count 2 --duplicates 3 --shuffle
"$tcb" sandbox trigger cmb --scenario sim-unreadable --count 3
"$tcb" sandbox trigger user_feedback --count 1
i=0; while [ "$("$tcb" inbox export | wc -l)" -lt 6 ] && [ $i -lt 100 ]; do sleep 0.1; i=$((i+1)); done
END
"$tcb" sandbox --seed 7 --ledger ledger.jsonl --webhook "$url?key=webhook-key-0123456789" -- sh inner.sh "$tcb"
kill -TERM $listener; wait $listener
"$tcb" why records.csv "+91 90000 00001" > why.txt
"$tcb" why records.csv 919000000003 --json > why.json
"$tcb" export records.csv > plain.csv
"$tcb" export records.csv --events > events.csv
"$tcb" export records.csv --events --json > events.json
"$tcb" inbox stats --json > stats.json
]=]

describe("webhooks, end to end", function()
  it("reach the inbox once, and stand beside the campaign's records", function()
    local dir = os.tmpname()
    os.remove(dir)
    os.execute("mkdir " .. dir)
    local script = tcb.file(SCRIPT)
    local r = tcb.shell(("env -u TCB_BASE_URL -u TCB_ACCOUNT -u TCB_KEY_ID -u TCB_API_KEY timeout 100 sh %s %s %s"):format(script, dir, tcb.binary))
    os.remove(script)
    assert.equal(0, r.code, r.err .. r.out)
    local function slurp(name) return tcb.slurp(dir .. "/" .. name) end

    -- The ledger has a line for each delivery; the inbox each event once.
    local deliveries, events = 0, {}
    for line in slurp "ledger.jsonl":gmatch "[^\n]+" do
      local e = json.decode(line)
      if e.event == "webhook" then
        deliveries = deliveries + 1
        events[e.event_id] = true
        assert.equal(200, e.status)
      end
    end
    local n = 0
    for _ in pairs(events) do n = n + 1 end
    assert.equal(6, n)
    local stats = json.decode(slurp "stats.json")
    assert.equal(6, stats.waiting)
    assert.equal(deliveries - 6, stats.duplicates)

    -- why: the receiver's events, without numbers.
    local why = slurp "why.txt"
    local _, webhooks = why:gsub("\n  webhook ", "")
    assert.equal(3, webhooks, why)                                 -- one of each trigger
    assert.truthy(why:find "cmb interested %d%d%d%d%-%d%d%-%d%d %(")
    assert.truthy(why:find "cmb sim%-unreadable")
    assert.truthy(why:find "user_feedback How was it%? %d")
    assert.is_nil(why:find("919000000001", 1, true))
    local third = json.decode(slurp "why.json")
    assert.equal(1, #third.webhooks)
    assert.equal("sim-unreadable", third.webhooks[1].scenario)
    assert.equal("success", third.outcome)

    -- export: the same rows, one more column.
    local function lines(name)
      local list = {}
      for line in slurp(name):gmatch "[^\n]+" do list[#list + 1] = line end
      return list
    end
    local plain, with, objects = lines "plain.csv", lines "events.csv", lines "events.json"
    assert.equal(6, #plain)
    assert.equal(6, #with)
    for i = 1, 6 do assert.equal(plain[i], with[i]:sub(1, #plain[i])) end
    assert.equal(plain[1] .. ",tcb_events", with[1])
    assert.truthy(with[2]:find "Z cmb interested .*; .*Z cmb sim%-unreadable .*; .*user_feedback")
    assert.equal(plain[5] .. ",", with[5])
    assert.equal('Pune, "3"', json.decode(objects[3]).city)
    assert.truthy(json.decode(objects[3]).tcb_events:find "^%d+%-%d+%-%d+T[%d:.]+Z cmb sim%-unreadable [%d-]+$")
    assert.is_nil(json.decode(objects[5]).tcb_events)
    for _, name in ipairs { "listen.err", "why.txt" } do assert.is_nil(slurp(name):find("webhook-key", 1, true)) end
    os.execute("rm -r " .. dir)
  end)
end)
