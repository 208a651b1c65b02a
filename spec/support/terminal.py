"""Drives a program on a terminal: terminal.py COLUMNS TERM CMD ARGS... < steps.

Each line of the steps is a JSON array: ["expect", REGEX], ["send", TEXT] (escapes as in JSON), ["signal", NAME], ["time", REGEX], ["pause", SECONDS].
The transcript goes to stdout, without carriage returns unless TERMINAL_RAW is set; its last line is `exit N` (128 + N for a signal). A step whose
pattern does not come within 20 s ends with exit 99 and says so.
"""
import fcntl, json, os, pty, re, select, signal, struct, sys, termios, time

LIMIT_S = 20


def shown(text):
    return text if os.environ.get("TERMINAL_RAW") else text.replace("\r", "")


def main():
    columns, term, command = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    steps = [json.loads(line) for line in sys.stdin if line.strip()]
    started = time.monotonic()
    pid, fd = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        os.environ["TERM"] = term
        os.environ.pop("COLUMNS", None)
        os.execvp(command[0], command)
    seen, at = "", 0
    raw = b""

    def read_more(seconds):
        nonlocal raw, seen
        ready, _, _ = select.select([fd], [], [], seconds)
        if not ready:
            return True
        try:
            data = os.read(fd, 65536)
        except OSError:
            return False
        if not data:
            return False
        raw += data
        seen = raw.decode("utf-8", "replace")
        return True

    for step in steps:
        if step[0] == "send":
            os.write(fd, step[1].encode())
        elif step[0] == "pause":
            time.sleep(step[1])
        elif step[0] == "signal":
            os.kill(pid, getattr(signal, "SIG" + step[1]))
        else:
            pattern, limit = re.compile(step[1], re.S), time.monotonic() + (LIMIT_S if step[0] == "expect" else 60)
            while True:
                found = pattern.search(seen, at)
                if found:
                    at = found.end()
                    break
                if time.monotonic() > limit or not read_more(0.1) and not pattern.search(seen, at):
                    print(shown(seen))
                    print("\nno match for %r" % step[1])
                    os.kill(pid, signal.SIGKILL)
                    print("exit 99")
                    return
            if step[0] == "time":
                print("took %.1f ms" % ((time.monotonic() - started) * 1000))
    limit = time.monotonic() + LIMIT_S
    while time.monotonic() < limit and read_more(0.1):
        pass
    if time.monotonic() >= limit:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    print(shown(seen))
    print("exit %d" % (os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)))


main()
