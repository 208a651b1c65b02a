"""A service that says too much: answers with what it was sent. echo_server.py ENV_FILE; ends with its parent.

Token calls give SENTINEL-TOKEN...; every other call answers 400 with token, key and numbers of the request in its message.
"""
import http.server, json, os, sys, threading, time

TOKEN = "SENTINEL-TOKEN-" + "x" * 49


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    keys = ""

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        if self.path.endswith("/token"):
            Handler.keys = body
            status, text = 200, {"token": TOKEN, "created_at": "2026-01-10T06:59:05.72Z"}
        else:
            status = 400
            text = {"slug": "invalid-input", "message": "no: %s %s %s" % (self.headers.get("Authorization"), Handler.keys, body[:300])}
        data = json.dumps(text).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with open(sys.argv[1] + ".new", "w") as file:
        file.write("http://127.0.0.1:%d\n" % server.server_port)
    os.rename(sys.argv[1] + ".new", sys.argv[1])
    parent = os.getppid()

    def watch():
        while os.getppid() == parent:
            time.sleep(0.2)
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()
    server.serve_forever()


main()
