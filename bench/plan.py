"""`tcb plan` on 1,000,000 rows with 250 planted faults of 14 kinds: it reports exactly those, at most 8 MB of memory at the peak,
and a finish within 1 % of a rehearsed push's."""
import json
import os
import random
import sys

import measure
from measure import ROOT, Run, in_turn, median, need, verdict

ROWS, FAULTS = 1_000_000, 250
PEAK_KB, STEP_KB = 8 * 1024, 512
FINISH_OFF = 0.01
BASE = 1893456000000                # 2030-01-01T00:00:00Z
LABEL = "0c7d1f6e-0281-4f86-bb27-745254543456"
CODES = ["csv", "encoding", "missing", "number", "label", "length", "charset", "edge", "time", "order", "past", "window", "duplicate", "overlap"]
HEADER = b"caller_number,receiver_number,label_id,dynamic_label_name,dynamic_call_reason,starts_at,ends_at\n"


def row(i):
    """A good row; no two have the same numbers."""
    start = BASE + (i * 7919) % 86_400_000
    name = ("Acme Deliveries", "\"Smith, \"\"Jones\"\" & Co\"", "Café Déjà Vu", "राष्ट्रीय बैंक सेवा")[i % 4]
    return ["911234567890", f"9{1_000_000_000 + i}", LABEL, name, f"Your order {i} arrives today", str(start), str(start + 3_600_000)]


def spoil(cells, code, earlier, rnd):
    start = int(cells[5])
    if code == "csv":
        cells[rnd.choice([1, 4])] = '"' + cells[4] if rnd.random() < 0.3 else cells[4] + ",more"
    elif code == "encoding":
        cells[4] = "Ihre Bestellung k\udce4me heute"
    elif code == "missing":
        cells[rnd.choice([0, 1, 2, 5, 6])] = ""
    elif code == "number":
        cells[rnd.choice([0, 1])] = rnd.choice(["9.19877E+11", "1234567", "91ABC1234567", "919876543210.0", "1234567890123456"])
    elif code == "label":
        cells[2] = rnd.choice(["acme", LABEL[:-1], LABEL.replace("-", "_")])
    elif code == "length":
        cells[rnd.choice([3, 4])] = rnd.choice(["Öl", "x" * 101, "é" * 101])
    elif code == "charset":
        cells[4] = "Your order arrives " + rnd.choice("!@#$%^&*()_+/") + " today"
    elif code == "edge":
        cells[4] = "Your order arrives today" + rnd.choice(".- ")
    elif code == "time":
        cells[5] = rnd.choice(["1893456000", "tomorrow", "1.89346E+12", "2030-01-01T10:00:00"])
    elif code == "order":
        cells[6] = str(start - rnd.choice([0, 1, 1000]))
    elif code == "past":
        cells[5], cells[6] = "1600000000000", "1600003600000"
    elif code == "window":
        cells[6] = str(start + 86_400_001)
    elif code == "duplicate":
        cells[1], cells[5], cells[6] = earlier[1], earlier[5], earlier[6]
    elif code == "overlap":
        cells[1], cells[5], cells[6] = earlier[1], str(int(earlier[5]) + 1), str(int(earlier[6]) + 1)


def make(path, rows):
    """Writes the file; [(line, code)] of what is wrong with it."""
    rnd = random.Random(5)
    wrong = sorted(rnd.sample(range(rows // 10, rows), FAULTS))
    planted = {at: CODES[n % len(CODES)] for n, at in enumerate(wrong)}
    with open(path, "wb") as f:
        f.write(HEADER)
        for i in range(rows):
            cells = row(i)
            if i in planted:                             # the row that is repeated lies far before, and is repeated by no other
                spoil(cells, planted[i], row(wrong.index(i) * 17), rnd)
            f.write(",".join(cells).encode("utf-8", "surrogateescape") + b"\n")
    return [(i + 2, planted[i]) for i in wrong]


os.makedirs(measure.DATA, exist_ok=True)
big, small = (os.path.join(measure.DATA, f"planted-{n}.csv") for n in (ROWS, ROWS // 10))
planted = make(big, ROWS)
make(small, ROWS // 10)
tcb = os.path.join(ROOT, "build/tcb")
env = {"TCB_STATE_DIR": os.path.join(measure.DATA, "state"), "XDG_CONFIG_HOME": os.path.join(measure.DATA, "config")}


def plan(path):
    return lambda: need(Run([tcb, "plan", path, "--json", "--quiet"], env=env), "tcb plan", 4)


runs = in_turn({"big": plan(big), "small": plan(small)}, {"big": 5, "small": 5})
lines = [json.loads(line) for line in runs["big"][0].out.splitlines()]
found = sorted((f["line"], f["code"]) for f in lines[:-1])
if found != planted:
    sys.exit(f"planted and not found: {sorted(set(planted) - set(found))[:9]}; found and not planted: {sorted(set(found) - set(planted))[:9]}")
peak = {name: max(r.peak_kb for r in list_) for name, list_ in runs.items()}
print(f"plan of {ROWS:,} rows: {median(runs['big']):.3f} CPU s, peak {peak['big'] / 1024:.1f} MB; of {ROWS // 10:,} rows: "
      f"{median(runs['small']):.3f} CPU s, peak {peak['small'] / 1024:.1f} MB; {len(found)} faults of {len(CODES)} kinds found, none else")
verdict("plan_faults_found", len(found), FAULTS, True)
verdict("plan_peak_kb", peak["big"], PEAK_KB, False)
verdict("plan_peak_growth_kb", peak["big"] - peak["small"], STEP_KB, False)
rehearsed = need(Run([tcb, "rehearse", os.path.join(ROOT, "bench/finish.lua"), big], env=env), "tcb rehearse", 0)
planned, took = (float(word) for word in rehearsed.out.split()[:2])
print(f"finish: planned after {planned:.1f} s, rehearsed after {took:.1f} s")
verdict("plan_finish_off", abs(planned - took) / took, FINISH_OFF, False)
os.remove(big)
os.remove(small)
