"""20,000,000 rows through a pipe: what push, dry run and plan need in memory does not grow with them. pipe.py [ROWS [FEWER]]: the peaks
at both sizes, and a line each: ok|MISS. The sandbox keeps no batch and counts what it took."""
import json
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "bench"))
from measure import Run, need, verdict      # noqa: E402

ROWS, FEWER = (int(n) for n in (sys.argv[1:] + ["20000000", "1000000"][len(sys.argv) - 1:]))
STEP_KB = 1024
folder, tcb = os.path.join(ROOT, "build/soak/pipe"), os.path.join(ROOT, "build/tcb")
shutil.rmtree(folder, ignore_errors=True)
os.makedirs(folder)
rows_of, journal, variables = (os.path.join(folder, name) for name in ("rows", "push.db", "sandbox.env"))
subprocess.run(["cc", "-O2", "-o", rows_of, os.path.join(ROOT, "spec/soak/pipe_rows.c")], check=True)
env = {"TCB_STATE_DIR": os.path.join(folder, "state"), "XDG_CONFIG_HOME": os.path.join(folder, "config"), "TMPDIR": folder}


def piped(what, rows, *argv):
    """Runs tcb with that many rows on its standard input."""
    made = subprocess.Popen([rows_of, str(rows)], stdout=subprocess.PIPE)
    before = os.dup(0)
    os.dup2(made.stdout.fileno(), 0)
    made.stdout.close()
    try:
        run = need(Run([tcb, *argv], env=env), "tcb " + what)
    finally:
        os.dup2(before, 0)
        os.close(before)
    assert made.wait() == 0, "pipe_rows failed"
    print(f"{what:<8} {rows:>10} rows {run.peak_kb / 1024:6.1f} MB {run.cpu_s:8.2f} s CPU {run.wall_s:8.2f} s", flush=True)
    return run, json.loads(run.out.strip().splitlines()[-1])


def push(rows):
    for tail in ("", "-wal", "-shm", "-lock", ".spool"):
        if os.path.exists(journal + tail):
            os.remove(journal + tail)
    run, said = piped("push", rows, "push", "-", "--journal", journal, "--limit", "push=0", "--no-store", "--yes", "--json", "--quiet")
    assert said["sent"] == rows and said["refused"] == 0 and said["batches"] == -(-rows // 500), said
    return run


def dry(rows):
    run, said = piped("dry run", rows, "push", "-", "--dry-run", "--json", "--quiet")
    assert said["records"] == rows, said
    return run


def plan(rows):
    run, said = piped("plan", rows, "plan", "-", "--limit", "push=0", "--json")
    assert said["summary"]["ok"] == rows, said
    return run


sandbox = subprocess.Popen([tcb, "sandbox", "--forget", "--limit", "push=0", "--env", variables], stdout=subprocess.PIPE, text=True,
                           env=dict(os.environ, **env))
try:
    for line in sandbox.stdout:
        name, _, value = line.strip().removeprefix("export ").partition("=")
        env[name] = value.strip("'\"")
        if name == "TCB_API_KEY":
            break
    for name, case in (("push", push), ("dry_run", dry), ("plan", plan)):
        few, many = case(FEWER), case(ROWS)
        verdict(f"pipe_{name}_peak_growth_kb", many.peak_kb - few.peak_kb, STEP_KB, False)
finally:
    sandbox.terminate()
    sandbox.wait()
    shutil.rmtree(folder, ignore_errors=True)
