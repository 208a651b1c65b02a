"""Push, push with a hook, reconcile and plan of 1,000,000 rows against the Python client of bench/yardstick and a Lua client
(peer_lua.lua): CPU seconds of each process alone, cases in turn, medians; peak memory at two sizes. The sink (nginx,
bench/yardstick/sink.conf) runs on the second processor, clients on the first; the journal is durable, every rule is on.
`campaign.py QUICK` takes fewer rounds."""
import json
import os
import shutil
import socket
import sys

import measure
from measure import ROOT, Run, data, in_turn, median, need, verdict

PUSH, PUSH_AIM, RECONCILE, RECONCILE_AIM = 12, 17, 7.5, 11      # Python's CPU / ours, at least; and what we aim at
LUA = 1.2                           # Python's CPU / the Lua client's, at least: so that it is a fair one
GROWTH = 0.10                       # CPU a record must not grow with the file
MEMORY_KB, PLAN_KB = 16 * 1024, 8 * 1024
STEP_KB = 1024                      # a run of 100,000 is over before the collector came round; from there to 20 million: spec/soak/pipe.py
DOCUMENTS = 2000

quick = len(sys.argv) > 1
folder = os.path.join(measure.DATA, "campaign")
shutil.rmtree(folder, ignore_errors=True)
os.makedirs(os.path.join(folder, "data"))
big, small = data("csv-1000000.csv", "csv", "1000000"), data("csv-100000.csv", "csv", "100000")
match, match_small = os.path.join(measure.DATA, "match.csv"), os.path.join(measure.DATA, "match-100000.csv")
for rows, path in (("1000000", match), ("100000", match_small)):
    if not os.path.exists(path + ".json"):
        need(Run([sys.executable, os.path.join(ROOT, "bench/yardstick/gen.py"), "match", rows, path, path + ".new"]), "gen.py match")
        os.rename(path + ".new", path + ".json")
shutil.copy(match + ".json", os.path.join(folder, "data/status.json"))       # that of both: the same 500 records over and over
with open(match + ".json", "rb") as one, open(match_small + ".json", "rb") as other:
    assert one.read() == other.read()

with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
sink_env = {"DIR": folder, "PORT": str(port)}
sink = lambda what: need(Run(["sh", os.path.join(ROOT, "bench/yardstick/sink.sh"), what], cpu=1, env=sink_env), "sink.sh " + what)
url = f"http://127.0.0.1:{port}/x"
ID = "91c173bb-28d8-4030-9722-8663ff9589f3"
env = {"TCB_BASE_URL": url, "TCB_ACCOUNT": ID, "TCB_KEY_ID": ID, "TCB_API_KEY": ID, "TCB_LIMITS": "push=0 mint=0",
       "TCB_STATE_DIR": os.path.join(folder, "state"), "XDG_CONFIG_HOME": os.path.join(folder, "config")}
tcb, python = os.path.join(ROOT, "build/tcb"), os.path.join(ROOT, "bench/yardstick/peer_python.py")
hooks = os.path.join(folder, "hooks.lua")
with open(hooks, "w") as f:
    f.write('return { each = function(r) if r.dynamic_label_name == "ABC" then return false end end }\n')


def fresh(name, copy_of=None):
    path = os.path.join(folder, name)
    for tail in ("", "-wal", "-shm", "-lock"):
        if os.path.exists(path + tail):
            os.remove(path + tail)
    if copy_of:
        shutil.copy(copy_of, path)
    return path


def push(source, *options, journal="push.db"):
    return need(Run([tcb, "push", source, "--journal", fresh(journal), "--no-store", "--json", "--quiet", *options], env=env), "tcb push", 0, 4)


def reconcile(of="match.db"):
    journal = fresh("reconcile.db", os.path.join(folder, of))
    return need(Run([tcb, "reconcile", journal, "--no-store", "--json", "--quiet"], env=env), "tcb reconcile", 4)


def peer(*argv):
    return need(Run([sys.executable, python, *argv]), "peer_python.py")


def lua(*argv):
    return need(Run(["lua5.4", os.path.join(ROOT, "bench/peer_lua.lua"), *argv]), "peer_lua.lua")


sink("start")
try:
    pushed = json.loads(push(match, journal="match.db").out)
    assert pushed["sent"] == 1_000_000 and pushed["batches"] == DOCUMENTS, pushed
    push(match_small, journal="small.db")
    ids = os.path.join(folder, "map.csv")
    cases = {
        "push": lambda: push(big),
        "python push": lambda: peer("push", url, big, ids),
        "reconcile": reconcile,
        "python reconcile": lambda: peer("rec", url, ids, str(DOCUMENTS)),
        "lua push": lambda: lua("push", big, url, ids),
        "lua reconcile": lambda: lua("rec", ids, url, str(DOCUMENTS)),
        "push 100,000": lambda: push(small),
        "push with a hook": lambda: push(big, "--script", hooks, journal="hook.db"),
        "push with a hook 100,000": lambda: push(small, "--script", hooks, journal="hook.db"),
        "reconcile 100,000": lambda: reconcile("small.db"),
        "plan": lambda: need(Run([tcb, "plan", big, "--json"], env=env), "tcb plan", 0, 4, 6),
        "plan 100,000": lambda: need(Run([tcb, "plan", small, "--json"], env=env), "tcb plan", 0, 4, 6),
        "start": lambda: need(Run([tcb, "-e", ""], env=env), "tcb -e ''"),
    }
    rounds = {name: 1 if quick and name.startswith(("python", "lua")) else 3 if quick or "python" in name or "lua" in name or "hook" in name else 7
              for name in cases}
    runs = in_turn(cases, rounds)
finally:
    sink("stop")

cpu = {name: median(list_) for name, list_ in runs.items()}
wall = {name: median(list_, "wall_s") for name, list_ in runs.items()}
peak = {name: max(r.peak_kb for r in list_) for name, list_ in runs.items()}
last = {name: list_[-1].out.strip().splitlines() for name, list_ in runs.items()}

want = json.loads(last["python push"][-1])
got = json.loads(last["push"][-1])
assert (got["sent"], got["refused"], got["batches"]) == (want["accepted"], want["rejected"], want["batches"]), (got, want)
settled, tally = json.loads(last["reconcile"][-1]), dict(line.rsplit(" ", 1) for line in last["python reconcile"][1:])
assert settled["success"] == int(tally["success||"]) and settled["sent"] == settled["in_doubt"] == 0, (settled, tally)
assert settled["reasons"] == {k.split("|")[2]: int(n) for k, n in tally.items() if k.startswith("error")}, (settled, tally)
planned = json.loads(last["plan"][-1])["summary"]
assert (planned["ok"], planned["refused"]) == (want["accepted"], want["rejected"]), planned

print(f"{'1,000,000 rows':<25} {'CPU s':>8} {'x python':>9} {'wall s':>8} {'peak MB':>8}")
for name in cases:
    against = {"push": "python push", "push with a hook": "python push", "lua push": "python push", "reconcile": "python reconcile",
               "lua reconcile": "python reconcile"}.get(name)
    ratio = f"{cpu[against] / cpu[name]:9.1f}" if against else " " * 9
    print(f"{name:<25} {cpu[name]:8.3f} {ratio} {wall[name]:8.2f} {peak[name] / 1024 if name != 'start' else 0:8.1f}")
print(f"aims: push {PUSH_AIM} x, reconcile {RECONCILE_AIM} x")
verdict("push_ratio", cpu["python push"] / cpu["push"], PUSH, True)
verdict("reconcile_ratio", cpu["python reconcile"] / cpu["reconcile"], RECONCILE, True)
for name in ("push", "reconcile"):
    verdict(name + "_lua_client_ratio", cpu["python " + name] / cpu["lua " + name], LUA, True)
for name in ("push", "push with a hook", "reconcile", "plan"):
    slope, own = (cpu[name] - cpu[name + " 100,000"]) / 900_000, (cpu[name] - cpu["start"]) / 1_000_000
    verdict(name.replace(" ", "_") + "_cpu_per_record_growth", slope / own - 1, GROWTH, False)
    verdict(name.replace(" ", "_") + "_peak_growth_kb", peak[name] - peak[name + " 100,000"], STEP_KB, False)
verdict("push_peak_kb", peak["push"], MEMORY_KB, False)
verdict("reconcile_peak_kb", peak["reconcile"], MEMORY_KB, False)
verdict("plan_peak_kb", peak["plan"], PLAN_KB, False)
