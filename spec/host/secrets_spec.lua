--- Sentinels: keys, tokens and phone numbers are put wherever they may come from, at TCB_LOG=trace, and are looked for in every byte
-- that is not the product itself: standard error, errors, logs, ledger, report, history.
local luas = require "support.luas"
local sandboxed = require "support.sandboxed"
local tcb = require "support.tcb"

local KEY, PROFILE_KEY, PROXY = "kY7-sentinel-of-the-environment", "pR4-sentinel-of-the-profile", "pX9-sentinel-of-the-proxy"
local NUMBER, SPACED = "919811122233", "+91 98111 22233"

--- An HTTP service that quotes what it was sent in every refusal, the key and the token included.
local ECHO = [[
import http.server, json, sys
class Echo(http.server.BaseHTTPRequestHandler):
    def answer(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        if self.path.endswith("/token") and "good" in sys.argv:
            status, text = 200, json.dumps({"token": "eyJsentinel.of-the-answer.0123456789", "token_type": "Bearer", "expires_in": 3600})
        else:
            status, text = 400, json.dumps({"code": "400", "message": "bad: " + body + " " + str(self.headers) + self.path})
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.send_header("X-Echo", body.replace("\n", " ")[:500])
        self.end_headers()
        self.wfile.write(text.encode())
    do_GET = do_POST = do_DELETE = do_PUT = answer
    def log_message(self, *a): pass
s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
print(s.server_port, flush=True)
s.serve_forever()
]]

local SCRIPTS = {
  ["text.lua"] = 'local key, number = os.getenv "TCB_API_KEY", "%N"\nlocal function deep() error("boom " .. key .. " " .. number) end\ndeep()\n',
  ["object.lua"] = 'error(setmetatable({}, { __tostring = function() return os.getenv "TCB_API_KEY" .. " and %S" end }))\n',
  ["task.lua"] = 'local tcb = require "tcb"\ntcb.run(function() tcb.spawn(function() error("in a task: %N " .. os.getenv "TCB_API_KEY") end):wait() end)\n',
  ["hungry"] = 'local number, key, t = "%N", os.getenv "TCB_API_KEY", {}\nwhile true do t[#t + 1] = (number .. key .. #t):rep(1000) end\n',
  ["slow"] = 'local number, key = "%N", os.getenv "TCB_API_KEY"\nlocal function spin(n, k) while true do end end\nspin(number, key)\n',
  ["events.lua"] = 'local inbox = assert(require "tcb".inbox("inbox.db"))\n'
    .. 'print(inbox:put{ \'{"event_id":"e1","event_type":"cmb","cmb_payload":{"client_number":"%N"}}\', "%N is no event", "{}" })\n'
    .. 'error("inbox of %N: " .. tostring(inbox) .. os.getenv "TCB_API_KEY")\n',
  ["session"] = 'n, k = "%N", os.getenv "TCB_API_KEY"\n{ n, k, [n] = k }\nn .. k\nerror(n .. k)\nerror{ n, k }\nclient\nclient.account\nnope(n)\n'
    .. 'client:personalise{ caller_number = n, receiver_number = k, label_id = n }\n:explain\n:limits\nclient:push{ { receiver_number = n .. k } }\n'
    .. ':explain\n:reveal\nk\nclient._conf\ntcb.run(function() error(n .. k) end)\n:save saved.lua\n:nope %N\n%N = %N\n',
  ["syntax.lua"] = 'local number = "%N" "%N" =\n',
  ["option.lua"] = 'require "tcb".client{ api_key = "' .. KEY .. '2", no_such = "%N" }\n',
  ["personalise.lua"] = 'local c = assert(require "tcb".client())\nlocal ok, err = c:personalise{ caller_number = "911204567801",\n'
    .. 'receiver_number = "%N", label_id = "3f0b8f3e-7c1d-4c57-9d3c-0f6d2a1b4c5d", starts_at = os.time() * 1000 + 60000, ends_at = os.time() * 1000 + 3600000,\n'
    .. 'dynamic_call_reason = "Call %N for the parcel" }\nio.stderr:write(tostring(err), "\\n")\nerror(err)\n',
}

local LINES = [[
exec 2> stderr.txt
export TCB_LOG=trace
for form in text json; do
  export TCB_LOG_FORMAT=$form
  cat > r.csv <<CSV
receiver_number,dynamic_call_reason,starts_at,ends_at
]] .. NUMBER .. [[,Your order A1 arrives,$(date +%s)999,$(($(date +%s) + 3600))000
]] .. SPACED .. [[,Your order A2 arrives,$(date +%s)999,$(($(date +%s) + 7200))000
]] .. NUMBER .. [[9999,Your order A3 arrives,$(date +%s)999,$(($(date +%s) + 7200))000
]] .. NUMBER .. [[,Your,]] .. NUMBER .. [[,]] .. SPACED .. [[

CSV
  label=$(tcb labels --json | grep '"dynamic"' | head -n 1 | sed 's/.*"id":"\([^"]*\)".*/\1/')
  tcb plan r.csv --label $label --caller 911204567801 > plan.txt
  tcb push r.csv --label $label --caller 911204567801 --progress=json > push.txt
  tcb reconcile r.csv > reconcile.txt
  tcb why r.csv 9811122233 > why.txt
  tcb report r.csv > report.txt; tcb report r.csv --html report.html; tcb report r.csv --json > report.json
  tcb export r.csv > export.csv
  ls -l r.csv.tcb.db* state/* report.html | cut -c 1-10,11- >> modes.txt
  tcb push - --journal pipe.db --label $label --caller 911204567801 < r.csv > pipe.txt
  tcb push r.csv --journal kept.db --keep-input --label $label --caller 911204567801 > kept.txt
  tcb journal verify pipe.db > verify.txt
  ls -l pipe.db* kept.db* | cut -c 1-10,11- >> modes.txt
  rm -f *.db*
  tcb doctor > doctor.txt
  tcb tokens > tokens.txt; tcb tokens --json > tokens.json
  for s in *.lua; do tcb $s > $s.out; done
  tcb -e "local n = '%N' local k = '$TCB_API_KEY' error(n .. k)" > e.out
  tcb -e "x = '%N' y = '$TCB_API_KEY' (" > e2.out
  echo "error('%N' .. '$TCB_API_KEY')" | tcb > stdin.out
  tcb --memory-limit 30M hungry > e3.out; tcb --time-limit 0.2 slow > e4.out; tcb rehearse text.lua > e5.out
  tcb -i < session > prompt.out
  printf '%s\n' "%N" "%S" "x%N" | tcb publish no-such-set --file - > publish.out
  tcb publish no-such-set %N %S > publish2.out; tcb delist no-such-set %N > delist.out
  echo '{"receiver_number":"%N","caller_number":"%N"}' | tcb personalise --file - > real.out
  tcb run events.lua > events.out; ls -l inbox.db* saved.lua | cut -c 1-10,11- >> modes.txt; rm -f inbox.db*
  for mode in bad good; do
    python3 echo.py $mode > port.$mode & echo $! > pid
    n=0; until [ -s port.$mode ] || [ $n = 100 ]; do sleep 0.1; n=$((n + 1)); done
    for scheme in http $([ $mode = good ] && echo https); do
      for command in labels doctor "personalise --caller 911204567801 --receiver %N --label 3f0b8f3e-7c1d-4c57-9d3c-0f6d2a1b4c5d" "run personalise.lua"; do
        TCB_STATE_DIR=$PWD/state-$mode TCB_API_KEY=%K TCB_BASE_URL=$scheme://127.0.0.1:$(cat port.$mode) tcb --time-limit 2 $command > echo.out
      done
    done
    HTTPS_PROXY=http://user:%X@127.0.0.1:1 TCB_API_KEY=%K TCB_BASE_URL=https://service.invalid tcb labels --time-limit 1 > proxy.out
    kill $(cat pid); rm -f port.$mode
  done
  mkdir -p xdg/tcb; export XDG_CONFIG_HOME=$PWD/xdg
  printf 'return { profiles = { a = { api_key = "%s" "%s" } } }\n' %P %P > xdg/tcb/config.lua; chmod 600 xdg/tcb/config.lua
  tcb labels --profile a > profile.out; tcb doctor --profile a > profile2.out
  printf 'return { profiles = { a = { api_key = "%s", account = "%s", key_id = 5, base_url = {} } } }\n' %P %N > xdg/tcb/config.lua
  tcb labels --profile a > profile.out; tcb doctor --profile a > profile2.out
  printf 'return { profiles = { a = { api_key = { "%s" }, %s = 1 } } }\n' %P key > xdg/tcb/config.lua
  tcb labels --profile a > profile.out; tcb profile list > profile2.out
done
exec 2>&1
grep -aohE '[A-Za-z0-9_-]{64}' state/*.db | sort -u > live.tokens      # those of the sandbox, as the state file holds them
for f in pipe.txt kept.txt verify.txt stderr.txt plan.txt push.txt reconcile.txt why.txt report.txt report.html report.json doctor.txt tokens.txt tokens.json *.out profile*; do
  case $f in echo.out|events.out|publish*.out) continue ;; esac      # numbers are what these print
  grep -an -e '%K' -e '%P' -e '%X' -e "$TCB_API_KEY" -e '98111 \?22233' -e 'eyJsentinel' $f /dev/null
  grep -anF -f live.tokens $f /dev/null
done
echo "== keys in products"; grep -al -e '%K' -e '%P' -e '%X' -e "$TCB_API_KEY" -e 'eyJsentinel' export.csv saved.lua echo.out events.out publish*.out
grep -alF -f live.tokens export.csv saved.lua echo.out events.out publish*.out
echo "== modes"; grep -v '^-rw-------' modes.txt
echo "== size"; wc -c < stderr.txt
echo "== tokens"; wc -l < live.tokens
echo "== said"; grep -c 'boom' stderr.txt
]]

if luas.abi == "lua5.4" then describe("secrets and numbers", function()
  local function fill(text)
    return (text:gsub("%%([KNPSX])", { K = KEY, N = NUMBER, P = PROFILE_KEY, S = SPACED, X = PROXY }))
  end

  it("reach no byte of errors, logs, reports and crash text", function()
    local files = { "cat > echo.py <<'PY'\n" .. ECHO .. "PY\n" }
    for name, text in pairs(SCRIPTS) do files[#files + 1] = ("cat > %s <<'LUA'\n%sLUA\n"):format(name, fill(text)) end
    local r = sandboxed(table.concat(files) .. fill(LINES), { "--settle", "0.1", "--json" })
    assert.truthy(r.out:find("== keys", 1, true), r.out .. r.err)
    assert.equal("", r.out:match "^(.-)== keys", "found where they must not be")
    assert.equal("", r.out:match "products\n(.-)== modes")
    assert.equal("", r.out:match "modes\n(.-)== size")
    assert.is_true(tonumber(r.out:match "size\n(%d+)") > 10000)
    assert.is_true(tonumber(r.out:match "tokens\n(%d+)") >= 1)
    assert.is_true(tonumber(r.out:match "said\n(%d+)") >= 2)
  end)

  it("do not reach the ledger", function()
    local path = os.tmpname()
    local r = tcb.shell(("env -u TCB_BASE_URL timeout 60 %s sandbox --seed 5 --ledger %s -- %s -e %s; cat %s"):format(tcb.quote(tcb.binary), path,
      tcb.quote(tcb.binary), tcb.quote(fill [[
      local c = assert(tcb.client())
      c:personalise{ caller_number = "911204567801", receiver_number = "%N", label_id = c:labels():first().id, starts_at = tcb.now() + 9000,
        ends_at = tcb.now() + 90000, dynamic_call_reason = "Parcel arrives today" }
      c:request{ method = "GET", path = "/v1/elsewhere", query = { key = os.getenv "TCB_API_KEY", number = "%N" } }
      c:request{ method = "POST", path = "/v1/" .. os.getenv "TCB_API_KEY" .. "/%N", body = {} }]]), path))
    os.remove(path)
    assert.truthy(r.out:find('"call":"personalise"', 1, true))
    assert.is_nil(r.out:find "9811122233")
    assert.is_nil(r.out:find("sk_", 1, true))
  end)

  it("do not reach the prompt's history", function()
    local core, history = require "tcb.core", require "tcb.host.history"
    core.log.secret(KEY)
    history.add("client:personalise{ receiver_number = '" .. NUMBER .. "' }")
    history.add("x = '" .. KEY .. "'")
    history.add("api_key = 'something else'")
    local text = table.concat(history.load(), "\n")
    assert.truthy(text:find("91******2233", 1, true))
    for _, word in ipairs{ NUMBER, KEY, "something else" } do assert.is_nil(text:find(word, 1, true)) end
  end)
end) end
