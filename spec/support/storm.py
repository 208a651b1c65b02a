"""Delivers events to `tcb listen` while killing it: storm.py BINARY DIR EVENTS KILLS SEED.

Each event is delivered 1 to 4 times, all shuffled; a delivery that is not answered 200 is repeated later, as the service does. The
receiver is killed with SIGKILL at KILLS moments spread over the deliveries and started again on the same port. At the end the handlers
get the time they need. Prints one JSON object: events, acknowledged (distinct), deliveries, kills, effects (lines that the handler
wrote), distinct (effects by event), code (of the
receiver after SIGTERM), key_in_log, log (its end).
"""
import collections
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time

binary, folder, events, kills, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
draw = random.Random(seed)
KEY = "storm-key-0123456789"
SENDERS = 8


def path(name):
    return os.path.join(folder, name)


with open(path("key"), "w") as f:
    os.chmod(path("key"), 0o600)
    f.write(KEY)
with open(path("handlers.lua"), "w") as f:
    f.write("""local file = assert(io.open(%s, "a"))
return { other = function(event)
  assert(file:write(event.id, " ", event.number, "\\n"))
  assert(file:flush())
end }
""" % json.dumps(path("effects")))
with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    port = s.getsockname()[1]


def start():
    log = open(path("log"), "a")
    p = subprocess.Popen([binary, "listen", "--port", str(port), "--key-file", path("key"), "--script", path("handlers.lua"), "--inbox",
                          path("inbox.db")], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    log.close()
    return p


def body(i):
    return json.dumps({"event_id": "event-%d" % i, "event_type": "cmb", "created_at": "1753945760", "cmb_payload": {
        "client_number": "9190000%05d" % (i % 997), "is_interested": True, "feature_set": "Deliveries"}}).encode()


work = [i for i in range(events) for _ in range(draw.randint(1, 4))]
draw.shuffle(work)
total = len(work)
queue = collections.deque(work)
lock = threading.Lock()
acknowledged, sent, done = set(), [0], [0]
kill_at = sorted(draw.randrange(total) for _ in range(kills))


def sender():
    connection = None
    while True:
        with lock:
            if not queue:
                return
            i = queue.popleft()
        try:
            if connection is None:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("POST", "/hook?key=" + KEY, body(i), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            ok = answer.status == 200 and answer.getheader("Content-Type") == "application/json"
        except (OSError, http.client.HTTPException):
            ok = False
            connection.close()
            connection = None
            time.sleep(0.02)
        with lock:
            sent[0] += 1
            if ok:
                done[0] += 1
                acknowledged.add(i)
            else:
                queue.append(i)


receiver = start()
threads = [threading.Thread(target=sender) for _ in range(SENDERS)]
for t in threads:
    t.start()
killed = 0
while any(t.is_alive() for t in threads) or killed < kills:
    if killed < kills and done[0] >= kill_at[killed]:
        time.sleep(draw.random() * 0.01)
        receiver.send_signal(signal.SIGKILL)
        receiver.wait()
        killed += 1
        receiver = start()
    time.sleep(0.001)


def waiting():
    out = subprocess.run([binary, "inbox", "stats", "--json", "--inbox", path("inbox.db")], stdout=subprocess.PIPE).stdout
    return json.loads(out)["waiting"] if out else -1


give_up = time.time() + 120
while waiting() != 0 and time.time() < give_up:
    time.sleep(0.2)
receiver.send_signal(signal.SIGTERM)
code = receiver.wait()
with open(path("effects")) as f:
    effects = [line.split() for line in f]
with open(path("log")) as f:
    log = f.read()
print(json.dumps({"events": events, "acknowledged": len(acknowledged), "deliveries": sent[0], "kills": killed, "effects": len(effects),
                  "distinct": len({e[0] for e in effects}), "code": code, "key_in_log": KEY in log, "log": log[-2000:]}))
