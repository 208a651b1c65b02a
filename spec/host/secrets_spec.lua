-- Sentinel secrets and numbers, put wherever they can come from, appear in nothing that people or machines may read later.
local luas = require "support.luas"
local tcb = require "support.tcb"

local KEY, TOKEN, HOOK, PASSWORD = "SENTINEL-KEY-4f1c", "SENTINEL-TOKEN", "SENTINEL-HOOK-9b2e", "SENTINEL-PASSWORD"
local NUMBERS = { "919876500001", "919876509002", "911204567899", "919876500004" }

describe("secrets and numbers", function()
  local dir
  before_each(function()
    dir = os.tmpname()
    os.execute(("rm -f %s; mkdir -p %s/state %s/config/tcb"):format(dir, dir, dir))
    tcb.file(table.concat({ "caller,phone,label_id,from,until,note",
      "911204567899,919876500001,LABEL,2100-01-01T10:00:00Z,2100-01-01T12:00:00Z,x",
      "911204567899,919876509002,LABEL,2100-01-01T10:00:00Z,2100-01-01T12:00:00Z,x",
      "911204567899,919876500004,LABEL,919876500004,2100-01-01T12:00:00Z,x",
      "911204567899,919876500004919876500004,LABEL,2100-01-01T10:00:00Z,2100-01-01T12:00:00Z,\"919876500001",
    }, "\n") .. "\n", dir .. "/calls.csv")
  end)
  after_each(function() os.execute("rm -rf " .. dir) end)

  --- Runs shell lines with `tcb` at TCB_LOG=trace; gives stdout, and everything else that was written anywhere.
  local function run(lines, env)
    local words = { ("cd %s; XDG_CONFIG_HOME=%s/config; TCB_STATE_DIR=%s/state; TCB_LOG=trace"):format(dir, dir, dir),
      "export XDG_CONFIG_HOME TCB_STATE_DIR TCB_LOG; unset TCB_BASE_URL TCB_ACCOUNT TCB_KEY_ID TCB_API_KEY",
      ("tcb() { timeout 60 %s \"$@\"; }"):format(tcb.quote(tcb.binary)) }
    for name, value in pairs(env or {}) do words[#words + 1] = ("%s=%s; export %s"):format(name, tcb.quote(value), name) end
    words[#words + 1] = lines
    return tcb.shell(table.concat(words, "\n"))
  end

  local function clean(text, what, numbers_too)
    for _, secret in ipairs { KEY, TOKEN, HOOK, PASSWORD } do
      assert.is_nil(text:find(secret, 1, true), what .. " holds " .. secret .. "\n" .. text:sub(1, 3000))
    end
    for _, number in ipairs(numbers_too ~= false and NUMBERS or {}) do
      assert.is_nil(text:find(number, 1, true), what .. " holds the number " .. number .. "\n" .. text:sub(math.max(1, (text:find(number, 1, true) or 1) - 300)):sub(1, 600))
    end
  end

  local MAP = "--map receiver_number=phone --map caller_number=caller --map starts_at=from --map ends_at=until"

  it("of a whole campaign are in no log, ledger, report or answer", function()
    local r = run(([[
tcb sandbox --seed 7 --settle 0.1 --ledger ledger --env env >/dev/null & sandbox=$!
while [ ! -e env ]; do sleep 0.05; done; . ./env; export TCB_BASE_URL TCB_ACCOUNT TCB_KEY_ID TCB_API_KEY; echo "$TCB_API_KEY" > key
label=$(tcb labels --json --dynamic 2> err0 | sed 's/.*"id":"\([^"]*\)".*/\1/;q'); sed -i "s/LABEL/$label/" calls.csv
{ tcb labels; tcb plan calls.csv MAP; tcb plan calls.csv MAP --json; tcb push calls.csv MAP --progress=json; tcb reconcile calls.csv --json
tcb reconcile calls.csv; tcb why calls.csv 919876500001; tcb why calls.csv --line 3; tcb report calls.csv; tcb report calls.csv --html page.html
tcb journal verify calls.csv; tcb tokens; tcb tokens --json; tcb doctor; tcb status nope
tcb personalise --caller 911204567899 --receiver 919876500001 --label $label; tcb -i <<END
x = '919876500001'
x
client
error(os.getenv 'TCB_API_KEY' .. x)
END
tcb nosuch.lua; tcb pusj; tcb push nosuch.csv; tcb labels --api-key "$TCB_API_KEY"; } > out 2> err
kill $sandbox; wait]]):gsub("MAP", (MAP:gsub("%%", "%%%%"))), nil)
    local key = tcb.slurp(dir .. "/key"):gsub("%s+", "")
    assert.equal(36, #key)
    assert.equal("", r.err:gsub("[^\n]*Terminated[^\n]*\n?", ""))
    for _, name in ipairs { "out", "err", "err0", "ledger", "page.html" } do
      local text = tcb.slurp(dir .. "/" .. name)
      assert.is_true(#text > 50, name .. " is short")
      clean(text, name)
      assert.is_nil(text:find(key, 1, true), name .. " holds the key")
    end
    for _, name in ipairs { "calls.csv.tcb.db" } do
      assert.equal("600\n", tcb.shell(("stat -c %%a %s/%s"):format(dir, name)).out)
    end
    assert.equal("", tcb.shell(("find %s/state -type f ! -perm 600"):format(dir)).out)
  end)

  it("of a service that says too much are not passed on", function()
    local r = run(([[
python3 %s/spec/support/echo_server.py url & server=$!
while [ ! -e url ]; do sleep 0.05; done; TCB_BASE_URL=$(cat url); export TCB_BASE_URL
sed -i "s/LABEL/3a305b40-d545-4595-a4a8-c06e7b98d355/" calls.csv
tcb labels; tcb numbers; tcb publish fs 919876500001; tcb personalise --caller 911204567899 --receiver 919876500001 --label 3a305b40-d545-4595-a4a8-c06e7b98d355
tcb personalise --json --caller 911204567899 --receiver 919876500001 --label 3a305b40-d545-4595-a4a8-c06e7b98d355; tcb doctor
tcb push calls.csv %s; tcb report calls.csv; tcb export calls.csv > exported
printf 'client:labels()\n:explain\n' | tcb -i
tcb -e 'error(select(2, tcb.client():labels():all()))'; tcb -e 'local ok, err = tcb.client():labels():all() error(tostring(err))'
kill $server; wait]]):format(luas.root, MAP), { TCB_ACCOUNT = "acc", TCB_KEY_ID = "kid", TCB_API_KEY = KEY })
    assert.matches("no: ", r.err)
    clean(r.err, "stderr")
    clean(r.out, "stdout")
    clean(tcb.slurp(dir .. "/exported"), "the export", false)
  end)

  it("are in no message about TLS, proxies, files and hooks", function()
    tcb.file(("return { default = 'p', profiles = { p = { base_url = 'https://127.0.0.1:1', account = 'a', key_id = 'k', api_key = '%s', x = 1 } } }")
      :format(KEY), dir .. "/config/tcb/config.lua")
    local r = run(([[
tcb labels; chmod 600 config/tcb/config.lua; tcb labels; sed -i 's/, x = 1//' config/tcb/config.lua; tcb labels; tcb --profile q labels; tcb profile list
printf 'return { profiles = { %%s' "'%s'" > config/tcb/config.lua; tcb labels; rm config/tcb/config.lua
TCB_ACCOUNT=a TCB_KEY_ID=k TCB_API_KEY=%s; export TCB_ACCOUNT TCB_KEY_ID TCB_API_KEY
tcb sandbox --env env2 >/dev/null & sandbox=$!
while [ ! -e env2 ]; do sleep 0.05; done; port=$(sed -n 's/.*127.0.0.1:\([0-9]*\).*/\1/p' env2)
TCB_BASE_URL=https://127.0.0.1:$port tcb labels; TCB_BASE_URL=http://tcb.invalid tcb labels
TCB_BASE_URL="https://user:%s@127.0.0.1:1/" tcb labels
TCB_BASE_URL=https://tcb.invalid tcb -e 'print(tcb.client{ proxy = "http://user:%s@127.0.0.1:1" }:labels():all())'
kill $sandbox; wait
echo 'local n, k = "919876500001", "%s" local function f() error({ n, k }) end f()' > a.lua; tcb a.lua
echo 'local n, k = "919876500001", "%s" local function f() error(n .. k) end coroutine.wrap(f)()' > b.lua; tcb b.lua
echo 'error(setmetatable({}, { __tostring = function() return "%s 919876500001" end }))' > c.lua; tcb c.lua
echo '= 919876500001' > d.lua; tcb d.lua
tcb -e 'tcb.sandbox{ webhook = "http://127.0.0.1:1/hook?key=%s" }:close()'
TCB_LOG=trace tcb -e 'require "tcb.core".log.write("trace", "919876500001 %s")'
]]):format(KEY, KEY, PASSWORD, PASSWORD, KEY, KEY, KEY, HOOK, KEY))
    clean(r.err, "stderr")
    clean(r.out, "stdout")
    assert.matches("91%*%*%*%*%*%*0001", r.err)
  end)
end)
