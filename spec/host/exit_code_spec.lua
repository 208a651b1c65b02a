--- Every exit code of docs/reference.md, reached by every way that leads there: one list. What several apply to, the first of the list
-- 130/143, 2, 3, 5, 6, 7, 4, 1, 0 wins.
local luas = require "support.luas"
local tcb = require "support.tcb"

if luas.is_jit then return end                 -- the binary is Lua 5.4, whatever runs the spec

local SETUP = [[
now=$(date +%s)
{ echo phone,from,until; for n in 1001 1002 1003 9002; do echo "91987654$n,2100-06-06T10:00:00Z,2100-06-06T19:00:00Z"; done; } > failing.csv
{ cat failing.csv; echo "12,2100-06-06T10:00:00Z,2100-06-06T19:00:00Z"; } > refused.csv
head -n 3 failing.csv > good.csv
{ echo phone,from,until; echo "12,2100-06-06T10:00:00Z,2100-06-06T19:00:00Z"; i=1000
while [ $i -lt 1040 ]; do echo "91987654$i,$((now+2))000,$((now+600))000"; i=$((i+1)); done; } > tight.csv
cat > struck.lua <<'END'
local done
return { each = function()
  if not done then os.execute("(sleep 0.2; kill -" .. os.getenv "SIGNAL" .. " $PPID) >/dev/null 2>&1 &") end
  done = done or os.time() + 1                     -- system(3) itself lets no SIGINT through
  while os.time() < done do end
end }
END
echo 'return { each = function() error "a hook fails" end }' > failing.lua
echo 'this is no profile' > broken.lua
printf 'webhook-key-0123456789' > key; chmod 600 key
label=3a305b40-d545-4595-a4a8-c06e7b98d355
set -- --label $label --caller 911204567801 --map receiver_number=phone --map starts_at=from --map ends_at=until --quiet
tcb() { "$TCB" "$@"; }
# with "FAULTS" COMMAND...: inside a sandbox with these faults
with() { faults=$1; shift; tcb sandbox --seed 7 --settle 0.1 --number-settle 0.1 $(for f in $faults; do echo "--fault $f"; done) -- "$@"; }
who="--caller 911234567890 --receiver 919876543210 --label $label"
# SIGINT as a terminal leaves it: a shell starts what is in the background with SIGINT ignored
restored() { exec python3 -c 'import os, signal, sys; signal.signal(2, signal.SIG_DFL); os.execvp(sys.argv[1], sys.argv[1:])' "$@"; }
# in the background, ended by a signal once it has said something
struck() {
  signal=$1; shift
  restored "$TCB" "$@" >said$n 2>&1 & p=$!
  until [ -s said$n ]; do sleep 0.05; done
  kill -$signal $p; wait $p
}
# into a pipe that nobody reads
unread() { mkfifo fifo$n; : <fifo$n & "$@" >fifo$n; }
]]

--- { code, what, shell lines, what standard error says (a pattern) }
local WAYS = {
  { 0, "all went well", 'with "" "$TCB" push good.csv --journal $n.db "$@" --wait' },
  { 0, "nothing is left to do", 'with "" sh -c \'"$TCB" push good.csv --journal $n.db "$@" --wait && "$TCB" push good.csv --journal $n.db "$@"\' - "$@"' },
  { 0, "a sandbox stopped by SIGTERM", "struck TERM sandbox" },
  { 0, "a sandbox stopped by SIGINT", "struck INT sandbox" },
  { 0, "listen stopped by SIGTERM", "struck TERM listen --port 0 --key-file key --inbox $n.db" },
  { 0, "listen stopped by SIGINT", "struck INT listen --port 0 --key-file key --inbox $n.db" },
  { 1, "a script that fails", 'tcb -e "error {}"' },
  { 1, "a script that does not parse", "tcb run failing.csv" },
  { 1, "a script's uncaught error object of another kind", "tcb -e \"error(require 'tcb.errors'.new{ kind = 'store', message = 'm' })\"" },
  { 1, "a hook that fails", 'with "" "$TCB" push good.csv --journal $n.db "$@" --script failing.lua' },
  { 1, "a batch that is not there", 'with "" "$TCB" status nosuch' },
  { 1, "a journal that is not there", "tcb report nosuch.db" },
  { 1, "a journal that is damaged", "{ head -c 4096 read.db; head -c 9000 /dev/urandom; } > $n.db; tcb journal verify $n.db" },
  { 1, "an output that takes nothing", 'with "" "$TCB" labels >/dev/full' },
  { 1, "a time limit", 'tcb --time-limit 0.1 -e "while true do end"' },
  { 2, "no such command", "tcb lables" },
  { 2, "no such option", "tcb labels --nosuch" },
  { 2, "a value that is none", 'tcb plan good.csv "$@" --batch 501' },
  { 2, "an argument too few", "tcb push" },
  { 2, "an input that is not there", 'tcb plan nosuch.csv "$@"' },
  { 2, "an input that is not there, of a push", 'with "" "$TCB" push nosuch.csv "$@"' },
  { 2, "a list of numbers that is not there", 'with "" "$TCB" publish f --file nosuch' },
  { 2, "a column that is not there", 'with "" "$TCB" push good.csv --journal $n.db "$@" --map starts_at=nosuch' },
  { 2, "a label of no such name", 'with "" "$TCB" push good.csv --journal $n.db "$@" --label Nosuch' },
  { 2, "a sandbox's fault that is none", "tcb sandbox --fault nonsense" },
  { 3, "no credentials", "tcb labels" },
  { 3, "a wrong key", 'TCB_KEY_ID=other with "" env TCB_KEY_ID=other "$TCB" labels', "check key_id and api_key" },
  { 3, "a feature that the key lacks", 'with "labels:1:403" "$TCB" labels', "HTTP 403" },
  { 3, "a profile that is not there", "tcb --profile nosuch labels", "no profile .nosuch." },
  { 3, "profiles that do not parse", "mkdir -p $n/tcb; cp broken.lua $n/tcb/config.lua; chmod 600 $n/tcb/config.lua; XDG_CONFIG_HOME=$PWD/$n tcb labels",
    "config.lua" },
  { 3, "profiles that others can read", "mkdir -p $n/tcb; echo 'return {}' > $n/tcb/config.lua; chmod 644 $n/tcb/config.lua; XDG_CONFIG_HOME=$PWD/$n tcb labels",
    "chmod 600" },
  { 3, "a setting of the environment that is none", 'with "" env TCB_LIMITS=nonsense "$TCB" labels' },
  { 3, "a resume with other options", 'with "" sh -c \'"$TCB" push good.csv --journal $n.db "$@" && "$TCB" push good.csv --journal $n.db "$@" --batch 3\' - "$@"' },
  { 3, "a webhook key that is not there", "tcb listen --port 0 --key-file nosuch" },
  { 3, "a script's uncaught error, auth", 'with "" env TCB_KEY_ID=other "$TCB" -e "assert(tcb.client():labels():all())"' },
  { 3, "credentials refused with rows refused", 'with "" env TCB_KEY_ID=other "$TCB" push refused.csv --journal $n.db "$@"' },
  { 4, "rows refused by the plan", 'tcb plan refused.csv "$@"' },
  { 4, "rows refused by a push", 'with "" "$TCB" push refused.csv --journal $n.db "$@"' },
  { 4, "records failed", 'with "" "$TCB" push failing.csv --journal $n.db "$@" --wait' },
  { 4, "records failed, says the journal", 'with "" "$TCB" push failing.csv --journal $n.db "$@" --wait; tcb journal status $n.db' },
  { 4, "a canary that failed", 'with "" "$TCB" push failing.csv --journal $n.db "$@" --canary 4' },
  { 4, "a record refused", 'with "" "$TCB" personalise --receiver 12 --caller 911234567890 --label $label' },
  { 4, "a number refused", 'with "" "$TCB" publish f 12' },
  { 4, "a number that is not the account's", 'with "" sh -c \'"$TCB" delist $("$TCB" feature-sets --json --limit 1 --page 1 | cut -d\\" -f4) 915555555555\'' },
  { 5, "no service", 'with "" env TCB_BASE_URL=http://127.0.0.1:1 "$TCB" labels' },
  { 5, "no service for a push", 'with "" env TCB_BASE_URL=http://127.0.0.1:1 "$TCB" push good.csv --journal $n.db "$@" --patience 0.5' },
  { 5, "a service that fails, with rows refused and records in doubt",
    'with "push:1:reset-after-commit push:2-99:503" "$TCB" push refused.csv --journal $n.db "$@" --batch 2 --patience 0.5' },
  { 5, "a script's uncaught error, net", 'with "" env TCB_BASE_URL=http://127.0.0.1:1 "$TCB" -e "assert(tcb.client():labels():all())"' },
  { 6, "windows that cannot be met, with rows refused", 'tcb plan tight.csv "$@" --batch 1 --limit push=1/60 --tokens 1' },
  { 7, "a batch in doubt, with rows refused", 'with "push:1:reset-after-commit" "$TCB" push refused.csv --journal $n.db "$@"' },
  { 7, "a batch in doubt, asked again", 'with "push:1:reset-after-commit" "$TCB" push good.csv --journal $n.db "$@"; tcb journal status $n.db' },
  { 7, "a real-time record in doubt", 'with "personalise:1:reset-after-commit" "$TCB" personalise $who' },
  { 130, "SIGINT", 'with "" sh ./restored env SIGNAL=INT "$TCB" push refused.csv --journal $n.db "$@" --script struck.lua' },
  { 143, "SIGTERM", 'with "" env SIGNAL=TERM "$TCB" push refused.csv --journal $n.db "$@" --script struck.lua' },
  { 130, "SIGINT in a script", "(restored \"$TCB\" -e \"os.execute '(sleep 0.2; kill -INT \\$PPID) &' while true do end\")" },
  { 143, "SIGTERM in a script", "tcb -e \"os.execute '(sleep 0.2; kill -TERM \\$PPID) &' while true do end\"" },
  { 141, "an output that nobody reads", 'unread tcb export good.csv --journal read.db' },
}

describe("exit codes", function()
  local result = {}

  setup(function()
    local dir = os.tmpname()
    os.execute(("rm -f %s; mkdir -p %s"):format(dir, dir))
    tcb.file(SETUP, dir .. "/setup")
    local lines = { ("cd %s; export XDG_CONFIG_HOME=%s TCB_STATE_DIR=%s/state TCB=%s"):format(dir, dir, dir, tcb.quote(tcb.binary)), ". ./setup" }
    tcb.file(SETUP:match "restored%b()[^\n]*" .. "\nrestored \"$@\"\n", dir .. "/restored")
    lines[#lines + 1] = 'with "" "$TCB" push good.csv --journal read.db "$@" >/dev/null'
    for i, way in ipairs(WAYS) do
      local file = dir .. "/way" .. i
      tcb.file(way[3] .. "\n", file)
      -- a few at a time: most of them wait for something
      lines[#lines + 1] = ("{ (n=w%d TCB_STATE_DIR=$PWD/s%d; export n TCB_STATE_DIR; . ./way%d) >o%d 2>e%d; echo $? >c%d; } &%s"):format(i, i, i, i, i, i, i % 10 == 0 and " wait" or "")
    end
    lines[#lines + 1] = "wait"
    tcb.shell("env -u TCB_BASE_URL -u TCB_ACCOUNT -u TCB_KEY_ID -u TCB_API_KEY -u TCB_PROFILE timeout 100 sh -c "
      .. tcb.quote(table.concat(lines, "\n")) .. " </dev/null")
    for i in ipairs(WAYS) do
      result[i] = { code = tonumber(tcb.slurp(dir .. "/c" .. i)), out = tcb.slurp(dir .. "/o" .. i), err = tcb.slurp(dir .. "/e" .. i) }
    end
    os.execute("rm -rf " .. dir)
  end)

  for i, way in ipairs(WAYS) do
    it(("%d: %s"):format(way[1], way[2]), function()
      local r = result[i]
      assert.equal(way[1], r.code, way[3] .. "\n" .. r.out .. r.err)
      assert.matches(way[4] or "", r.err)
      if way[1] == 141 then assert.equal("", r.err) end
      if way[1] == 1 or way[1] == 2 or way[1] == 3 or way[1] == 5 then
        assert.truthy(r.err:find "^tcb[ :]" or r.err:find "\ntcb[ :]", r.err)
      end
    end)
  end
end)
