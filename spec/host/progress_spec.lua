--- The progress line: what it says, how it fits, where it is rewritten; its figures against the ledger.
local json = require "tcb.json"
local luas = require "support.luas"
local tcb = require "support.tcb"
local terminal = require "support.terminal"
local transcript = require "support.transcript"

if luas.is_jit then return end                 -- the binary is Lua 5.4, whatever runs the spec

--- Moments of a push, and of a reconcile: from the first second to a million records.
local MOMENTS = [[
local line = require "tcb.host.progress".line
local function show(about, more)
  local p = { elapsed_s = 0.3, sent_now = 0, records_per_minute = 0, success = 0, failed = 0, sent = 0, refused = 0, in_doubt = 0, tokens = 0,
    ceiling = 300000, in_flight = 0 }
  for name, value in pairs(more) do p[name] = value end
  io.write("# ", about, "\n")
  for _, columns in ipairs { 200, 79, 39, 12 } do print(line(p, columns)) end
end
show("nothing yet", {})
show("the first batch under way", { tokens = 1, in_flight = 1 })
show("in full swing", { elapsed_s = 41, sent_now = 190500, records_per_minute = 278780.5, sent = 190500, tokens = 10, in_flight = 12, eta_s = 174.9 })
show("waiting for results", { elapsed_s = 214, sent_now = 1000000, records_per_minute = 280373.8, sent = 400000, success = 590012, failed = 9988,
  refused = 1203, tokens = 11 })
show("after a lost answer, without a limit", { elapsed_s = 3725, sent_now = 1000000, records_per_minute = 16107.4, sent = 999500, in_doubt = 500,
  refused = 12, tokens = 20, in_flight = 64, eta_s = 36000, ceiling = 0 })
show("a reconcile", { elapsed_s = 5, sent = 1200, success = 40, failed = 2, in_flight = 3, tokens = 1 })
]]

local INPUT = [[
{ echo caller_number,receiver_number,starts_at,ends_at; i=1000
while [ $i -lt 1800 ]; do echo "911204567801,91987654$i,2100-06-06T10:00:00Z,2100-06-06T19:00:00Z"; i=$((i+1)); done; } > p.csv
]]

describe("progress", function()
  local dir
  setup(function()
    dir = os.tmpname()
    os.execute("rm -f " .. dir .. "; mkdir -p " .. dir .. "/state")
    tcb.shell("cd " .. dir .. "\n" .. INPUT)
  end)
  teardown(function() os.execute("rm -rf " .. dir) end)

  --- The command line that pushes p.csv inside a sandbox whose account takes five batches a second.
  local function line(options, journal, env)
    return ("env -u COLUMNS XDG_CONFIG_HOME=%s TCB_STATE_DIR=%s/state %s timeout 60 %s sandbox --limit push=5/1 --settle 0.1 --ledger %s/%s.ledger -- %s push "
      .. "%s/p.csv --journal %s/%s --label 'Acme Deliveries' --batch 100 --tokens 1 --limit push=5/1 --wait %s"):format(dir, dir, env or "", tcb.binary, dir,
      journal, tcb.binary, dir, dir, journal, options or "")
  end

  --- Records that the ledger saw accepted, and tokens minted.
  local function accepted(journal)
    local records, tokens = 0, 0
    for text in io.lines(dir .. "/" .. journal .. ".ledger") do
      local e = json.decode(text)
      if e.event == "request" and e.call == "push" and e.status == 200 then records = records + e.records end
      if e.event == "request" and e.call == "token" and e.status == 200 then tokens = tokens + 1 end
    end
    return records, tokens
  end

  it("says first what matters most, and leaves out the rest where there is no room", function()
    local r = tcb { "-e", MOMENTS }
    assert.equal("", r.err)
    assert.equal("", transcript.differs("progress", r.out))
    local most = { 200, 79, 39, 12 }
    local i = 0
    for text in r.out:gmatch "[^\n]+" do
      i = text:sub(1, 1) == "#" and 0 or i + 1
      assert.is_true(i == 0 or transcript.widest(text) <= most[i], text)
    end
  end)

  for _, columns in ipairs { 80, 40 } do
    it("is one line, rewritten, on a terminal of " .. columns .. " columns", function()
      local journal = "t" .. columns
      local r = terminal { columns = columns, raw = true, command = line(nil, journal, "NO_COLOR=1"), { "expect", "records\r\n" } }
      assert.equal(0, r.code, r.text)
      assert.is_nil(r.text:find("\27", 1, true))
      local head = r.text:match "^(.-)\r\n"                                     -- the summary stands below
      assert.truthy(r.text:find("\nRECORDS  OUTCOME\r\n    800  success\r\n", 1, true), r.text)
      local frames, before, last = {}, 0, nil
      for frame in head:gmatch "[^\r]+" do
        assert.is_true(transcript.widest(frame) < columns, frame)
        last = frame:gsub(" +$", "")
        frames[#frames + 1] = last
        local sent = tonumber((frame:match "^([%d,]+) sent":gsub(",", "")))
        assert.is_true(sent >= before, frame)
        before = sent
      end
      assert.is_true(#frames >= 4, head)
      local records, tokens = accepted(journal)
      assert.equal(records, before)
      assert.truthy(last:find("800 ok, 0 failed", 1, true), last)
      local all = table.concat(frames, "\n")
      assert.truthy(all:find "%d:%d%d left")
      assert.truthy(all:find "[%d,]+/min")
      if columns == 80 then
        assert.truthy(all:find "/min %(%d+ %%%)")
        assert.truthy(all:find(tokens .. " token,", 1, true))
        assert.truthy(all:find " in flight")
      end
    end)
  end

  it("is plain lines now and then where there is no terminal, or a dumb one, and none with --quiet", function()
    local r = tcb { "-e", [[
local core = require "tcb.core"
core.clock.virtual(4115959200000)
for _, quiet in ipairs { false, true } do
  local show = require "tcb.host.progress".new { quiet = quiet }
  for i = 1, quiet and 0 or 60 do
    core.clock.advance(500000)
    show.hook { elapsed_s = i / 2, sent_now = i * 500, records_per_minute = 60000, success = 0, failed = 0, sent = i * 500, refused = 0, in_doubt = 0,
      tokens = 2, ceiling = 120000, in_flight = 4, eta_s = 30 - i / 2 }
  end
  if show then show.say "in between" show.finish() end
end]] }
    assert.equal(0, r.code, r.err)
    assert.equal("9,500 sent, 9,500 open, 60,000/min (50 %), 2 tokens, 4 in flight, 0:09, 0:20 left\n"
      .. "18,500 sent, 18,500 open, 60,000/min (50 %), 2 tokens, 4 in flight, 0:18, 0:11 left\n"
      .. "27,500 sent, 27,500 open, 60,000/min (50 %), 2 tokens, 4 in flight, 0:27, 0:02 left\nin between\n", r.err)
    local dumb = terminal { columns = 80, term = "dumb", raw = true, command = line("", "dumb", "TERM=dumb"), { "expect", "records\r\n" } }
    assert.is_nil(dumb.text:gsub("\r\n", "\n"):find "[\r\27]")
    assert.truthy(dumb.text:find("^RECORDS"), dumb.text)
  end)

  it("is a JSON object a line with --progress=json, remarks too", function()
    local r = tcb.shell(line("--progress=json --max-records 600", "j"))
    assert.equal(0, r.code, r.err)
    local list, note = {}, nil
    for text in r.err:gmatch "[^\n]+" do
      local p = assert(json.decode(text), text)
      if p.note then note = p.note else list[#list + 1] = p end
    end
    assert.equal("stopped at --max-records 600; run again to continue", note)
    assert.is_true(#list >= 2)
    local records, tokens = accepted "j"
    local last = list[#list]
    assert.same({ records, 600, tokens, 0 }, { last.sent_now, last.success, last.tokens, last.in_flight })
    assert.equal(5 * 60 * 100, last.ceiling)
    for _, name in ipairs { "elapsed_s", "records_per_minute", "failed", "refused", "expired", "in_doubt", "waiting", "sent", "requests", "mints" } do
      assert.is_number(last[name], name)
    end
  end)
end)
