#!/usr/bin/env python3
"""A raw HTTP/1.1 server that misbehaves on request: the path says how. Standard library only.

raw.py [--tls CERT KEY | --proxy TARGET_PORT | --full (never accepts)] prints "PORT PID" and serves 127.0.0.1 until its parent is gone or it gets SIGTERM.
GET /seen gives {path: number of requests whose last byte arrived} over all connections, and "connections".
"""
import base64
import gzip
import json
import os
import socket
import ssl
import struct
import sys
import threading
import time
import urllib.parse

seen, lock, connections = {}, threading.Lock(), [0]


def watch_parent(parent=os.getppid()):
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


def answer(body=b"{}", status="200 OK", headers=(), length=True):
    lines = ["HTTP/1.1 " + status, "Content-Type: application/json", *headers]
    if length:
        lines.append("Content-Length: %d" % len(body))
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def echo(method, target, headers, body):
    return answer(json.dumps({"method": method, "target": target, "headers": headers, "bytes": len(body),
                              "body": body[:2000].decode("latin1")}).encode())


def drip(sock, query):
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(200):
        sock.sendall(b" ")
        time.sleep(0.05)


def serve_one(sock, method, target, headers, body):
    """Answers one request; False closes the connection."""
    path, _, query = target.partition("?")
    query = dict(urllib.parse.parse_qsl(query))
    if path == "/seen":
        with lock:
            sock.sendall(answer(json.dumps(dict(seen, connections=connections[0])).encode()))
    elif path == "/cut/fin":
        return False
    elif path == "/cut/rst":
        reset(sock)
        return False
    elif path == "/half-head":
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: applic")
        return False
    elif path == "/half-body":
        sock.sendall(answer(b'{"token": "abc', headers=["Content-Length: 400"], length=False))
        return False
    elif path == "/half-chunk":
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{\"to")
        return False
    elif path == "/no-length":
        sock.sendall(answer(b'{"a": 1}', length=False))
        return False
    elif path == "/chunked":
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\n{\"a\":\r\n3\r\n 1}\r\n0\r\nTrailer: t\r\n\r\n")
    elif path == "/long-header":
        sock.sendall(answer(b"{}", headers=["X-Long: " + "x" * int(query.get("n", 200000))]))
    elif path == "/many-headers":
        sock.sendall(answer(b"{}", headers=["X-%d: %d" % (i, i) for i in range(int(query["n"]))]))
    elif path == "/two-headers":
        sock.sendall(answer(b"{}", headers=["X-A: 1", "x-a:2", "Retry-After:   7  "]))
    elif path == "/no-status":
        sock.sendall(b"hello there\r\n\r\n")
        return False
    elif path == "/early-hints":
        sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + answer(b'{"a": 1}'))
    elif path == "/stall":
        time.sleep(float(query.get("s", 5)))
        sock.sendall(answer())
    elif path == "/stall-body":
        sock.sendall(answer(b"{", headers=["Content-Length: 9"], length=False))
        time.sleep(float(query.get("s", 5)))
    elif path == "/drip":
        drip(sock, query)
    elif path == "/gzip":
        sock.sendall(answer(gzip.compress(b'{"zipped": true}'), headers=["Content-Encoding: gzip"]))
    elif path == "/bomb":
        sock.sendall(answer(gzip.compress(b" " * (64 << 20)), headers=["Content-Encoding: gzip"]))
    elif path == "/bad-gzip":
        sock.sendall(answer(b"this is not gzip", headers=["Content-Encoding: gzip"]))
    elif path == "/redirect":
        sock.sendall(answer(b"{}", "302 Found", ["Location: /redirected"]))
    elif path == "/status":
        sock.sendall(answer(query.get("body", "{}").encode(), query["s"] + " Text"))
    elif path == "/big":
        sock.sendall(answer(b"x" * int(query["n"])))
    elif path == "/empty":
        sock.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
    elif path == "/close":
        sock.sendall(answer(b"{}", headers=["Connection: close"]))
        return False
    else:
        sock.sendall(echo(method, target, headers, body))
    return True


def tunnel(sock, target_port, wanted, user):
    """A proxy's CONNECT; `wanted` is the host:port asked for, `user` what Proxy-Authorization says."""
    known = "Basic " + base64.b64encode(b"me::p@ss").decode()
    if wanted.startswith("refused") or (wanted.startswith("user") and user != known):
        sock.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        return
    peer = socket.create_connection(("127.0.0.1", target_port))
    sock.sendall(b"HTTP/1.1 200 Connection established\r\nX-Proxy: secret\r\n\r\n")

    def pump(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass
    threading.Thread(target=pump, args=(peer, sock), daemon=True).start()
    pump(sock, peer)


def serve(raw, context, target_port):
    try:
        raw.settimeout(60)
        sock = context.wrap_socket(raw, server_side=True) if context else raw
        with lock:
            connections[0] += 1
        buffered = b""
        while True:
            while b"\r\n\r\n" not in buffered:
                data = sock.recv(65536)
                if not data:
                    return
                buffered += data
                if not buffered[:1].isalpha():               # a TLS hello on the plain port
                    return sock.sendall(answer(b"{}", "400 Bad Request"))
            head, _, buffered = buffered.partition(b"\r\n\r\n")
            lines = head.decode("latin1").split("\r\n")
            method, target, _ = lines[0].split(" ", 2)
            headers = [line.split(": ", 1) for line in lines[1:]]
            if method == "CONNECT":
                with lock:
                    seen["CONNECT " + target] = seen.get("CONNECT " + target, 0) + 1
                return tunnel(sock, target_port, target, dict(headers).get("Proxy-Authorization"))
            path = target.partition("?")[0]
            if path.startswith("/unread/"):                  # cuts before it has read the body
                with lock:
                    seen[path] = seen.get(path, 0) + 1
                if path.endswith("rst"):
                    reset(sock)
                return
            length = int(dict((k.lower(), v) for k, v in headers).get("content-length", 0))
            while len(buffered) < length:
                data = sock.recv(65536)
                if not data:
                    return
                buffered += data
            body, buffered = buffered[:length], buffered[length:]
            with lock:
                seen[path] = seen.get(path, 0) + 1
            if not serve_one(sock, method, target, headers, body):
                return
    except (OSError, ValueError):
        pass
    finally:
        try:
            sock.close()
        except (OSError, UnboundLocalError):
            pass
        raw.close()


def main(args):
    context, target_port = None, None
    if args and args[0] == "--tls":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(args[1], args[2])
    if args and args[0] == "--proxy":
        target_port = int(args[1])
    full = args == ["--full"]
    listener = socket.create_server(("127.0.0.1", 0), backlog=0 if full else 256)
    waiting = [socket.socket() for _ in range(4 if full else 0)]
    for s in waiting:
        s.setblocking(False)
        s.connect_ex(listener.getsockname())
    print(listener.getsockname()[1], os.getpid(), flush=True)
    threading.Thread(target=watch_parent, daemon=True).start()
    while full:
        time.sleep(1)
    while True:
        raw, _ = listener.accept()
        threading.Thread(target=serve, args=(raw, context, target_port), daemon=True).start()


main(sys.argv[1:])
