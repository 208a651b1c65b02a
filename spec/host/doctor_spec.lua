--- `tcb doctor`: each check, what it says when all is well and the remedy when not.
local child = require "support.child"
local json = require "tcb.json"
local luas = require "support.luas"
local sandboxed = require "support.sandboxed"
local tcb = require "support.tcb"

if luas.abi == "lua5.4" then describe("tcb doctor", function()
  it("finds nothing wrong with a sandbox, in text and JSON", function()
    local r = sandboxed "tcb doctor; echo $?; tcb doctor --json"
    assert.matches("\nok    network        http://127.0.0.1:%d+ answers\n%-     proxy          never to this machine\n"
      .. "%-     TLS            plain http, to this machine only\nok    clock          within %d s of the service\nok    credentials ", r.out)
    assert.matches("\n0\n{", r.out)
    local seen = {}
    for line in r.out:match "\n0\n(.*)$":gmatch "[^\n]+" do
      local o = assert(json.decode(line))
      seen[o.check] = o.verdict
    end
    assert.same({ modules = "ok", configuration = "ok", network = "ok", proxy = "skip", TLS = "skip", clock = "ok", credentials = "ok",
      limits = "ok", state = "ok", journal = "skip", ["time zones"] = "ok" }, seen)
  end)

  it("says what it proved of the key, and proves it when asked", function()
    local r = sandboxed "tcb doctor --quiet; echo == 2; tcb doctor --quiet; echo == 3; tcb doctor --quiet --prove; echo == 4; tcb tokens --json"
    assert.matches("credentials    the key made a token just now, .*1 token, 9 mints left.*== 2", r.out)
    local second = r.out:match "== 2\n(.-)== 3"
    assert.matches("credentials    a token that this key made 0 min ago", second)
    assert.matches("'tcb doctor %-%-prove' .*one of 9 mints", (second:gsub("%s+", " ")))
    assert.matches("credentials    the key made a token just now, .*2 tokens, 8 mints left", r.out:match "== 3\n(.-)== 4")
    assert.equal(2, #r.requests "token")
  end)

  it("does not call a wrong key good because another one's token lives", function()
    local r = sandboxed "tcb labels --quiet > labels; TCB_API_KEY=sentinel-wrong tcb doctor; echo $?; TCB_API_KEY=sentinel-wrong tcb labels; echo $?"
    assert.matches("BAD   credentials    invalid key_id or api_key %(HTTP 401%)\n +%-> check key_id and api_key", r.out)
    assert.matches("\n3\n3\n$", r.out)
    assert.is_nil((r.out .. r.err):find "sentinel")
  end)

  it("says the remedy of what is wrong, without secrets", function()
    local r = sandboxed([[TCB_KEY_ID=other TCB_API_KEY=sentinel-wrong tcb doctor; echo $?; TCB_BASE_URL=http://127.0.0.1:1 tcb doctor --quiet; echo $?
      env -u TCB_ACCOUNT "]] .. tcb.binary .. [[" doctor --quiet; echo $?; echo junk > j; tcb doctor --journal j; echo $?
      TCB_CLOCK=+2h tcb doctor --quiet; echo $?; tcb pause --quiet; tcb doctor --quiet; echo $?; tcb resume --quiet
      echo > file; TCB_STATE_DIR=$PWD/file tcb doctor --quiet; echo $?
      TCB_LIMITS=mint=1/1800 tcb doctor --quiet]])
    assert.matches("BAD   credentials .*%-> check key_id and api_key.*\n3\n", r.out)
    assert.matches("BAD   network .*Connection refused.*\n5\n", r.out)
    assert.matches("BAD   configuration  account is missing\n.*set TCB_ACCOUNT.*\n3\n", r.out)
    assert.matches("BAD   journal .*journal verify j.*\n1\n", r.out)
    assert.matches("warn  clock          TCB_CLOCK shifts it: %+2h\n.*unset TCB_CLOCK", r.out)
    assert.matches("warn  limits         the account is paused since [^\n]+\n +%-> run: tcb resume\n", r.out)
    assert.matches("BAD   state .*TCB_STATE_DIR", r.out)
    assert.matches("warn  limits         no token can be made before ", r.out)
    assert.is_nil((r.out .. r.err):find "sentinel")
  end)

  it("compares the clock with the service's", function()
    local server = [[import email.utils, http.server, time
class H(http.server.BaseHTTPRequestHandler):
    def date_time_string(self, timestamp=None): return email.utils.formatdate(time.time() + 7210, usegmt=True)
    def do_GET(self): self.send_response(404); self.send_header("Content-Length", "0"); self.end_headers()
    def log_message(self, *a): pass
s = http.server.HTTPServer(("127.0.0.1", 0), H)
print(s.server_port, flush=True)
s.serve_forever()]]
    local r = sandboxed(([[cat > skew.py <<'PY'
%s
PY
python3 skew.py > port & echo $! > pid
n=0; until [ -s port ] || [ $n = 100 ]; do sleep 0.1; n=$((n + 1)); done
TCB_BASE_URL=http://127.0.0.1:$(cat port) TCB_STATE_DIR=$PWD/skew tcb doctor --quiet; echo $?; kill $(cat pid)]]):format(server))
    assert.matches("BAD   clock          this machine is 2 h behind the service\n +%-> set the clock, and keep it set", r.out)
  end)

  it("tells TLS, its CA and a proxy apart", function()
    local dir = child.directory "doctor"
    require "support.tls".make(dir)
    local servers = {}
    for _, name in ipairs { "good", "wronghost", "expired" } do
      servers[name] = child.raw(("--tls %s/%s.pem %s/%s.key"):format(dir, name, dir, name))
    end
    servers.plain = child.raw()
    servers.proxy = child.raw("--proxy " .. servers.good.port)
    local function doctor(url, env)
      env.TCB_BASE_URL, env.TCB_ACCOUNT, env.TCB_KEY_ID, env.TCB_API_KEY = url, "a", "k", "sentinel-tls"
      env.TCB_STATE_DIR, env.COLUMNS, env.XDG_CONFIG_HOME = dir .. "/state", 200, dir
      local r = tcb { "doctor", "--time-limit", "30", env = env }
      assert.is_nil((r.out .. r.err):find "sentinel")
      return r
    end
    local function at(name) return "https://localhost:" .. servers[name].port end
    local function bad(code, pattern, url, env)
      local r = doctor(url, env)
      assert.matches(pattern, r.out)
      assert.equal(code, r.code)
    end
    local r = doctor(at "good", { SSL_CERT_FILE = dir .. "/ca.pem" })
    assert.matches("ok    network .*\nok    TLS            the certificate is verified with [^\n]*/ca.pem\n", r.out)
    bad(5, "BAD   TLS            the TLS certificate of localhost:%d+ is not good: .*%-> check .* the CA %(option ca", at "good", {})
    bad(5, "BAD   TLS            the TLS certificate .*check the base URL's host name", at "wronghost", { SSL_CERT_FILE = dir .. "/ca.pem" })
    bad(5, "BAD   TLS            the TLS certificate .*expired.*this machine's date", at "expired", { SSL_CERT_FILE = dir .. "/ca.pem" })
    bad(5, "BAD   TLS            no TLS connection to localhost.*port speaks TLS", at "plain", { SSL_CERT_FILE = dir .. "/ca.pem" })
    bad(3, "BAD   TLS            .*CA file.*%-> name a PEM file", at "good", { SSL_CERT_FILE = dir .. "/none.pem" })
    local proxied = { SSL_CERT_FILE = dir .. "/ca.pem", HTTPS_PROXY = "http://user:sentinel@127.0.0.1:" .. servers.proxy.port }
    r = doctor("https://api.spec.invalid", proxied)
    assert.matches("ok    network        https://api.spec.invalid answers through the proxy http://127.0.0.1:%d+\n", r.out)
    assert.matches("ok    proxy          http://127.0.0.1:%d+, from HTTPS_PROXY\nok    TLS ", r.out)
    bad(5, "BAD   network        cannot connect .* through the proxy http://127.0.0.1:1\n +%-> check the proxy first", "https://api.spec.invalid",
      { HTTPS_PROXY = "http://127.0.0.1:1" })
    for _, server in pairs(servers) do server.stop() end
    os.execute("rm -rf " .. dir)
  end)
end) end
