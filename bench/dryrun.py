"""The dry run (`tcb push --dry-run --quiet`: read, check, encode, count and hash everything, send nothing) against the Python client of
bench/yardstick and a Lua + cjson client, CPU seconds of each process alone, cases in turn, medians."""
import json
import os
import re
import sys

import measure
from measure import ROOT, Run, data, in_turn, median, need, verdict

RATIO, AIM = 23, 35                 # Python's CPU / ours, at least; and what we aim at
LUA = 1.2                           # Python's CPU / the Lua client's, at least: so that it is a fair one
GROWTH = 0.10                       # CPU a record must not grow with the file
MEMORY_KB = 16 * 1024
STEP_KB = 512                       # what the peak may differ between two sizes

big, small = data("csv-1000000.csv", "csv", "1000000"), data("csv-100000.csv", "csv", "100000")
tcb = os.path.join(ROOT, "build/tcb")
env = {"TCB_STATE_DIR": os.path.join(measure.DATA, "state"), "XDG_CONFIG_HOME": os.path.join(measure.DATA, "config")}


def ours(path):
    return lambda: need(Run([tcb, "push", path, "--dry-run", "--json", "--quiet"], env=env), "tcb push --dry-run", 0, 4)


cases = {
    "tcb": ours(big),
    "tcb 100,000": ours(small),
    "start": lambda: need(Run([tcb, "-e", ""], env=env), "tcb -e ''"),
    "lua": lambda: need(Run(["lua5.4", os.path.join(ROOT, "bench/peer_lua.lua"), "cpu", big]), "peer_lua.lua"),
    "python": lambda: need(Run([sys.executable, os.path.join(ROOT, "bench/yardstick/peer_python.py"), "cpu", "-", big, os.devnull]), "peer_python.py"),
}
rounds = {"tcb": 9, "tcb 100,000": 9, "start": 9, "lua": 3, "python": 3}
runs = in_turn(cases, rounds)
cpu = {name: median(list_) for name, list_ in runs.items()}
peak = {name: max(r.peak_kb for r in list_) for name, list_ in runs.items()}

want = json.loads(runs["python"][0].out)
got = json.loads(runs["tcb"][0].out.strip().splitlines()[-1])
records = int(got.get("ok", got.get("records", 0)))
if not re.search(r"\b%d\b" % want["accepted"], runs["tcb"][0].out) or not re.search(r"\b%d\b" % want["rejected"], runs["tcb"][0].out):
    sys.exit(f"the clients do not agree: python {want}, tcb {got}")
if json.loads(runs["lua"][0].out) != want:
    sys.exit(f"the clients do not agree: python {want}, lua {runs['lua'][0].out}")

print(f"{'dry run of 1,000,000 rows':<28} {'CPU s':>8} {'x python':>9} {'peak MB':>8}")
for name in ("tcb", "lua", "python"):
    print(f"{name:<28} {cpu[name]:8.3f} {cpu['python'] / cpu[name]:9.1f} {peak[name] / 1024:8.1f}")
print(f"{'tcb, 100,000 rows':<28} {cpu['tcb 100,000']:8.3f} {'':>9} {peak['tcb 100,000'] / 1024:8.1f}")
print(f"aim {AIM} x")
slope = (cpu["tcb"] - cpu["tcb 100,000"]) / 900_000
own = (cpu["tcb"] - cpu["start"]) / 1_000_000
verdict("dryrun_ratio", cpu["python"] / cpu["tcb"], RATIO, True)
verdict("dryrun_lua_client_ratio", cpu["python"] / cpu["lua"], LUA, True)
verdict("dryrun_cpu_per_record_growth", slope / own - 1, GROWTH, False)
verdict("dryrun_peak_kb", peak["tcb"], MEMORY_KB, False)
verdict("dryrun_peak_growth_kb", peak["tcb"] - peak["tcb 100,000"], STEP_KB, False)
