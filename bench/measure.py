"""Measuring for the bench programs: CPU seconds and peak memory of one process, pinned to a processor.

CPU is user + sys of the child alone (wait4). Peak memory is its VmHWM, read from /proc while it runs: ru_maxrss would be that of
this process, which a child inherits.
"""
import os
import statistics
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DATA = os.path.join(ROOT, "build", "bench")


class Run:
    """One run of a command: cpu_s, wall_s, peak_kb, out (standard output)."""

    def __init__(self, argv, cpu=0, env=None):
        read, write = os.pipe()
        started = time.monotonic()
        pid = os.fork()
        if pid == 0:
            os.sched_setaffinity(0, {cpu % (os.cpu_count() or 1)})
            os.dup2(write, 1)
            os.closerange(3, 64)
            try:
                os.execvpe(argv[0], argv, dict(os.environ, **(env or {})))
            finally:
                os._exit(127)
        os.close(write)
        self.peak_kb, chunks = 0, []
        os.set_blocking(read, False)
        while True:
            self._look(pid)
            chunks.append(self._take(read))
            done, status, usage = os.wait4(pid, os.WNOHANG)
            if done:
                break
            time.sleep(0.002)
        chunks.append(self._take(read))
        os.close(read)
        self.wall_s = time.monotonic() - started
        self.cpu_s = usage.ru_utime + usage.ru_stime
        self.status = os.waitstatus_to_exitcode(status)
        self.out = b"".join(chunks).decode()

    def _look(self, pid):
        try:
            with open(f"/proc/{pid}/status") as f:
                for line in f:
                    if line.startswith("VmHWM:"):
                        self.peak_kb = int(line.split()[1])       # the last look counts: before exec it is this process's own
        except OSError:
            pass

    @staticmethod
    def _take(fd):
        parts = []
        try:
            while part := os.read(fd, 65536):
                parts.append(part)
        except BlockingIOError:
            pass
        return b"".join(parts)


def need(run, what, *statuses):
    """Exits when a run ended in another way than expected."""
    if run.status not in (statuses or (0,)):
        sys.exit(f"{what}: exit {run.status}\n{run.out}")
    return run


def in_turn(cases, rounds):
    """Runs the cases, {name: function}, in turn; {name: [runs]}."""
    runs = {name: [] for name in cases}
    for n in range(max(rounds.values())):
        for name, case in cases.items():
            if n < rounds[name]:
                runs[name].append(case())
    return runs


def median(runs, field="cpu_s"):
    return statistics.median(getattr(r, field) for r in runs)


def data(name, *generator):
    """The file build/bench/NAME, made by bench/yardstick/gen.py when it is not there yet."""
    path = os.path.join(DATA, name)
    if not os.path.exists(path):
        os.makedirs(DATA, exist_ok=True)
        need(Run([sys.executable, os.path.join(ROOT, "bench/yardstick/gen.py"), *generator, path + ".new"]), "gen.py")
        os.rename(path + ".new", path)
    return path


def verdict(name, measured, bound, is_least):
    """The line that ends a bench: ok|MISS NAME MEASURED BOUND."""
    good = measured >= bound if is_least else measured <= bound
    print(f"{'ok' if good else 'MISS'} {name} {measured:.4g} {'>=' if is_least else '<='}{bound:g}", flush=True)
