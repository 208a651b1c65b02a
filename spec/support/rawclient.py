"""Raw sockets for the specs: send exactly these bytes, see exactly what comes back."""
import errno
import socket
import ssl
import sys
import time


def connect(where, tls=False, timeout=10):
    """`where` is a port of 127.0.0.1, or the path of a unix socket."""
    if isinstance(where, int):
        s = socket.create_connection(("127.0.0.1", where), timeout)
    else:
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.settimeout(timeout)
        s.connect(where)
    if tls:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        s = context.wrap_socket(s)
    return s


def read_all(s, timeout=10):
    """Everything until the end, and how it ended: eof, rst or timeout."""
    got = b""
    s.settimeout(timeout)
    while True:
        try:
            piece = s.recv(65536)
        except socket.timeout:
            return got, "timeout"
        except OSError as e:
            return got, "rst" if e.errno in (errno.ECONNRESET, errno.EPIPE) else errno.errorcode.get(e.errno, str(e))
        if not piece:
            return got, "eof"
        got += piece


def talk(where, *pieces, tls=False, timeout=10, pause=0):
    """Sends the pieces, then reads to the end. A refusal may come before all of them have left."""
    s = connect(where, tls)
    try:
        for piece in pieces:
            s.sendall(piece if isinstance(piece, bytes) else piece.encode())
            if pause:
                time.sleep(pause)
    except OSError:
        pass
    try:
        return read_all(s, timeout)
    finally:
        s.close()


def request(method, path, body=b"", headers=(), close=True):
    body = body if isinstance(body, bytes) else body.encode()
    lines = ["%s %s HTTP/1.1" % (method, path), "Host: spec"] + list(headers)
    if close:
        lines.append("Connection: close")
    if body and not any(h.lower().startswith(("content-length", "transfer-encoding")) for h in headers):
        lines.append("Content-Length: %d" % len(body))
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def status(answer):
    """The status of an answer's first line, 0 when there is none."""
    data = answer[0] if isinstance(answer, tuple) else answer
    parts = data.split(b" ", 2)
    return int(parts[1]) if len(parts) > 1 and data.startswith(b"HTTP/1.1 ") else 0


def show(answer):
    """`STATUS END BODY` on one line, for the spec to compare."""
    data, end = answer
    body = data.split(b"\r\n\r\n", 1)[1] if b"\r\n\r\n" in data else b""
    print(status(data), end, body.decode("utf-8", "replace"))
    sys.stdout.flush()
