--- `tcb listen` and `tcb inbox`, run as a user does.
local events = require "support.events"
local inbox = require "tcb.inbox"
local json = require "tcb.json"
local luas = require "support.luas"
local tcb = require "support.tcb"

if luas.is_jit then return end                 -- the binary is Lua 5.4, whatever runs the spec

local KEY = "spec-key-0123456789"

describe("tcb listen", function()
  local dir
  before_each(function()
    dir = os.tmpname()
    os.remove(dir)
    os.execute("mkdir " .. dir)
    tcb.file(KEY, dir .. "/key")
    os.execute("chmod 600 " .. dir .. "/key")
  end)
  after_each(function() os.execute("rm -r " .. dir) end)

  --- Starts the receiver, runs `lines` of shell with $URL set, ends it with a signal. Returns { out, err, code, client = output of lines }.
  local function session(options, lines, signal)
    local r = tcb.shell(([[
cd %s
# a shell starts background commands with SIGINT ignored
python3 -c 'import os, signal, sys; signal.signal(2, signal.SIG_DFL); os.execvp(sys.argv[1], sys.argv[1:])' %s listen --port 0 --key-file key --inbox inbox.db %s >out 2>err & pid=$!
i=0; while ! grep -q '^listening on ' err && [ $i -lt 100 ]; do sleep 0.1; i=$((i+1)); done
URL=$(sed -n 's/^listening on \([^?]*\)?key.*/\1/p' err)
post() { curl -s -m 10 -o /dev/null -w '%%{http_code}\n' "$URL?key=${KEY:-%s}" -H 'Content-Type: application/json' -d "$1"; }
%s
kill -%s $pid
wait $pid; echo "code $?"
]]):format(dir, tcb.line { timeout = false }, options, KEY, lines, signal or "TERM"))
    return { client = r.out:gsub("code %d+\n$", ""), code = tonumber(r.out:match "code (%d+)\n$"), out = tcb.slurp(dir .. "/out"),
      err = tcb.slurp(dir .. "/err") .. r.err }
  end

  it("runs the script's handlers and ends with 0 at a signal", function()
    tcb.file("return { cmb = function(e) print(e.scenario, e.number) io.stdout:flush() end }", dir .. "/h.lua")
    for _, signal in ipairs { "TERM", "INT" } do
      os.execute("rm -f " .. dir .. "/inbox.db*")
      local r = session("--script h.lua", ("post '%s'; post '%s'; i=0; while [ ! -s out ] && [ $i -lt 100 ]; do sleep 0.1; i=$((i+1)); done")
        :format(events.cmb "e1", events.cmb "e1"), signal)
      assert.equal("200\n200\n", r.client)
      assert.equal("interested\t919000000001\n", r.out)
      assert.equal(0, r.code, r.err)
      assert.is_nil(r.err:find(KEY, 1, true))
      assert.truthy(r.err:find("2 deliveries, 0 refused, 1 handled, 0 waiting, 0 dead", 1, true))
    end
  end)

  it("appends to a JSON lines file, one line an event", function()
    local r = session("--jsonl events.jsonl", ("post '%s'; post '%s'; i=0; while [ $(wc -l < events.jsonl) -lt 2 ] && [ $i -lt 100 ]; do sleep 0.1; i=$((i+1)); done")
      :format(events.cmb "e1", events.feedback "e2"))
    assert.equal(0, r.code, r.err)
    local ids = {}
    for line in io.lines(dir .. "/events.jsonl") do ids[#ids + 1] = assert(json.decode(line)).event_id end
    assert.same({ "e1", "e2" }, ids)
  end)

  it("writes neither key nor whole numbers to stderr at trace level", function()
    tcb.file("return { other = function(e) error('cannot call ' .. e.number) end }", dir .. "/h.lua")
    local r = session("--script h.lua --attempts 1", ("export KEY=%s; post '%s'; KEY=wrong-%s post '{}'; sleep 0.5"):format(KEY, events.cmb "e1", KEY))
    assert.truthy(r.err:find("91******0001", 1, true), r.err)
    assert.is_nil(r.err:find("919000000001", 1, true))
    assert.is_nil(r.err:find(KEY, 1, true))
  end)

  it("ends with the right status when it cannot start", function()
    local function code(...)
      local r = tcb { cd = dir, "listen", ... }
      return r.code, r.err
    end
    assert.equal(2, (code()))
    assert.equal(2, (code("--port", "x")))
    assert.equal(2, (code("--port", "0", "--script", "a", "--jsonl", "b")))
    assert.equal(3, (code("--port", "0")))
    assert.equal(3, (code("--port", "0", "--key-file", "none")))
    local c, err = code("--port", "0", "--key-file", "key", "--script", "none.lua")
    assert.equal(1, c)
    assert.truthy(err:find("none.lua", 1, true))
    tcb.file("error 'bad script'", dir .. "/h.lua")
    c, err = code("--port", "0", "--key-file", "key", "--script", "h.lua")
    assert.equal(1, c)
    assert.truthy(err:find("h.lua:1: bad script", 1, true))
    os.execute("chmod 644 " .. dir .. "/key")
    c, err = code("--port", "0", "--key-file", "key")
    assert.equal(3, c)
    assert.is_nil(err:find(KEY, 1, true))
  end)
end)

describe("tcb inbox", function()
  local path
  before_each(function()
    path = os.tmpname()
    os.remove(path)
    local box = assert(inbox.open(path))
    assert(box:put { events.cmb "a", events.feedback "b", events.cmb("c", events.UNREADABLE) })
    box:statement "UPDATE event SET state = 2, attempts = 12, error = 'no' WHERE id = 'b'":run()
    box:close()
  end)
  after_each(function() for _, e in ipairs { "", "-wal", "-shm", ".lock" } do os.remove(path .. e) end end)
  local function run(...)
    local call = { "inbox", ... }
    call.env = { TCB_STATE_DIR = "/nonexistent" }
    return tcb(call)
  end
  local function with(...)
    local call = { ... }
    call[#call + 1] = "--inbox"
    call[#call + 1] = path
    return run(luas.unpack(call))
  end

  it("lists: a table with masked numbers, or JSON lines; filters", function()
    local r = with "list"
    assert.equal(0, r.code, r.err)
    local lines = {}
    for line in r.out:gmatch "[^\n]+" do
      assert.is_true(#line <= 80)
      lines[#lines + 1] = line
    end
    assert.equal(4, #lines)
    assert.truthy(lines[3]:find "^b +user_feedback +91%*+0003 +dead", r.out)
    assert.is_nil(r.out:find("919000000001", 1, true))
    local function ids(...)
      local list = {}
      for line in with("list", "--json", ...).out:gmatch "[^\n]+" do list[#list + 1] = assert(json.decode(line)).event_id end
      return table.concat(list, " ")
    end
    assert.equal("a b c", ids())
    assert.equal("b", ids("--state", "dead"))
    assert.equal("a c", ids("--type", "cmb"))
    assert.equal("c", ids("--number", "+91 90000 00002"))
    assert.equal("b c", ids("--limit", "2"))
    assert.equal("", ids("--before", "1d"))
    assert.equal("a b c", ids("--since", "1d"))
    assert.equal("", ids("--since", "2099-01-01T00:00:00Z"))
  end)

  it("shows one event, with the event as it came", function()
    local r = with("show", "a")
    assert.equal(0, r.code)
    assert.truthy(r.out:find(events.cmb "a", 1, true))
    local e = assert(json.decode(with("show", "c", "--json").out))
    assert.equal("c", e.event.event_id)
    assert.equal("waiting", e.state)
    assert.equal(1, with("show", "z").code)
  end)

  it("replays by id or filter", function()
    assert.same({ replayed = 1 }, json.decode(with("replay", "--state", "dead", "--json").out))
    assert.same({ waiting = 3, done = 0, dead = 0, duplicates = 0 }, (function()
      local s = json.decode(with("stats", "--json").out)
      s.oldest_waiting_at = nil
      return s
    end)())
    assert.equal(0, with("replay", "a", "b").code)
    assert.equal(1, with("replay", "nothing").code)
    assert.equal(2, with("replay").code)
  end)

  it("exports the events as they came, a line each", function()
    local r = with "export"
    local ids = {}
    for line in r.out:gmatch "[^\n]+" do ids[#ids + 1] = assert(json.decode(line)).event_id end
    assert.same({ "a", "b", "c" }, ids)
  end)

  it("says what is wrong", function()
    assert.equal(2, with("lose").code)
    assert.equal(2, with("show").code)
    assert.equal(2, with("list", "x").code)
    assert.equal(2, with("list", "--since", "soon").code)
    assert.equal(2, with("list", "--number", "12").code)
    local r = run("list", "--inbox", "/nonexistent.db")
    assert.equal(1, r.code)
    assert.truthy(r.err:find("/nonexistent.db", 1, true))
  end)
end)
