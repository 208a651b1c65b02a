#!/usr/bin/env python3
"""Clients that nginx meets: rough.py PORT REQUESTS. Forty at a time ask for the paths in turn; those of /hang go away before the
answer, half of them with a reset. Prints JSON: {path: {answer: how often}}."""
import collections
import itertools
import json
import random
import socket
import struct
import sys
import threading
import time

PATHS = ["/fast", "/hang", "/slow", "/big", "/dead", "/cut", "/reset", "/late"]
port, total = int(sys.argv[1]), int(sys.argv[2])
lock = threading.Lock()
answers = collections.defaultdict(collections.Counter)


def ask(path, n):
    with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
        sock.sendall(("GET %s HTTP/1.0\r\nHost: spec\r\n\r\n" % path).encode())
        if path == "/hang":
            time.sleep(random.random() * 0.02)
            if n % 2:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return "left"
        data = b""
        while more := sock.recv(65536):
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        return head[9:12].decode() + " " + body.decode("latin1")[:100]


def work():
    for n in iter(lambda: next(numbers, None), None):
        path = PATHS[n % len(PATHS)]
        try:
            got = ask(path, n)
        except OSError as err:
            got = "broken: %s" % err
        with lock:
            answers[path][got] += 1


class Locked:
    """An iterator for many threads."""

    def __init__(self, inner):
        self.inner, self.lock = inner, threading.Lock()

    def __next__(self):
        with self.lock:
            return next(self.inner)

    def __iter__(self):
        return self


numbers = Locked(itertools.islice(itertools.count(), total))
threads = [threading.Thread(target=work) for _ in range(40)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(json.dumps(answers))
