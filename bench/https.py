"""The first HTTPS request of a whole process: of tcb, against a bare C program that links libcurl; the same local server, and for both the
system's certificates in a hashed directory. For comparison, not bound: a client that needs a token first (two requests), and one that keeps
its account's state on the disk. Also the start of tcb alone against that of its Lua. Medians, in turn."""
import http.server
import os
import shutil
import ssl
import statistics
import subprocess
import sys
import threading
import time

import measure
from measure import ROOT, verdict

BOUND, START = 1.25, 1.05           # tcb's wall time / the other's, at most
ROUNDS, STARTS = 60, 200
folder = os.path.join(measure.DATA, "https")
shutil.rmtree(folder, ignore_errors=True)
hashed = os.path.join(folder, "certs")
os.makedirs(folder)
shutil.copytree("/etc/ssl/certs", hashed) if os.path.isdir("/etc/ssl/certs") else os.makedirs(hashed)
new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def openssl(*argv):
    subprocess.run(["openssl", *argv], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


openssl("req", "-x509", *new, "-keyout", "ca.key", "-out", "certs/bench-ca.pem", "-days", "2", "-subj", "/CN=bench ca",
        "-addext", "basicConstraints=critical,CA:TRUE")
openssl("req", *new, "-keyout", "key.pem", "-out", "server.csr", "-subj", "/CN=127.0.0.1")
with open(os.path.join(folder, "server.ext"), "w") as f:
    f.write("subjectAltName=IP:127.0.0.1\n")
openssl("x509", "-req", "-in", "server.csr", "-CA", "certs/bench-ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "1",
        "-extfile", "server.ext", "-out", "cert.pem")
openssl("rehash", "certs")
bare = os.path.join(folder, "https_bare")
flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libcurl"], check=True, capture_output=True, text=True).stdout.split()
subprocess.run([os.environ.get("CC", "cc"), "-O2", "-o", bare, os.path.join(ROOT, "bench/https_bare.c"), *flags], check=True)


class Answers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self, body):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    def do_POST(self):
        self.answer(b'{"token":"' + b"t" * 64 + b'"}')

    def do_GET(self):
        self.answer(b'{"data":[]}')

    def log_message(self, *_):
        pass


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem"))
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
if os.fork() == 0:
    os.sched_setaffinity(0, {1 % os.cpu_count()})
    parent = os.getppid()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while os.getppid() == parent:
        threading.Event().wait(0.2)
    os._exit(0)
url = f"https://127.0.0.1:{server.server_port}"
server.socket.close()

ID = "91c173bb-28d8-4030-9722-8663ff9589f3"
env = dict(os.environ, TCB_BASE_URL=url, TCB_ACCOUNT=ID, TCB_KEY_ID=ID, TCB_API_KEY=ID, SSL_CERT_DIR=hashed, SSL_CERT_FILE="",
           TCB_STATE_DIR=os.path.join(folder, "state"), XDG_CONFIG_HOME=os.path.join(folder, "config"))
tcb, lua = os.path.join(ROOT, "build/tcb"), shutil.which("lua5.4")


def timed(*argv):
    """(wall, CPU) seconds of a process that is over in milliseconds: spawned, not forked from this large one, and waited for."""
    started = time.monotonic()
    pid = os.posix_spawn(argv[0], argv, env)
    _, status, usage = os.wait4(pid, 0)
    wall = time.monotonic() - started
    if status != 0:
        sys.exit(f"{argv}: status {status}")
    return wall, usage.ru_utime + usage.ru_stime


def in_turn(cases, rounds):
    """{name: (wall, CPU)}: medians of `rounds` runs of each case, in turn."""
    runs = {name: [] for name in cases}
    for _ in range(rounds):
        for name, argv in cases.items():
            runs[name].append(timed(*argv))
    return {name: [statistics.median(column) for column in zip(*list_)] for name, list_ in runs.items()}


os.sched_setaffinity(0, {0})
SEND = 'local res = assert(require "tcb.runtime.curl".send{ method = "GET", url = os.getenv "TCB_BASE_URL" .. "/x" }) assert(res.status == 200)'
CALL = 'assert(tcb.client(%s):request{ method = "GET", path = "/x" })'
timed(tcb, "-e", CALL % "")         # a token is at hand in the state file from now on
cases = {"C": (bare, url + "/x", hashed), "tcb": (tcb, "-e", SEND)}
more = {"tcb, a client: token and call": (tcb, "-e", CALL % '{ store = "memory" }'), "tcb, a token of the state file": (tcb, "-e", CALL % "")}
first, start = in_turn(cases | more, ROUNDS), in_turn({"tcb": (tcb, "-e", ""), "lua5.4": (lua, "-e", "")}, STARTS)
shutil.rmtree(folder)
for what, case in (("first HTTPS request", first), ("start", start)):
    for name, (wall, cpu) in case.items():
        print(f"{what + ', ' + name:<54} {1000 * wall:7.2f} ms {1000 * cpu:7.2f} ms CPU")
verdict("https_first_request_ratio", first["tcb"][0] / first["C"][0], BOUND, False)
verdict("start_ratio", start["tcb"][0] / start["lua5.4"][0], START, False)
