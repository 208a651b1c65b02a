local json = require "tcb.json"
local luas = require "support.luas"
local tcb = require "support.tcb"

if luas.is_jit then return end                             -- the binary is the same for all

local B = tcb.binary

--- $F: the binary where everybody can reach it (a checkout may lie in /root); $AS: what runs it as a user without rights.
local FREE = ([[
mkdir -p $D/bin/lua5.4@/tcb; cp $B $D/bin; cp $(dirname $B)/lua5.4@/tcb/*.so $D/bin/lua5.4@/tcb; F=$D/bin/$(basename $B)
AS=; [ $(id -u) != 0 ] || AS="setpriv --reuid=65534 --regid=65534 --clear-groups"
]]):gsub("@", luas.suffix)

describe("a campaign on a machine that fails", function()
  local dir, csv
  setup(function()
    dir = os.tmpname()
    os.remove(dir)
    os.execute("mkdir " .. dir .. " && chmod 755 " .. dir)
    csv = dir .. "/c.csv"
    local lines, from = { "caller_number,receiver_number,label_id,dynamic_call_reason,starts_at,ends_at" }, (os.time() + 86400) * 1000
    for i = 1, 3000 do
      lines[#lines + 1] = ("911234567890,9%07d1234,@LABEL@,Your parcel %d arrives today,%d,%d"):format(i, i, from, from + 3600000)
    end
    tcb.file(table.concat(lines, "\n") .. "\n", csv .. ".in")
  end)
  teardown(function() os.execute("rm -rf " .. dir) end)

  --- Runs a shell script beside a sandbox; $B is tcb, $C the file, $D the folder, $P the options of a push.
  local function beside(options, script, before)
    os.execute("rm -f " .. dir .. "/*.db* " .. dir .. "/ledger")
    local file = tcb.file(([[
B=%s C=%s D=%s
L=$($B labels --json | sed -n 's/.*"id":"\([^"]*\)".*"label_type":"dynamic".*/\1/p' | head -n 1)
sed "s/@LABEL@/$L/" $C.in > $C
P="--batch 20 --limit push=0 --no-store --quiet --json"
]]):format(B, csv, dir) .. script)
    local got = tcb.shell(("%s timeout 60 %s sandbox --seed 5 --limit push=0 --limit mint=0 --ledger %s/ledger %s -- sh %s"):format(before or "", B, dir, options, file))
    os.remove(file)
    local committed, twice, keys = 0, 0, {}
    for line in io.lines(dir .. "/ledger") do
      local e = json.decode(line)
      for _, k in ipairs(e.call == "push" and e.keys or {}) do
        committed = committed + 1
        if keys[k.key] then twice = twice + 1 end
        keys[k.key] = true
      end
    end
    got.committed, got.twice, got.json = committed, twice, {}
    for line in got.out:gmatch "{[^\n]+}" do got.json[#got.json + 1] = json.decode(line) end
    return got
  end

  local function check_sum(s)
    assert.equal(s.records, s.refused + s.success + s.failed + s.expired + s.in_doubt + s.waiting + s.sent)
    assert.equal(3000, s.records)
  end

  it("stops when the disk is full, says so, and goes on when there is room", function()
    local got = beside("--settle 0", [[
mkdir -p $D/small; mount -t tmpfs -o size=250k none $D/small
$B push $C --journal $D/small/j.db $P; echo "exit $?"
mount -o remount,size=20m $D/small
$B push $C --journal $D/small/j.db $P; echo "exit $?"
$B journal verify $D/small/j.db | tail -n 1]], "unshare -rm")
    assert.truthy(got.err:find("cannot write '" .. dir .. "/small/j.db': the disk is full", 1, true), got.err)
    local first, second = got.json[1], got.json[2]
    check_sum(first)
    check_sum(second)
    assert.is_true(first.waiting > 0)
    assert.equal(0, second.waiting)
    assert.equal(0, got.twice)
    assert.truthy(got.out:find("exit 1\n.*exit 7\n.*whole"), got.out)
  end)

  it("does not begin where the journal cannot be", function()
    local got = beside("--settle 0", [[
]] .. FREE .. [[
mkdir $D/locked; chmod 555 $D/locked
$AS $F push $C --journal $D/locked/j.db $P; echo "exit $?"
$B push $C --journal $D/nowhere/j.db $P; echo "exit $?"]])
    assert.truthy(got.err:find("locked/j.db", 1, true), got.err)
    assert.truthy(got.err:find("ermission denied"), got.err)
    assert.truthy(got.err:find("nowhere/j.db", 1, true), got.err)
    assert.equal(0, got.committed)
    assert.equal("exit 1\nexit 1\n", got.out)
  end)

  it("reads a journal whose last page is torn, up to the tear", function()
    local got = beside("--settle 0.05 --latency 2-4", [[
$B push $C --journal $D/j.db $P & PID=$!
while [ "$(grep -c '"call":"push"' $D/ledger)" -lt 40 ]; do sleep 0.01; done
kill -9 $PID; wait $PID 2>/dev/null
SIZE=$(stat -c %s $D/j.db-wal); truncate -s $((SIZE - 1500)) $D/j.db-wal
$B journal verify $D/j.db | tail -n 1
$B push $C --journal $D/j.db $P; echo "exit $?"
$B journal verify $D/j.db | tail -n 1]])
    check_sum(got.json[1])
    assert.equal(0, got.json[1].waiting)
    assert.truthy(got.out:find("whole.*exit 7.*whole"), got.out)
    -- What the torn commit said is lost: at most what was in flight then was sent again, or is in doubt.
    assert.is_true(got.twice <= 8 * 20)
  end)

  for name, code in pairs{ INT = 130, TERM = 143 } do
    it("ends cleanly on SIG" .. name .. ": answers are awaited, the rest waits", function()
      local got = beside("--settle 0.05 --latency 20-40", (([[
$B push $C --journal $D/j.db $P & PID=$!
while [ "$(grep -c '"call":"push"' $D/ledger)" -lt 30 ]; do sleep 0.01; done
kill -%s $PID; wait $PID; echo "exit $?"
$B push $C --journal $D/j.db $P; echo "exit $?"]]):format(name):gsub("%$B push %$C %-%-journal %$D/j.db %$P &", "env --default-signal=INT %0")))
      assert.truthy(got.out:find(("exit %d\n"):format(code), 1, true), got.out .. got.err)
      local first, second = got.json[1], got.json[2]
      check_sum(first)
      assert.equal(0, first.in_doubt)
      assert.is_true(first.waiting > 0)
      assert.equal(3000, second.sent)
      assert.equal(3000, got.committed)
      assert.equal(0, got.twice)
    end)
  end

  it("bears a clock that jumps", function()
    local got = beside("--settle 0.05", [[
env TCB_CLOCK=-3600s $B push $C --journal $D/j.db $P --max-records 1000; echo "exit $?"
env TCB_CLOCK=+7200s $B push $C --journal $D/j.db $P --max-records 1000; echo "exit $?"
$B push $C --journal $D/j.db $P; echo "exit $?"
env TCB_CLOCK=-7200s $B reconcile $D/j.db --no-store --json --quiet; echo "exit $?"]])
    for i = 1, 4 do check_sum(got.json[i]) end
    assert.same({ 1000, 2000, 3000 }, { got.json[1].sent, got.json[2].sent, got.json[3].sent })
    assert.equal(3000, got.json[4].success)
    assert.equal(0, got.twice)
  end)

  it("makes each batch's intent durable before its first byte leaves", function()
    local got = beside("--settle 0", [[
ASAN_OPTIONS=detect_leaks=0 strace -f -s 100 -o $D/trace -e trace=openat,pwrite64,fdatasync,sendto,write,writev,sendmsg $B push $C --journal $D/j.db $P >/dev/null; echo "exit $?"]])
    assert.equal("exit 0\n", got.out, got.err)
    local wal, unsynced, posts, syncs = nil, false, 0, 0
    for line in io.lines(dir .. "/trace") do
      wal = line:match 'openat%(.-j%.db%-wal".* = (%d+)' or wal
      local fd = line:match "pwrite64%((%d+)" or line:match "fdatasync%((%d+)"
      if fd and fd == wal then
        unsynced = line:find("pwrite64", 1, true) ~= nil
        if not unsynced then syncs = syncs + 1 end
      end
      if line:find("POST /v2/clients/[^ ]*/dynamic_call_records") then
        posts = posts + 1
        assert.is_false(unsynced, "a batch left before what was written was durable: " .. line:sub(1, 120))
        assert.is_true(syncs > 0)
      end
    end
    assert.equal(150, posts)
    assert.is_true(syncs >= 150 / 8, "only " .. syncs .. " commits")
  end)

  it("tells a second process who holds the journal", function()
    local got = beside("--settle 0 --latency 20-40", [[
$B push $C --journal $D/j.db $P >/dev/null & PID=$!
while [ "$(grep -c '"call":"push"' $D/ledger)" -lt 10 ]; do sleep 0.01; done
$B push $C --journal $D/j.db $P >/dev/null; echo "exit $?"
$B journal status $D/j.db --json >/dev/null; echo "exit $?"
kill -9 $PID; wait $PID 2>/dev/null
$B push $C --journal $D/j.db $P >/dev/null; echo "exit $?"]])
    assert.truthy(got.err:find("is held by process %d+ %(tcb push, since 20"), got.err)
    assert.truthy(got.out:find("^exit 1\nexit [047]\nexit [07]\n"), got.out)
  end)

  it("refuses an input that was changed, and takes it back when it is as it was", function()
    local got = beside("--settle 0", [[
$B push $C --journal $D/j.db $P --max-records 1000 >/dev/null; echo "exit $?"
cp $C $D/kept; sed -i '5s/parcel/packet/' $C
$B push $C --journal $D/j.db $P >/dev/null; echo "exit $?"
cp $D/kept $C; echo "911234567890,919999999999,x,Your parcel arrives today,1,2" >> $C
$B push $C --journal $D/j.db $P >/dev/null; echo "exit $?"
rm $C
$B push $C --journal $D/j.db --input $D/kept $P; echo "exit $?"]])
    assert.truthy(got.out:find "exit 0\nexit 3\nexit 3\n.*exit 0\n", got.out .. got.err)
    assert.equal(3000, got.json[1].sent)
    assert.equal(0, got.twice)
  end)

  it("keeps a copy of the input when told to, and needs nothing else from then on", function()
    local got = beside("--settle 0.05", [[
$B push $C --journal $D/j.db $P --keep-input --max-records 1000 >/dev/null; echo "exit $?"
echo gone > $C
$B push $C --journal $D/j.db $P; echo "exit $?"
$B reconcile $D/j.db --no-store --quiet >/dev/null
$B export $D/j.db | grep -c ',success,'
stat -c %a $D/j.db.input]])
    assert.equal(3000, got.json[1].sent)
    assert.truthy(got.out:find "exit 0\n.*exit 0\n3000\n600\n", got.out .. got.err)
    assert.equal(0, got.twice)
  end)
end)
