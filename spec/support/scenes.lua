--- The scenes of spec/host/golden_spec.lua: one list of every command with what it is given. See spec/support/transcript.lua.
local M = {}

local WHO = "--caller 911234567890 --label 'Acme Deliveries'"

M.account = {
  sandbox = { "--number-settle", "0.1", "--settle", "0.1" },
  setup = [[
FS=$(t feature-sets --json --page 1 --limit 1 --quiet | sed 's/.*"id":"\([^"]*\)".*/\1/;q')
LABEL=$(t labels --json --dynamic | sed 's/.*"id":"\([^"]*\)".*/\1/;q')
printf '\357\273\277number,name\n918800000001,a\n"+91 88000-00002",b\n\n' > numbers.csv
window='"starts_at":4115977200000,"ends_at":4116009600000'
{ echo "{\"receiver_number\":\"919876543210\",$window}"; echo "{\"receiver_number\":\"91987\",$window}"; echo "no JSON"; } > records.jsonl
cat > push.lua <<'END'
local tcb = require "tcb"
local client, list = tcb.client(), {}
for i, ending in ipairs { 1000, 9002, 9005, 9007 } do
  list[i] = { caller_number = "911234567890", receiver_number = "91987654" .. ending, label_id = arg[1], starts_at = 4115977200000,
    ends_at = 4116009600000 }
end
print(assert(client:push(list)).id)
END
]],
  cases = {
    { "labels", "tcb labels", narrow = true },
    { "labels dynamic", "tcb labels --dynamic --page 1 --limit 2" },
    { "labels none", "tcb labels --page 9" },
    { "labels request", "tcb labels --dry-run", wide = true },
    { "sets", "tcb feature-sets --page 2 --limit 5", narrow = true },
    { "sets filtered", "tcb feature-sets --department-id D --operation-id O --process-id P --dry-run", wide = true },
    { "numbers", "tcb numbers --page 1 --limit 5", narrow = true },
    { "numbers filtered", "tcb numbers --feature-set-id $FS" },
    { "numbers request", "tcb numbers --feature-set-id F --department-id D --operation-id O --process-id P --page 2 --limit 10 --dry-run", wide = true },
    { "publish", "tcb publish $FS 918800000009" },
    { "publish file", "tcb publish $FS --file numbers.csv --wait" },
    { "publish stdin", "printf '8800000003\\r\\n' | tcb publish $FS - --country 91 --wait" },
    { "publish request", "tcb publish $FS 918800000001 '+91 88000 00002' --dry-run", wide = true },
    { "publish bad", "tcb publish $FS 12", code = 4 },
    { "publish none", "tcb publish $FS", code = 2 },
    { "listed", "tcb numbers --feature-set-id $FS --status listed" },
    { "delist", "tcb delist $FS 918800000001" },
    { "delist wait", "tcb delist $FS 918800000002 915555555555 --wait", code = 4 },
    { "delist request", "tcb delist $FS 918800000001 --dry-run", wide = true },
    { "personalise", "tcb personalise --receiver 9876543210 --country 91 --reason 'Your parcel arrives today' --ends-at +30m " .. WHO },
    { "personalise request", "tcb personalise --receiver 919876543210 --starts-at 2100-06-06T09:00 --zone Asia/Kolkata --dry-run " .. WHO, wide = true },
    { "personalise file", "tcb personalise records.jsonl " .. WHO, code = 4 },
    { "personalise stdin", "head -n 1 records.jsonl | tcb personalise - " .. WHO },
    { "personalise bad", "tcb personalise --receiver 919876543210 --reason short " .. WHO, code = 4 },
    { "personalise label", "tcb personalise --receiver 919876543210 --caller 911234567890 --label Nosuch", code = 2 },
    { "status", "tcb status $ID", pre = "ID=$(t push.lua $LABEL)\nsleep 0.2", code = 4, narrow = true },
    { "status request", "tcb status 'a b' --dry-run", wide = true },
    { "status unknown", "tcb status nosuch", code = 1 },
    { "tokens", "tcb tokens", narrow = true },
    { "pause", "tcb pause" },
    { "tokens paused", "tcb tokens" },
    { "doctor paused", "tcb doctor" },
    { "resume", "tcb resume" },
    { "doctor", "tcb doctor" },
    { "doctor key", "TCB_KEY_ID=other tcb doctor", code = 3 },
    { "doctor account", "TCB_ACCOUNT= tcb doctor", code = 3 },
    { "doctor network", "TCB_BASE_URL=http://127.0.0.1:1 tcb doctor", code = 5 },
    { "doctor journal", "tcb doctor --journal records.jsonl", code = 1 },
    { "forget", "tcb tokens --forget" },
    { "tokens none", "tcb tokens" },
  },
}

M.campaign = {
  sandbox = { "--settle", "0.1" },
  setup = [[
{ echo "phone,order,from,until"; i=0
while [ $i -lt 40 ]; do echo "91987654$((1000+i)),A-$i,2100-06-06T10:00:00Z,2100-06-06T19:00:00Z"; i=$((i+1)); done
for n in 919876549002 919876549005 12 919876541001; do echo "$n,B,2100-06-06T10:00:00Z,2100-06-06T19:00:00Z"; done; } > c.csv
cp c.csv d.csv
printf '919876541000\n+91 98765 41001\n' > no.txt
echo 'return { each = function(r) return r.order ~= "B" end }' > hooks.lua
set -- --label "Acme Deliveries" --caller 911204567801 --map receiver_number=phone --map starts_at=from --map ends_at=until
]],
  cases = {
    { "plan", 'tcb plan c.csv "$@"', code = 4, wide = true },
    { "plan stdin", 'head -n 3 c.csv | tcb plan - "$@"' },
    { "plan exclude", 'tcb plan c.csv "$@" --exclude no.txt --unique --batch 10', code = 4, wide = true },
    { "plan tight", 'tcb plan c.csv "$@" --lead 2h --limit push=1/3600 --tokens 1 --batch 10', code = 4, wide = true },
    { "plan missing", 'tcb plan nosuch.csv "$@"', code = 2 },
    { "plan column", "tcb plan c.csv --map receiver_number=fone", code = 2 },
    { "dry run", 'tcb push c.csv "$@" --dry-run', code = 4, wide = true },
    { "canary", 'tcb push d.csv "$@" --batch 21 --canary 42 --stop-over 1%', code = 4 },
    { "push", 'tcb push c.csv "$@" --batch 21', code = 4, narrow = true },
    { "journal sent", "tcb journal status c.csv", code = 4 },
    { "reconcile", "tcb reconcile c.csv", code = 4, narrow = true },
    { "push again", 'tcb push c.csv "$@" --batch 21', code = 4 },
    { "push otherwise", 'tcb push c.csv "$@" --batch 20', code = 3 },
    { "push stdin", 'head -n 6 c.csv | tcb push - --journal p.db "$@" --max-records 3', code = 0 },
    { "push hook", 'tcb push c.csv --journal h.db "$@" --script hooks.lua --wait', code = 4 },
    { "why", "tcb why c.csv 919876549005", wide = true },
    { "why line", "tcb why c.csv --line 44", wide = true },
    { "why nobody", "tcb why c.csv 911111111111", code = 1 },
    { "export", "tcb export c.csv | sed -n '1,3p;40,45p'", wide = true },
    { "export sqlite", "tcb export c.csv --format sqlite --output x.db", wide = true },
    { "push unique", 'tcb push c.csv --journal u.db "$@" --unique --wait', code = 4 },
    { "report", "tcb report u.db", narrow = true },
    { "report page", "tcb report u.db --html u.html" },
    { "verify", "tcb journal verify c.csv" },
    { "purge", "tcb journal purge c.csv --older 0s" },
    { "journal status", "tcb journal status c.csv", code = 4 },
  },
}

M.events = {
  setup = [[
printf 'webhook-key-0123456789' > key; chmod 600 key
wait_for() { i=0; until eval "$1" || [ $i -gt 100 ]; do sleep 0.05; i=$((i+1)); done; }
t listen --port 0 --key-file key 2>listen.err & LISTENER=$!
wait_for 'grep -q "^listening on " listen.err'
HOOK=$(sed -n 's/^listening on \([^?]*\)?key.*/\1/p' listen.err)?key=webhook-key-0123456789
]],
  finish = "kill -TERM $LISTENER; wait $LISTENER",
  cases = {
    { "trigger", "tcb sandbox trigger cmb --scenario interested --count 2 --webhook $HOOK" },
    { "trigger feedback", "tcb sandbox trigger user_feedback --duplicates 3 --webhook $HOOK" },
    { "trigger nothing", "tcb sandbox trigger", code = 2 },
    { "inbox", "tcb inbox", pre = "wait_for 't inbox stats --json | grep -q waiting.:3.*duplicates.:1'", narrow = true },
    { "inbox filtered", "tcb inbox list --type cmb --state waiting --limit 1 --since 1h" },
    { "inbox none", "tcb inbox list --state dead" },
    { "inbox show", "tcb inbox show $EVENT | head -n 6", pre = "EVENT=$(t inbox list --json --limit 1 | sed 's/.*\"event_id\":\"\\([^\"]*\\)\".*/\\1/')" },
    { "inbox show none", "tcb inbox show nosuch", code = 1 },
    { "inbox replay", "tcb inbox replay $EVENT" },
    { "inbox export", "tcb inbox export --type user_feedback --inbox $TCB_STATE_DIR/inbox.db | wc -l", text = true },
    { "inbox stats", "tcb inbox stats" },
    { "inbox missing", "tcb inbox list --inbox nosuch.db", code = 1 },
    { "listen", "begin listen --port 0 --key-file key --inbox other.db; stop" },
    { "listen no key", "tcb listen --port 0", code = 3 },
    { "listen no port", "tcb listen", code = 2 },
  },
}

M.tools = {
  setup = [[
cat > day.lua <<'END'
local tcb = require "tcb"
local client, list = tcb.client(), {}
local label = client:labels():find(function(l) return l.label_type == "dynamic" end)
for i = 1, 500 do
  list[i] = { caller_number = "911204567801", receiver_number = ("9198%08d"):format(i), label_id = label.id, starts_at = tcb.now() + 3600000,
    ends_at = tcb.now() + 7200000 }
end
for _ = 1, 70 do assert(client:push(list)) end
END
printf 'a-key\n' > key; chmod 600 key
]],
  cases = {
    { "version", "tcb -v", text = true },
    { "help", "tcb help", narrow = true, loose = true },
    { "help of one", "tcb help delist", narrow = true },
    { "help in reply", "tcb delist --help" },
    { "help for nothing", "tcb help lables", code = 2 },
    { "unknown option", "tcb labels --dinamic", code = 2 },
    { "unknown command", "tcb lables", code = 2 },
    { "completion", "tcb completion bash | head -n 1", loose = true },
    { "completion none", "tcb completion", code = 2 },
    { "profiles none", "tcb profile list" },
    { "profile add", "tcb profile add acme --account 6a1b --key-id 90c2 --api-key-file key --base-url https://tcb.invalid/" },
    { "profile add again", "tcb profile add acme --account 6a1b --key-id 90c2 --api-key-file key", code = 3 },
    { "profile add other", "tcb profile add other --account 6a1c --key-id 90c3 --api-key-command 'cat key' --set country=91" },
    { "profile use", "tcb profile use other" },
    { "profiles", "tcb profile list", narrow = true },
    { "profile remove", "tcb profile remove acme" },
    { "profile unknown", "tcb profile use acme", code = 3 },
    { "rehearse", "tcb rehearse day.lua --from 2100-01-01T00:00:00Z --ledger rehearsed" },
    { "rehearsed", "cat rehearsed", text = true, hidden = true },
    { "rehearse nothing", "tcb rehearse", code = 2 },
    { "sandbox", "begin sandbox --seed 9 --accounts 2; stop" },
    { "sandbox command", "tcb sandbox --seed 9 -- sh -c 'echo $TCB_ACCOUNT; exit 3'", code = 3, text = true },
    { "sandbox fault", "tcb sandbox --fault nonsense", code = 2 },
    { "with --sandbox", "tcb --sandbox labels --dynamic" },
  },
}

for name, scene in pairs(M) do
  scene.name = name
  for _, case in ipairs(scene.cases) do
    case.name, case.line, case.code = case[1], case[2], case.code or 0
  end
end

return M
