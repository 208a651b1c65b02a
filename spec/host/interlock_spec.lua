--- The interlocks around a push, with real processes against the sandbox; judged by its ledger.
local luas = require "support.luas"
local sandboxed = require "support.sandboxed"

--- r.csv of N rows, of which every BADth carries a label that the account does not have.
local INPUT = [[
good=$(tcb labels --json --dynamic --quiet | sed 's/.*"id":"\([^"]*\)".*/\1/;q')
input() { awk -v n="$1" -v bad="$2" -v good="$good" -v from="$(date +%s)" 'BEGIN { print "receiver_number,label_id,starts_at,ends_at"
  for (i = 1; i <= n; i++) printf "9198%08d,%s,%.0f,%.0f\n", i, bad && i % bad == 0 ? "0b0b0b0b-0000-4000-8000-000000000000" : good,
    (from + 3600) * 1000, (from + 7200) * 1000 }' > "$3"; }
]]

local function committed(r)
  local n, keys, twice = 0, {}, 0
  for _, e in ipairs(r.requests "push") do
    for _, k in ipairs(e.status == 200 and e.keys or {}) do
      n = n + 1
      if keys[k.key] then twice = twice + 1 end
      keys[k.key] = true
    end
  end
  return n, twice
end

if luas.abi == "lua5.4" then describe("a canary", function()
  it("stops a push of which a tenth has a bad label after at most 500 records", function()
    for _, options in ipairs { "--canary 500 --stop-over 5%", "--canary 500", "--canary 60 --stop-over 2%" } do
      local r = sandboxed(INPUT .. "input 5000 10 r.csv\ntcb push r.csv --caller 911204567801 --json " .. options .. "; echo $?", { "--settle", "0.1" })
      local n = committed(r)
      assert.is_true(n > 0 and n <= 500, n .. " records")
      assert.matches("\n4\n$", r.out)
      assert.matches("the canary of %d+ records failed", r.err)
      assert.matches("10%.0 %% of them failed", r.err)
      local failed = 0
      for _, e in ipairs(r.ledger) do
        for _, s in ipairs(e.event == "settle" and e.results or {}) do failed = failed + (s.status == "error" and 1 or 0) end
      end
      assert.equal(math.floor(n / 10), failed)
    end
  end)

  it("lets the rest go when few enough fail, and each record once", function()
    local r = sandboxed(INPUT .. "input 3000 100 r.csv\ntcb push r.csv --caller 911204567801 --canary 500 --quiet; echo $?", { "--settle", "0.1" })
    assert.same({ 3000, 0 }, { committed(r) })
    assert.equal(500, #r.requests "push"[1].keys)
  end)

  it("is not passed by running the same command again", function()
    local r = sandboxed(INPUT .. [[input 3000 10 r.csv
for i in 1 2 3; do tcb push r.csv --caller 911204567801 --canary 500 --quiet > out$i; done
tcb push r.csv --caller 911204567801 --quiet > out4; echo $?]], { "--settle", "0.1" })
    local pushes = r.requests "push"
    assert.same({ 3000, 0 }, { committed(r) })               -- the fourth, without a canary, sends the rest
    assert.is_true(#pushes >= 6)
  end)
end)

describe("--max-records", function()
  it("bounds each run; the next continues", function()
    local r = sandboxed(INPUT .. [[input 2500 0 r.csv
tcb push r.csv --caller 911204567801 --max-records 30 --quiet > out; echo $?
tcb push r.csv --caller 911204567801 --max-records 1200 --quiet > out
tcb push r.csv --caller 911204567801 --quiet > out; echo $?]])
    assert.same({ 2500, 0 }, { committed(r) })
    local sizes = {}
    for i, e in ipairs(r.requests "push") do sizes[i] = #e.keys end
    assert.same({ 30, 500, 500 }, { sizes[1], sizes[2], sizes[3] })
    assert.equal("0\n0\n", r.out)
  end)
end)

describe("pause and resume", function()
  it("stop four pushes within a second, and lose and repeat nothing", function()
    local r = sandboxed(INPUT .. [[
for i in 1 2 3 4; do input 1000 0 r$i.csv; sed -i "s/^9198/919$i/" r$i.csv; done
for i in 1 2 3 4; do tcb push r$i.csv --caller 911204567801 --batch 10 --quiet > out$i 2> err$i & eval "p$i=$!"; done
sleep 1; echo at $(date +%s%3N); tcb pause --quiet; echo paused $(date +%s%3N); sleep 2.5
tcb tokens | grep -c 'paused since'; kill -0 $p1 $p2 $p3 $p4 && echo alive; echo resumed $(date +%s%3N); tcb resume --quiet
for p in $p1 $p2 $p3 $p4; do wait $p; echo code $?; done; cat err*]], { "--limit", "push=20/1", "--latency", "20-40" }, { TCB_LIMITS = "mint=10/1800 push=20/1" })
    local paused, resumed = tonumber(r.out:match "paused (%d+)"), tonumber(r.out:match "resumed (%d+)")
    local before, between, after = 0, 0, 0
    for _, e in ipairs(r.requests "push") do
      if e.t <= paused + 1000 then before = before + 1 elseif e.t < resumed then between = between + 1 else after = after + 1 end
    end
    assert.is_true(before > 0 and after > 0, before .. " before, " .. after .. " after")
    assert.equal(0, between)
    assert.matches("\n1\nalive\n", r.out)
    assert.matches(("code 0\n"):rep(4) .. "$", r.out)
    assert.same({ 4000, 0 }, { committed(r) })
    for _, e in ipairs(r.requests "push") do assert.equal(200, e.status) end
  end)
end) end
